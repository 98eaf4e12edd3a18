"""Distances of scores are those of SciPy and of plain counting, whatever the rows come in."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from serve_app.monitoring import score_pairs
from serve_app.monitoring.score_pairs import ScorePairs, distance_of


def drawn(seed, n=2_000, shift=0.0):
    rng = np.random.default_rng(seed)
    return rng.beta(2, 5, n), np.clip(rng.beta(2, 5, n) + shift, 0, 1)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.4])
def test_the_largest_gap_is_that_of_scipy(shift):
    answer, shadow = drawn(1, shift=shift)
    result = distance_of(answer, shadow)
    assert result.n == 2_000
    assert result.ks == pytest.approx(stats.ks_2samp(answer, shadow).statistic, abs=1e-12)


def test_ties_are_one_step():
    answer, shadow = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 1.0, 1.0, 1.0])
    assert distance_of(answer, shadow).ks == stats.ks_2samp(answer, shadow).statistic == 0.25


def test_stability_is_over_tenths_of_the_answers():
    answer, shadow = drawn(2, shift=0.1)
    edges = np.quantile(answer, np.arange(1, 10) / 10)
    bins = [-np.inf, *edges, np.inf]
    # A tenth holds its upper edge.
    counts = [
        np.array([((low < x) & (x <= high)).sum() for low, high in itertools.pairwise(bins)])
        for x in (answer, shadow)
    ]  # fmt: skip
    p, q = ((one + 0.5) / (one.sum() + 5) for one in counts)
    assert distance_of(answer, shadow).psi == pytest.approx(float(((q - p) * np.log(q / p)).sum()))


def test_equal_scores_are_not_apart():
    answer = np.repeat([0.1, 0.9], 50)
    result = distance_of(answer, answer)
    assert (result.ks, result.psi) == (0, 0)
    assert distance_of(np.ones(1), np.ones(1)).to_json() == {"n": 1, "ks": 0.0, "psi": 0.0}


def test_nothing_has_no_distance():
    pairs = ScorePairs()
    pairs.add(np.zeros(0), np.zeros(0))
    assert pairs.distance() is None


@given(st.lists(st.integers(0, 30), max_size=20), st.integers(0, 20))
def test_however_they_come_they_are_the_same_and_evenly_spread(sizes, cut):
    """Of more than are kept every second one is, from the first one on, over all of them."""
    most, score_pairs.MOST_PAIRS = score_pairs.MOST_PAIRS, 40
    try:
        numbers = np.arange(float(sum(sizes)))
        pairs, at = ScorePairs(), 0
        for size in sizes:
            pairs.add(numbers[at : at + size], -numbers[at : at + size])
            at += size
        kept = pairs._pairs()
        assert kept.shape[1] <= 40
        assert (kept[0] == -kept[1]).all()
        step = next(2**k for k in range(20) if -(-len(numbers) // 2**k) <= 40)
        assert kept[0].tolist() == numbers[::step].tolist()
        both, rest = ScorePairs(), ScorePairs()
        both.add(numbers[:cut], numbers[:cut])
        rest.add(numbers[cut:], numbers[cut:])
        both.join(rest)
        assert both._pairs().shape[1] <= 40
    finally:
        score_pairs.MOST_PAIRS = most


def test_what_is_joined_is_there_in_its_proportion(monkeypatch):
    monkeypatch.setattr(score_pairs, "MOST_PAIRS", 1_000)

    def pairs_of(value, n):
        pairs = ScorePairs()
        pairs.add(np.full(n, value), np.full(n, value))
        return pairs

    for first, second in (((0.0, 30_000), (1.0, 10_000)), ((1.0, 10_000), (0.0, 30_000))):
        pairs = pairs_of(*first)
        pairs.join(pairs_of(*second))
        assert pairs._pairs()[0].mean() == pytest.approx(0.25, abs=0.02)
