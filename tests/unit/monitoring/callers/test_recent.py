"""The last queries of those who asked last."""

import json

import numpy as np

from serve_app.monitoring.callers.queries import query_reference
from serve_app.monitoring.callers.recent import MOST_HELD, RecentCallers

RANDOM = np.random.default_rng(0)
REFERENCE = query_reference(RANDOM.normal(size=(2_000, 4)), np.random.default_rng(1))


def queries(rows=100):
    return RANDOM.normal(size=(rows, 4))


def moved(rows=100):
    return np.ones((rows, 4)) + 1e-5 * RANDOM.normal(size=(rows, 4))


def test_callers_are_scored_by_their_own_queries():
    recent = RecentCallers(most=10, window_s=100)
    for number in range(10):
        recent.add("usual", number, queries(10), None)
        recent.add("prober", number, moved(10), None)
    recent.judge(REFERENCE, 10)
    assert recent.of("usual") == 0
    assert recent.scores["prober"]["near_duplicates"] == 1
    assert recent.of("prober") == 1


def test_what_is_held_is_bounded():
    recent = RecentCallers(most=3, window_s=100)
    for number in range(50):
        recent.add(f"c{number}", 0, queries(500), np.zeros(500, dtype=bool))
    recent.judge(REFERENCE, 1)
    assert recent.scores.keys() == {"c47", "c48", "c49"}
    assert all(len(one.rows) == len(one.near) == MOST_HELD for one in recent._callers.values())


def test_what_is_too_old_is_forgotten_and_what_was_suspect_is_known_again():
    recent = RecentCallers(most=10, window_s=100)
    recent.add("prober", 0, moved(), None)
    recent.judge(REFERENCE, 50)
    again = RecentCallers(most=10, window_s=100)
    again.restore(json.loads(json.dumps(recent.to_json())))
    assert again.scores == recent.scores
    again.judge(REFERENCE, 151)
    assert again.scores == {}


def test_a_caller_that_asks_no_more_is_not_judged_anew():
    recent = RecentCallers(most=10, window_s=100)
    recent.add("prober", 0, moved(), None)
    recent.judge(REFERENCE, 10)
    recent.add("prober", 60, queries(1), None)
    recent.judge(REFERENCE, 60)
    ((_, at_s, _),) = recent.to_json()
    assert at_s == 10


def test_queries_of_other_columns_begin_anew():
    recent = RecentCallers(most=10, window_s=100)
    recent.add("prober", 0, moved(), None)
    recent.add("prober", 1, RANDOM.normal(size=(70, 4))[:, :4], np.zeros(70, dtype=bool))
    assert recent._callers["prober"].near is None
    recent.add("prober", 2, RANDOM.normal(size=(20, 3)), None)
    assert recent._callers["prober"].rows.shape == (20, 3)
