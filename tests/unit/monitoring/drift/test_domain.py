"""A classifier tells rows of a window from the reference's where something changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import ks_2samp, norm
from sklearn.metrics import roc_auc_score

from serve_app.monitoring.drift.domain import auc, auc_error, domain_drift, domain_test


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=2, max_size=60))
def test_auc_is_that_of_scikit_learn_with_ties(rows):
    scores, labels = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    if labels.all() or not labels.any():
        with pytest.raises(ValueError, match="both kinds"):
            auc(scores, labels)
    else:
        assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_p_is_that_of_mann_and_whitney():
    random = np.random.default_rng(0)
    reference, current = random.normal(size=(60, 1)), random.normal(0.3, size=(40, 1))
    scored = []

    def fit(rows, labels):
        def score(matrix):
            scored.append(matrix[:, 0])
            return matrix[:, 0]

        return score

    result = domain_test(reference, current, random=random, fit=fit)
    held = scored[0]
    theirs, ours = np.isin(held, reference), np.isin(held, current)
    assert (theirs.sum(), ours.sum()) == (30, 20)
    expected = stats.mannwhitneyu(
        held[ours], held[theirs], alternative="greater", method="asymptotic", use_continuity=False
    )
    assert result.auc == pytest.approx(expected.statistic / 600)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-9)


def test_without_drift_p_values_are_uniform():
    p_values = []
    for seed in range(600):
        random = np.random.default_rng(seed)
        rows = random.normal(size=(200, 3)), random.normal(size=(150, 3))
        p_values.append(domain_test(*rows, random=random).p)
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) < 0.01) <= 0.02


@pytest.mark.parametrize("change", ["shift", "spread", "correlation"])
def test_shifts_spreads_and_correlations_are_told_apart(change):
    for seed in range(3):
        random = np.random.default_rng(seed)
        reference, current = random.normal(size=(2, 2000, 5))
        if change == "shift":
            current[:, 2] += 0.4
        elif change == "spread":
            current[:, 2] *= 1.4
        else:
            current[:, 2] = 0.6 * current[:, 0] + 0.8 * current[:, 2]
        result = domain_test(reference, current, random=random)
        assert result.auc > 0.55
        assert result.p < 1e-6


def test_missing_absurd_and_constant_values_do_no_harm():
    random = np.random.default_rng(1)
    reference, current = random.normal(size=(2, 300, 4))
    reference[::5, 0] = np.nan
    current[::5, 0] = np.nan
    reference[:, 1] = current[:, 1] = 7.0
    current[3, 2], reference[8, 2] = 1e300, np.inf
    reference[:, 3] = current[:, 3] = np.nan
    result = domain_test(reference, current, random=random)
    assert np.isfinite([result.auc, result.p]).all()
    assert result.p > 1e-4


def test_rows_that_are_wholly_apart_have_an_auc_of_one():
    rows = np.arange(40.0)[:, None]
    result = domain_test(rows, rows + 100, random=np.random.default_rng(2))
    assert result.auc == 1
    assert result.p < 1e-6


def test_many_columns_are_compared_without_their_products():
    random = np.random.default_rng(3)
    reference, current = random.normal(size=(2, 500, 60))
    current[:, 7] += 1
    assert domain_test(reference, current, random=random).p < 1e-6


def test_what_cannot_be_compared_is_refused_in_words():
    random = np.random.default_rng(4)
    with pytest.raises(ValueError, match="columns differ"):
        domain_test(np.ones((9, 2)), np.ones((9, 3)), random=random)
    with pytest.raises(ValueError, match="9 and 3 rows are too few"):
        domain_test(np.ones((9, 2)), np.ones((3, 2)), random=random)


def test_the_error_of_an_auc_is_as_large_as_it_varies():
    # Of exponential scores, which Hanley and McNeil assume; those of one kind three times as large.
    random = np.random.default_rng(4)
    positive = np.arange(140) < 60
    measured = []
    for _ in range(3_000):
        scores = random.exponential(np.where(positive, 3.0, 1.0))
        measured.append(auc(scores, positive))
    assert np.mean(measured) == pytest.approx(0.75, abs=5e-3)
    assert auc_error(0.75, 60, 80) == pytest.approx(np.std(measured), rel=0.05)


def test_columns_are_ranked_by_the_distance_of_scipy():
    random = np.random.default_rng(5)
    reference, current = random.normal(size=(600, 4)), random.normal(size=(500, 4))
    current[:, 2] += 1
    current[:, 0] *= 2
    result = domain_drift(reference, current, "abcd", np.random.default_rng(1), most_columns=2)
    assert [name for name, _ in result.columns] == ["c", "a"]
    for (_, distance), place in zip(result.columns, (2, 0), strict=True):
        expected = ks_2samp(reference[:, place], current[:, place]).statistic
        assert distance == pytest.approx(expected, rel=1e-12)
    assert (result.rows, result.reference_rows) == (500, 600)
    assert result.low < result.auc < result.high
    assert result.auc > 0.7
    assert result.p < 1e-6


def test_the_interval_holds_the_auc_of_many_rows():
    held = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        reference, current = random.normal(size=(400, 1)), random.normal(0.7, 1, (400, 1))
        result = domain_drift(reference, current, ["a"], random)
        # Of two normal distributions 0.7 apart: the normal distribution of 0.7 over root 2.
        held += result.low <= norm.cdf(0.7 / np.sqrt(2)) <= result.high
    assert held >= 35
