"""Baselines know what they are said to know, and nothing else."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor

from serve_app.models.training.baselines import (
    Known,
    prior,
    seasonal_naive,
    seasonal_naive_by_series,
)

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


def test_each_series_repeats_its_own_past_and_an_unknown_one_has_the_prior():
    days = np.repeat(np.arange(14), 2) * DAY_NS
    series = np.tile([0, 1], 14)
    sales = np.where(series == 0, days // DAY_NS % 7, 100.0)
    wanted = np.array([14, 14, 15, 15]) * DAY_NS
    known = Known(sales, days, series)
    given = seasonal_naive_by_series(known, wanted, np.array([1, 0, 0, 2]), 7 * 86_400, 0)
    assert given.values.tolist() == [100.0, 0.0, 1.0, sales.mean()]


@pytest.mark.parametrize("classes", [0, 3])
def test_one_series_is_all_that_there_is(classes):
    days = np.array([3, 0, 2, 1, 4]) * DAY_NS
    target = np.array([0, 1, 2, 1, 0])
    wanted = np.array([5, 6, 9]) * DAY_NS
    alone = seasonal_naive(target, days, wanted, 2 * 86_400, classes)
    known = Known(target, days, np.zeros(5))
    given = seasonal_naive_by_series(known, wanted, np.zeros(3), 2 * 86_400, classes)
    assert given.values.tolist() == alone.values.tolist()
    if classes:
        assert given.shares == pytest.approx(alone.shares)
