"""What scores mean, by bin."""

import json

import numpy as np
import pytest

from serve_app.errors import InvalidInput
from serve_app.monitoring.estimate.calibration import Calibration


def test_scores_that_are_probabilities_stay_as_they_are():
    scores = np.array([0.0, 0.003, 0.5, 0.777, 1.0])
    assert Calibration.identity().probability(scores) == pytest.approx(scores, abs=1e-12)


def test_all_scores_of_a_bin_mean_the_same():
    rates = np.linspace(0, 1, 100) ** 2
    probabilities = Calibration.of_rates(rates).probability([0.101, 0.109, 1.0])
    assert probabilities.tolist() == [rates[10], rates[10], 1.0]


def test_json_keeps_it():
    calibration = Calibration.identity()
    again = Calibration.from_json(json.loads(json.dumps(calibration.to_json())))
    assert again.rates.tolist() == calibration.rates.tolist()
    assert again.slopes.tolist() == calibration.slopes.tolist()


@pytest.mark.parametrize("rates", [np.full(99, 0.5), np.full(100, 1.2), np.full(100, np.nan)])
def test_what_is_no_map_is_refused(rates):
    with pytest.raises(InvalidInput):
        Calibration.of_rates(rates)


def test_sums_that_rows_cannot_have_are_refused():
    rows = np.zeros(100)
    rows[7] = 2
    with pytest.raises(InvalidInput, match="do not fit"):
        Calibration.identity().with_mass(rows, rows * 0.5)
