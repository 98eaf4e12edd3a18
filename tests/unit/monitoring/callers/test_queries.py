"""How queries lie to each other."""

import json

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import shapiro

from serve_app.monitoring.callers.queries import (
    QUERIES,
    QueryReference,
    different,
    measured,
    near_threshold,
    nearest_before,
    query_reference,
)

RANDOM = np.random.default_rng(0)


def test_distances_are_from_the_nearest_query_before():
    rows = RANDOM.normal(size=(50, 4))
    every = cdist(rows, rows)
    expected = [every[place, :place].min() for place in range(1, 50)]
    assert nearest_before(rows) == pytest.approx(expected)


def test_what_is_measured_is_what_it_is_called():
    rows = RANDOM.normal(size=(60, 4))
    # Each of these moves one column of the one before.
    for place in (20, 40):
        rows[place] = rows[place - 1]
        rows[place, 2] += 1e-4
    now = measured(rows, 1e-3)
    nearest = nearest_before(rows)
    assert now.log_distance == pytest.approx(np.log(nearest).mean())
    assert now.normality == pytest.approx(shapiro(nearest).statistic)
    assert (now.near, now.swept) == (2 / 59, 2 / 59)


def test_the_same_distance_again_and_again_is_as_little_normal_as_can_be():
    assert measured(np.arange(10.0)[:, None], 0.1).normality == 0


def test_different_queries_are_in_the_order_of_their_first_coming():
    rows = np.array([[3.0], [1.0], [3.0], [2.0], [1.0]])
    assert different(rows).tolist() == [[3.0], [1.0], [2.0]]


def test_the_reference_is_what_other_rows_of_the_same_kind_give():
    reference = query_reference(RANDOM.normal(size=(3_000, 5)), np.random.default_rng(1))
    others = [measured(RANDOM.normal(size=(QUERIES, 5)), reference.radius) for _ in range(300)]
    for name in ("log_distance", "normality", "near", "swept"):
        values = [getattr(one, name) for one in others]
        deviation = getattr(reference.deviation, name)
        assert np.mean(values) == pytest.approx(getattr(reference.mean, name), abs=deviation + 1e-3)
        assert np.std(values) == pytest.approx(deviation, rel=0.5, abs=0.01)
    body = json.loads(json.dumps(reference.to_json()))
    assert QueryReference.from_json(body) == reference


def test_few_rows_have_no_reference_and_are_not_measured():
    assert query_reference(RANDOM.normal(size=(119, 5)), np.random.default_rng(1)) is None
    assert query_reference(np.ones((500, 5)), np.random.default_rng(1)) is None
    with pytest.raises(ValueError, match="3 queries"):
        measured(RANDOM.normal(size=(3, 5)), 0.1)


def test_rows_lie_near_the_threshold_where_two_classes_are_nearly_equal():
    shares = np.array([[0.5, 0.46, 0.04], [0.9, 0.05, 0.05], [0.1, 0.44, 0.46]])
    assert near_threshold(shares).tolist() == [True, False, True]
    assert near_threshold(None) is None
    assert near_threshold(np.ones((3, 1))) is None
