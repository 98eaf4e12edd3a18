"""Benign traffic of real data sets raises nothing, attacks on models of them do."""

import functools
import os

import numpy as np
import pytest

from serve_app.monitoring.callers.patterns import share_score, volume_scores, z_score
from tests.unit.monitoring.callers.traffic import (
    LOADERS,
    Service,
    benign,
    boundary,
    extraction,
    sweep,
)

SEEDS = int(os.environ.get("CALLER_SEEDS", "20"))
SUSPECT = 0.5
service = functools.cache(Service)


def suspected(name, kind):
    """Of each seed the patterns that are suspect."""
    every = []
    for seed in range(SEEDS):
        scores = service(name).suspicions(kind(service(name), np.random.default_rng(seed)))
        assert scores.keys() == {"distances", "near_duplicates", "sweeps", "near_threshold"}
        every.append({pattern for pattern, score in scores.items() if score >= SUSPECT})
    return every


@pytest.mark.parametrize("name", LOADERS)
def test_benign_traffic_raises_nothing_in_95_of_100_seeds(name):
    assert sum(bool(patterns) for patterns in suspected(name, benign)) <= 0.05 * SEEDS


@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        (boundary, "near_threshold"),
        (boundary, "near_duplicates"),
        (sweep, "sweeps"),
        (extraction, "distances"),
    ],
)
def test_attacks_are_suspected(name, kind, pattern):
    caught = sum(pattern in patterns for patterns in suspected(name, kind))
    assert caught >= 0.95 * SEEDS


def test_few_queries_say_nothing():
    random = np.random.default_rng(1)
    wine = service("wine")
    assert wine.suspicions(boundary(wine, random, 59)) == {}
    # The same asked again and again is one query.
    again = np.repeat(benign(wine, random, 100)[:30], 5, axis=0)
    assert wine.suspicions(again).keys() == {"near_threshold"}


def test_scores_are_from_0_to_1():
    assert [z_score(z) for z in (-9, 0, 4, 8, np.inf)] == [0, 0, 0, 0.5, 1]
    assert share_score(0.2, 0.1, 60) == 0
    assert share_score(1.0, 0.1, 60) == 1
    assert share_score(0.55, 0.1, 60) == pytest.approx(0.5)
    assert share_score(0.1, 0.6, 60) == 0
    assert share_score(0.5, 0.0, 6) == 0


def test_who_asks_far_more_than_others_is_suspected_unless_others_do_as_well():
    alike = {f"c{number}": number * 10 for number in range(1, 12)}
    assert max(volume_scores(alike).values()) == 0
    assert volume_scores({**alike, "x": 1_000_000})["x"] > SUSPECT
    uneven = {f"c{number}": 10**number for number in range(7)}
    assert max(volume_scores(uneven).values()) == 0
    assert volume_scores({"a": 1, "b": 10**9}) == {"a": 0, "b": 0}
