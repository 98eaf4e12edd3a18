"""Intervals and paired comparisons, against what closed forms say, and slices that add up."""

import numpy as np
import pandas as pd
import pytest

from serve_app.lifecycle.comparison import by_slice, drawn, interval, paired
from serve_app.models.training.metrics import METRICS, Predicted

RMSE, ACCURACY = METRICS["rmse"], METRICS["accuracy"]
ROWS = 400


def right_with(share, rng):
    """Predictions of class 1 of which a share is right."""
    return Predicted((rng.random(ROWS) < share).astype(int))


def compared(truth, one, other, metric):
    first, second = (drawn(truth, model, metric, 1) for model in (one, other))
    return paired(metric, first, second)


def test_the_interval_of_an_accuracy_is_that_of_the_normal_approximation():
    rng = np.random.default_rng(3)
    predicted = right_with(0.8, rng)
    low, high = interval(drawn(np.ones(ROWS), predicted, ACCURACY, 1))
    share = predicted.values.mean()
    half = 1.959964 * np.sqrt(share * (1 - share) / ROWS)
    assert (low, high) == pytest.approx((share - half, share + half), abs=0.006)


def test_the_bound_of_a_difference_is_that_of_the_paired_normal_approximation():
    rng = np.random.default_rng(4)
    one, other = right_with(0.8, rng), right_with(0.7, rng)
    outcome = compared(np.ones(ROWS), one, other, ACCURACY)
    differences = one.values - other.values
    expected = differences.mean() - 1.644854 * differences.std() / np.sqrt(ROWS)
    assert outcome.gain == pytest.approx(differences.mean())
    assert outcome.lower == pytest.approx(expected, abs=0.006)


def test_a_model_is_not_better_than_itself():
    rng = np.random.default_rng(5)
    truth, values = rng.normal(size=ROWS), Predicted(rng.normal(size=ROWS))
    outcome = compared(truth, values, values, RMSE)
    assert (outcome.gain, outcome.lower) == (0.0, 0.0)


def test_of_errors_less_is_a_gain():
    truth = np.zeros(ROWS)
    better, worse = Predicted(np.full(ROWS, 1.0)), Predicted(np.full(ROWS, 3.0))
    assert compared(truth, better, worse, RMSE).gain == pytest.approx(2.0)


def test_slices_of_a_column_hold_each_row_once():
    rng = np.random.default_rng(6)
    frame = pd.DataFrame(
        {
            "town": rng.choice(["north", "south"], ROWS),
            "age": rng.normal(50, 10, ROWS),
            "grade": rng.integers(0, 3, ROWS),
        }
    )
    frame.loc[:9, ["town", "age"]] = None
    truth = rng.normal(size=ROWS)
    models = {"challenger": Predicted(np.zeros(ROWS))}
    slices = by_slice(frame, ("town", "age", "grade"), truth, models, RMSE)
    for column, count in {"town": 3, "age": 5, "grade": 3}.items():
        own = [one for one in slices if one["column"] == column]
        assert (len(own), sum(one["rows"] for one in own)) == (count, ROWS)
    south = next(one for one in slices if one["slice"] == "south")
    mask = (frame["town"] == "south").to_numpy()
    assert south["challenger"] == pytest.approx(np.sqrt(np.mean(truth[mask] ** 2)))


def test_a_slice_of_one_class_has_no_area_and_says_so():
    frame = pd.DataFrame({"town": ["a", "a", "b", "b"]})
    shares = np.array([[0.2, 0.8]] * 4)
    models = {"challenger": Predicted(np.ones(4, dtype=int), shares)}
    truth = np.array([1, 1, 0, 1])
    values = [
        one["challenger"] for one in by_slice(frame, ("town",), truth, models, METRICS["roc_auc"])
    ]
    assert values == [None, 0.5]
