"""Calibration of probabilities, held against scikit-learn's isotonic regression."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from serve_app.monitoring.profile.calibration import Calibration, calibration, isotonic

pairs = st.lists(st.tuples(st.floats(-10, 10), st.floats(0.5, 100)), min_size=1, max_size=40)


@given(pairs)
def test_pooling_is_isotonic_regression(given_pairs):
    values, weights = np.array(given_pairs).T
    expected = IsotonicRegression().fit(np.arange(len(values)), values, weights)
    expected = expected.predict(np.arange(len(values)))
    assert isotonic(values, weights) == pytest.approx(expected.tolist(), abs=1e-9)


def test_rates_are_those_that_came_true():
    rng = np.random.default_rng(0)
    scores = rng.random(400_000)
    made = calibration("score:yes", scores, rng.random(400_000) < scores**2)
    assert (len(made.rates), sum(made.rows)) == (100, 400_000)
    assert list(made.rows) == np.histogram(scores, np.arange(101) / 100)[0].tolist()
    middles = (np.arange(100) + 0.5) / 100
    assert np.abs(np.array(made.rates) - middles**2).max() < 0.03
    assert list(made.rates) == sorted(made.rates)
    assert Calibration.from_json(made.to_json()) == made


def test_a_bin_without_rows_keeps_the_probability_itself():
    made = calibration("s", np.array([0.0, 1.0]), np.array([False, True]))
    assert (made.rows[0], made.rows[99], sum(made.rows)) == (1, 1, 2)
    assert made.rates[50] == pytest.approx(0.505)
    assert made.rates[99] == pytest.approx((1 + 0.995) / 2)


def test_what_is_no_probability_is_left_out():
    made = calibration("s", np.array([np.nan, -0.1, 1.1, 0.5]), np.array([True] * 4))
    assert (sum(made.rows), made.rows[50], made.positives[50]) == (1, 1, 1)
