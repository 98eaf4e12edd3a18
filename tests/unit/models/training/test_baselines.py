"""Baselines know what they are said to know, and nothing else."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from serve_app.models.training.baselines import prior, seasonal_naive

DAY_NS = 86_400 * 10**9


def test_the_prior_of_classes_is_that_of_scikit_learn():
    target = np.array([0, 2, 2, 1, 2, 0])
    rows = np.zeros((6, 1))
    dummy = DummyClassifier(strategy="prior").fit(rows, target)
    given = prior(target, 6, 3)
    assert given.values.tolist() == dummy.predict(rows).tolist()
    assert given.shares == pytest.approx(dummy.predict_proba(rows))


def test_the_prior_of_numbers_is_their_mean():
    target = np.array([1.0, 4.0, 7.0])
    dummy = DummyRegressor().fit(np.zeros((3, 1)), target)
    assert prior(target, 2, 0).values == pytest.approx(dummy.predict(np.zeros((2, 1))))


def test_a_season_repeats_what_was_true_a_week_ago():
    days = np.arange(21) * DAY_NS
    sales = np.tile([5.0, 1.0, 2.0, 3.0, 4.0, 8.0, 9.0], 3)
    wanted = np.arange(21, 35) * DAY_NS
    # Two weeks ahead: the second week repeats the last one that is known as well.
    given = seasonal_naive(sales, days, wanted, 7 * 86_400, 0)
    assert given.values.tolist() == [*sales[:7], *sales[:7]]


def test_nothing_later_than_a_season_before_is_used():
    days = np.arange(10) * DAY_NS
    given = seasonal_naive(np.arange(10.0), days, np.array([12 * DAY_NS]), 5 * 86_400, 0)
    assert given.values.tolist() == [7.0]


def test_before_anything_is_known_the_prior_answers():
    days = np.array([10, 11]) * DAY_NS
    given = seasonal_naive(np.array([2.0, 4.0]), days, np.array([9 * DAY_NS]), 86_400, 0)
    assert given.values.tolist() == [3.0]


def test_classes_have_shares_whose_logarithm_is_finite():
    days = np.arange(6) * DAY_NS
    given = seasonal_naive(np.array([0, 1, 0, 1, 0, 1]), days, days + 6 * DAY_NS, 2 * 86_400, 2)
    assert given.values.tolist() == [0, 1, 0, 1, 0, 1]
    assert given.shares.min() > 0
    assert given.shares.sum(axis=1) == pytest.approx(1)
