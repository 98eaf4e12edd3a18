"""A short version of the simulated retrainings, by the same bootstrap and gates."""

import numpy as np
import pytest

from benchmarks.simulate.retraining import AREA, ROWS, WORSE, measure, predicted
from serve_app.models.training.metrics import METRICS

SIMULATED = 20_000


@pytest.mark.parametrize("area", [AREA, AREA - WORSE])
def test_simulated_models_are_as_good_as_they_are_meant_to_be(area):
    random = np.random.default_rng(1)
    truth = np.arange(SIMULATED) % 2
    model = predicted(truth, area, random.normal(size=SIMULATED), random)
    # Its standard error is at most sqrt(A (1 - A) / (n / 2)).
    error = np.sqrt(area * (1 - area) / (SIMULATED / 2))
    assert METRICS["roc_auc"].compute(truth, model) == pytest.approx(area, abs=4 * error)


def test_what_is_promised_holds():
    assert ROWS == 2_000
    missed = [line for line in measure(0.02) if not line.ok]
    assert not missed
