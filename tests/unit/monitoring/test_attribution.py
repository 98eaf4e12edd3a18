"""Global importance, and whether features matter in another order than they did."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import ndcg_score

from serve_app.core.explanation import Explanation
from serve_app.monitoring.attribution import (
    AttributionSettings,
    Importances,
    attribution_drift,
    importances_of,
    ndcg,
    rank_correlation,
)

_SIZES = st.lists(st.integers(0, 6), min_size=2, max_size=12)


@given(_SIZES, st.integers(0, 2**32 - 1))
def test_the_gain_is_that_of_scikit_learn_also_where_scores_are_equal(sizes, seed):
    relevance = np.array(sizes, dtype=float)
    scores = np.random.default_rng(seed).integers(0, 4, len(sizes)).astype(float)
    gain = ndcg(relevance, scores)
    if relevance.any():
        assert gain == pytest.approx(ndcg_score([relevance], [scores]), abs=1e-12)
    else:
        assert gain is None


@given(_SIZES, st.integers(0, 2**32 - 1))
def test_the_rank_correlation_is_that_of_scipy(sizes, seed):
    one = np.array(sizes, dtype=float)
    other = np.random.default_rng(seed).integers(0, 4, len(sizes)).astype(float)
    correlation = rank_correlation(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert correlation is None
    else:
        assert correlation == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


def test_importance_is_the_mean_size_of_contributions_over_rows_and_outputs():
    contributions = np.array([[[1.0, -3.0], [0.0, 2.0]], [[-1.0, 1.0], [4.0, 0.0]]])
    explanation = Explanation(("a", "b"), contributions, np.zeros((2, 2)), ("linear",), "value")
    # By hand: sizes 1, 3, 1, 1 of the first feature and 0, 2, 4, 0 of the second.
    assert importances_of(explanation) == Importances({"a": 1.5, "b": 1.5}, 2)


def test_importances_of_parts_are_those_of_the_whole():
    draw = np.random.default_rng(3)
    whole = Explanation(
        ("a", "b", "c"), draw.normal(size=(50, 3, 2)), np.zeros((50, 2)), ("linear",), "value"
    )
    merged = importances_of(whole.slice(0, 17)).merged(importances_of(whole.slice(17, 50)))
    assert merged.rows == 50
    assert merged.by_feature == pytest.approx(importances_of(whole).by_feature)


def test_an_order_turned_round_is_drift_and_the_same_one_is_not():
    then = Importances({"a": 5.0, "b": 1.0, "c": 0.1}, 1000)
    same = attribution_drift(Importances({"c": 1.0, "b": 2.0, "a": 9.0}, 200), then)
    assert (same.drifted, same.ndcg, same.rank_correlation) == (False, 1.0, pytest.approx(1.0))
    turned = attribution_drift(Importances({"a": 0.1, "b": 1.0, "c": 5.0}, 200), then)
    assert turned.drifted is True
    # By hand: (0.1 + 1/log2(3) + 5/2) / (5 + 1/log2(3) + 0.1/2).
    assert turned.ndcg == pytest.approx(3.2309297535714577 / 5.680929753571458)
    assert turned.rank_correlation == pytest.approx(-1.0)
    lenient = AttributionSettings(threshold=0.5)
    now = Importances({"a": 0.1, "b": 1.0, "c": 5.0}, 200)
    assert attribution_drift(now, then, lenient).drifted is False


_TWO = Importances({"a": 1.0, "b": 2.0}, 500)


@pytest.mark.parametrize(
    ("now", "then", "reason"),
    [
        (Importances({"a": 1.0, "b": 1.0}, 99), _TWO, "99 of 100"),
        (_TWO, Importances({"a": 1.0, "b": 2.0}, 9), "in the reference"),
        (Importances({"a": 1.0, "z": 1.0}, 500), _TWO, "other features"),
        (Importances({"a": 1.0}, 500), Importances({"a": 1.0}, 500), "alone"),
        (_TWO, Importances({"a": 0.0, "b": 0.0}, 500), "contributed anything"),
    ],
)
def test_what_cannot_be_judged_says_why(now, then, reason):
    drift = attribution_drift(now, then)
    assert drift.drifted is None
    assert reason in drift.reason


def _explained(random, rows, shares, spread):
    """The importances of lines over rows of numbers, some with long tails."""
    values = random.standard_t(spread, (rows, len(shares)))
    explanation = Explanation(
        tuple(f"f{place}" for place in range(len(shares))),
        (values * shares)[:, :, None],
        np.zeros((rows, 1)),
        ("linear",),
        "value",
    )
    return importances_of(explanation)


@pytest.mark.parametrize(
    ("shares", "spread"),
    [
        (np.ones(20), 5),
        (np.linspace(1, 0.01, 20), 5),
        (0.6 ** np.arange(20), 3),
        (np.array([1.0, 0.9]), 3),
    ],
    ids=["all alike", "evenly less", "few of many", "two nearly alike"],
)
def test_a_hundred_rows_without_drift_are_hardly_ever_unlike(shares, spread):
    drifted = 0
    for seed in range(1_000):
        random = np.random.default_rng(seed)
        then = _explained(random, 1_000, shares, spread)
        drifted += attribution_drift(_explained(random, 100, shares, spread), then).drifted
    assert drifted == 0


@pytest.mark.parametrize("seed", range(20))
def test_the_greatest_of_twenty_features_is_missed_when_it_adds_nothing(seed):
    random = np.random.default_rng(seed)
    shares = 0.6 ** np.arange(20)
    then = _explained(random, 1_000, shares, 3)
    now = _explained(random, 100, np.array([0.0, *shares[1:]]), 3)
    assert attribution_drift(now, then).drifted
