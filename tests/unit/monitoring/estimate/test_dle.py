"""The model of the error is a ridge regression on bins, and says what the error is elsewhere."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from serve_app.errors import InvalidInput
from serve_app.monitoring.estimate.dle import RIDGE, ErrorModel, fit_additive

SIZES = {"x": 10, "prediction": 8}


def rows(seed, n=5000, shift=0.0):
    """Two features; the error grows with x, and a little with the predicted value."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(shift, 1, n), rng.normal(0, 1, n)
    bins = {
        "x": np.clip((x + 2.5) * 2, 0, 9).astype(int),
        "prediction": np.clip((x + z + 2) * 2, 0, 7).astype(int),
    }
    errors = rng.normal(0, np.exp(0.4 * x + 0.1 * z), n)
    return bins, errors


def counts(bins):
    return {name: np.bincount(bins[name], minlength=SIZES[name]) for name in bins}


def test_it_is_the_ridge_regression_of_scikit_learn():
    bins, errors = rows(1)
    model = fit_additive(bins, SIZES, np.abs(errors)[:, None])[0]
    columns = np.hstack([np.eye(SIZES[name])[bins[name]] for name in SIZES])
    right = Ridge(alpha=RIDGE).fit(columns, np.abs(errors))
    assert model.mean == pytest.approx(right.intercept_, rel=1e-6)
    assert np.concatenate(list(model.effects.values())) == pytest.approx(right.coef_, abs=1e-6)


@pytest.mark.parametrize("shift", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_it_follows_a_shift_of_the_inputs(shift):
    model = ErrorModel.fit(rows(1, n=20_000)[0], SIZES, rows(1, n=20_000)[1])
    bins, errors = rows(2, n=20_000, shift=shift)
    estimated = model.estimate(counts(bins))
    assert estimated["mae"].value == pytest.approx(np.abs(errors).mean(), rel=0.06)
    assert estimated["rmse"].value == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.08)


@pytest.mark.parametrize("name", ["mae", "rmse"])
def test_intervals_hold_what_comes_true(name):
    held = 0
    for seed in range(100):
        model = ErrorModel.fit(rows(1000 + seed, n=3000)[0], SIZES, rows(1000 + seed, n=3000)[1])
        bins, errors = rows(seed, n=1000)
        true = {"mae": np.abs(errors).mean(), "rmse": np.sqrt(np.mean(errors**2))}[name]
        metric = model.estimate(counts(bins))[name]
        held += metric.low <= true <= metric.high
    assert held / 100 >= 0.9


def test_counts_of_windows_add_up():
    model = ErrorModel.fit(*rows(3)[:1], SIZES, rows(3)[1])
    first, second = counts(rows(4)[0]), counts(rows(5, shift=1.0)[0])
    both = {name: first[name] + second[name] for name in SIZES}
    mean = np.mean([model.estimate(part)["mae"].value for part in (first, second)])
    assert model.estimate(both)["mae"].value == pytest.approx(mean)


def test_a_bin_that_no_row_had_has_no_effect():
    bins = {"x": np.array([0, 0, 1, 1]), "prediction": np.zeros(4, dtype=int)}
    model = ErrorModel.fit(bins, SIZES, [1.0, -1.0, 1.0, -1.0])
    unseen = {"x": np.eye(10)[9] * 5, "prediction": np.eye(8)[7] * 5}
    assert model.estimate(unseen)["mae"].value == pytest.approx(1.0)


def test_json_keeps_it():
    model = ErrorModel.fit(*rows(6)[:1], SIZES, rows(6)[1])
    again = ErrorModel.from_json(json.loads(json.dumps(model.to_json())))
    # Not to the bit: a sum of products depends on where in memory the numbers happen to stand.
    before, after = (one.estimate(counts(rows(7)[0])) for one in (model, again))
    assert after.keys() == before.keys()
    for name, value in after.items():
        assert dataclasses.astuple(value)[:4] == pytest.approx(
            dataclasses.astuple(before[name])[:4], rel=1e-12
        )


def test_a_regressor_without_error_has_none():
    bins = {"x": np.zeros(40, dtype=int), "prediction": np.zeros(40, dtype=int)}
    estimated = ErrorModel.fit(bins, SIZES, np.zeros(40)).estimate(counts(bins))
    assert (estimated["mae"].value, estimated["rmse"].value) == (0.0, 0.0)
    nothing = {name: np.zeros(size) for name, size in SIZES.items()}
    assert ErrorModel.fit(bins, SIZES, np.zeros(40)).estimate(nothing)["mae"].value is None


@pytest.mark.parametrize(
    ("bins", "errors"),
    [
        ({"x": [0, 1]}, [1.0]),
        ({"x": [10]}, [1.0]),
        ({"y": [0]}, [1.0]),
        ({"x": [0]}, [np.nan]),
        ({"x": []}, []),
        ({}, [1.0]),
    ],
)
def test_what_cannot_be_learned_from_is_refused(bins, errors):
    with pytest.raises(InvalidInput):
        ErrorModel.fit(bins, SIZES, errors)


@pytest.mark.parametrize(
    "broken", [{"x": np.ones(10)}, {"x": np.ones(9), "prediction": np.ones(8)}]
)
def test_counts_that_do_not_fit_are_refused(broken):
    model = ErrorModel.fit(*rows(8)[:1], SIZES, rows(8)[1])
    with pytest.raises(InvalidInput, match="counts of"):
        model.estimate(broken)
