"""Sums of predicted numbers: metrics as scikit-learn's, merging in any order."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.regression import RegressionSums


def rows(seed, n=1000, shift=0.0):
    rng = np.random.default_rng(seed)
    signal = rng.normal(0, 2, n)
    truth = shift + signal + rng.normal(0, 1, n)
    return truth, shift + signal + 0.3


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_metrics_are_those_of_scikit_learn(shift):
    truth, predicted = rows(1, shift=shift)
    metrics = RegressionSums.of(truth, predicted).metrics()
    assert metrics["rmse"].value == pytest.approx(root_mean_squared_error(truth, predicted))
    assert metrics["mae"].value == pytest.approx(mean_absolute_error(truth, predicted))
    assert metrics["r2"].value == pytest.approx(r2_score(truth, predicted))
    assert metrics["bias"].value == pytest.approx(np.mean(predicted - truth))
    assert {metric.n for metric in metrics.values()} == {1000}


def test_intervals_hold_the_metric_of_all_rows():
    truth, predicted = rows(7, n=200_000)
    right = RegressionSums.of(truth, predicted).metrics()
    held = dict.fromkeys(("rmse", "mae", "r2", "bias"), 0)
    for start in range(0, 200_000, 400):
        part = slice(start, start + 400)
        metrics = RegressionSums.of(truth[part], predicted[part]).metrics()
        for name in held:
            held[name] += metrics[name].low <= right[name].value <= metrics[name].high
    assert all(0.92 <= count / 500 <= 0.98 for count in held.values()), held


def test_coverage_is_the_share_of_truths_below_a_predicted_quantile():
    truth, _ = rows(3)
    level = np.quantile(truth, 0.9)
    sums = RegressionSums.of(truth, truth, {"0.9": np.full(1000, level)})
    assert sums.metrics()["coverage_0.9"].value == pytest.approx(0.9, abs=1e-3)
    unknown = RegressionSums.of([1.0, 2.0], [1.0, 2.0], {"0.9": [np.nan, 3.0]})
    assert (sums + unknown).coverage["0.9"][1] == 1001


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.randoms())
def test_windows_add_up_to_one_pass_in_any_order(sizes, chance):
    truth, predicted = rows(5, n=sum(sizes))
    quantile = predicted + 1
    ends = np.cumsum(sizes)
    slices = [slice(end - n, end) for n, end in zip(sizes, ends, strict=True)]
    parts = [
        RegressionSums.of(truth[part], predicted[part], {"0.8": quantile[part]}) for part in slices
    ]
    chance.shuffle(parts)
    merged = RegressionSums()
    for part in parts:
        merged += part
    whole = RegressionSums.of(truth, predicted, {"0.8": quantile})
    assert merged == whole
    assert merged.metrics() == whole.metrics()


def test_json_keeps_all():
    truth, predicted = rows(2, n=30)
    sums = RegressionSums.of(truth, predicted, {"0.8": predicted})
    assert RegressionSums.from_json(json.loads(json.dumps(sums.to_json()))) == sums


def test_what_is_no_number_is_left_out_and_counted():
    sums = RegressionSums.of([1.0, np.nan, 2.0, 1e300], [1.0, 1.0, np.inf, 1.0])
    assert (sums.n, sums.left_out) == (1, 3)


def test_few_rows_have_a_value_and_no_interval():
    assert all(metric.value is None for metric in RegressionSums().metrics().values())
    metrics = RegressionSums.of([1.0], [3.0]).metrics()
    assert (metrics["rmse"].value, metrics["rmse"].low) == (2.0, None)
    assert (metrics["mae"].value, metrics["mae"].low) == (2.0, None)
    assert metrics["r2"].value is None


def test_truths_that_are_all_the_same_have_no_r2():
    metrics = RegressionSums.of([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]).metrics()
    assert metrics["r2"].value is None
    exact = RegressionSums.of([1.0, 2.0], [1.0, 2.0]).metrics()
    assert (exact["rmse"].value, exact["rmse"].high, exact["r2"].value) == (0.0, 0.0, 1.0)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(InvalidInput, match="2 true values for 1"):
        RegressionSums.of([1.0, 2.0], [1.0])
    with pytest.raises(InvalidInput, match="1 predicted quantiles for 2"):
        RegressionSums.of([1.0, 2.0], [1.0, 2.0], {"0.9": [1.0]})
