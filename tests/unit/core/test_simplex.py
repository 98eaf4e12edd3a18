"""Learned weights are those of the least loss, as SciPy's optimiser and plain trying find them."""

import numpy as np
import pytest
from scipy.optimize import minimize

from serve_app.core.simplex import (
    least_log_loss,
    least_squared_loss,
    log_loss,
    squared_loss,
)


def members(seed, count=4, rows=400):
    """What is true of rows, and members that are wrong by different amounts, also together."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=rows)
    noise = rng.normal(size=(rows, count)) * np.linspace(0.5, 3, count)
    return truth[:, None] + noise + 0.3 * rng.normal(size=(rows, 1)), truth


def likely(seed, count=4, rows=400):
    """How likely members thought the truth of rows."""
    rng = np.random.default_rng(seed)
    return rng.beta(2, 1.2, size=(rows, count)) * np.linspace(1, 0.8, count)


def least(loss, count):
    """The least value of a loss over the simplex, by sequential quadratic programming."""
    found = minimize(
        loss,
        np.full(count, 1 / count),
        bounds=[(0, 1)] * count,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1_000},
    )
    return found.fun


@pytest.mark.parametrize("seed", range(10))
def test_numbers_have_the_weights_of_the_least_squared_error(seed):
    values, truth = members(seed)
    weights = least_squared_loss(values, truth)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    expected = least(lambda one: squared_loss(one, values, truth), 4)
    # Weights are rounded to four decimals.
    assert squared_loss(weights, values, truth) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_classes_have_the_weights_of_the_least_log_loss(seed):
    of_truth = likely(seed)
    weights = least_log_loss(of_truth)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    expected = least(lambda one: log_loss(one, of_truth), 4)
    assert log_loss(weights, of_truth) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_no_weights_of_a_grid_are_better(seed):
    values, truth = members(seed, count=3)
    of_truth = likely(seed, count=3)
    found = squared_loss(least_squared_loss(values, truth), values, truth)
    likeliest = log_loss(least_log_loss(of_truth), of_truth)
    steps = np.linspace(0, 1, 41)
    for first in steps:
        for second in steps[steps <= 1 - first + 1e-12]:
            weights = np.array([first, second, 1 - first - second])
            assert squared_loss(weights, values, truth) >= found - 1e-6
            assert log_loss(weights, of_truth) >= likeliest - 1e-6


def test_a_member_that_only_harms_has_no_weight():
    truth = np.arange(100.0)
    values = np.column_stack([truth, truth + 1_000])
    assert least_squared_loss(values, truth).tolist() == [1.0, 0.0]
    assert least_log_loss(np.column_stack([np.full(50, 0.9), np.full(50, 0.1)])).tolist() == [1, 0]


def test_members_that_are_alike_share_alike():
    truth = np.arange(10.0)
    same = np.column_stack([truth, truth])
    assert least_squared_loss(same, truth).tolist() == [0.5, 0.5]
    assert least_log_loss(np.full((10, 2), 0.7)).tolist() == [0.5, 0.5]


def test_a_member_that_was_certain_and_wrong_costs_much_and_not_infinitely():
    of_truth = np.array([[0.0, 0.5], [1.0, 0.5]] * 20)
    weights = least_log_loss(of_truth)
    assert np.isfinite(log_loss(weights, of_truth))
    # The loss is -ln(0.5 (1 - w)) / 2 - ln(0.5 (1 + w)) / 2, least at w = 0, where it is flat.
    assert weights == pytest.approx([0, 1], abs=1e-3)


def test_without_rows_there_is_nothing_to_learn():
    with pytest.raises(ValueError, match="from rows"):
        least_log_loss(np.empty((0, 2)))
    with pytest.raises(ValueError, match="from rows"):
        least_squared_loss(np.empty((0, 2)), np.empty(0))
