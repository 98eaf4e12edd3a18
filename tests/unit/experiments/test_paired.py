import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, chi2, ttest_rel
from sklearn.metrics import cohen_kappa_score

from serve_app.errors import InvalidInput
from serve_app.experiments.dirichlet_multinomial import log_e_values, tightest_concentration
from serve_app.experiments.paired import (
    agreement,
    cohens_kappa,
    mcnemar,
    mcnemar_p_value_now,
    paired_sequence,
    paired_test,
    score_differences,
)

# The printout of SAS PROC FREQ in statsmodels 82c59e3, statsmodels/stats/tests/test_inter_rater.py
SAS = [[0, 4, 1], [0, 8, 0], [0, 1, 5]]
OF_SAS = {
    "none": [0.4842, 0.1380, 0.2137, 0.7547, 0.1484, 3.2626, 0.0011],
    "linear": [0.4701, 0.1457, 0.1845, 0.7558, 0.1426, 3.2971, 0.0010],
}


@pytest.mark.parametrize("weighting", ["none", "linear"])
def test_kappa_gives_the_published_figures(weighting):
    kappa = cohens_kappa(SAS, weighting=weighting)
    printed = [
        kappa.value,
        kappa.standard_error,
        kappa.interval.lower,
        kappa.interval.upper,
        kappa.standard_error_under_chance,
        kappa.z,
        kappa.p_value,
    ]
    assert [round(value, 4) for value in printed] == OF_SAS[weighting]


def test_kappa_of_textbook_tables():
    # A. Agresti, Categorical Data Analysis (2nd ed.), section 10.5: two pathologists
    pathologists = [[22, 2, 2, 0], [5, 7, 14, 0], [0, 2, 36, 0], [0, 1, 17, 10]]
    kappa = cohens_kappa(pathologists)
    assert (round(kappa.value, 3), round(kappa.standard_error, 3)) == (0.493, 0.057)
    # J. L. Fleiss, Statistical Methods for Rates and Proportions (2nd ed.), table 13.1
    diagnoses = cohens_kappa([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    assert (round(diagnoses.value, 2), round(diagnoses.standard_error_under_chance, 3)) == (
        0.68,
        0.076,
    )


tables = st.lists(
    st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3
).filter(lambda table: sum(map(sum, table)) > 0)


@given(tables, st.sampled_from(["none", "linear", "quadratic"]))
def test_kappa_agrees_with_scikit_learn(table, weighting):
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(table[i][j])]
    first, second = zip(*pairs, strict=True)
    kappa = cohens_kappa(table, weighting=weighting)
    if kappa is None:
        assert len({*first, *second}) == 1
        return
    weights = None if weighting == "none" else weighting
    reference = cohen_kappa_score(first, second, labels=[0, 1, 2], weights=weights)
    assert kappa.value == pytest.approx(reference, abs=1e-9)
    assert -1 <= kappa.interval.lower <= kappa.value + 1e-9
    assert kappa.value - 1e-9 <= kappa.interval.upper <= 1


def test_the_standard_error_of_kappa_is_how_much_it_varies():
    rng = np.random.default_rng(11)
    shares = np.array([[0.5, 0.05, 0.02], [0.06, 0.2, 0.03], [0.01, 0.03, 0.1]])
    drawn = rng.multinomial(800, shares.ravel(), 4_000).reshape(-1, 3, 3)
    values = [cohens_kappa(table).value for table in drawn]
    expected = cohens_kappa(np.round(shares * 800)).standard_error
    assert np.std(values) == pytest.approx(expected, rel=0.05)


def test_kappa_is_none_where_there_is_one_answer_alone():
    assert cohens_kappa([[30, 0], [0, 0]]) is None
    assert cohens_kappa([[30]]) is None
    assert cohens_kappa([[30, 0], [0, 5]]).value == pytest.approx(1)


def test_agreement_has_wilsons_interval():
    result = agreement([[40, 3], [2, 55]], alpha=0.1)
    reference = binomtest(95, 100).proportion_ci(0.9, "wilson")
    assert (result.n, result.agreed, result.rate) == (100, 95, 0.95)
    assert (result.interval.lower, result.interval.upper) == pytest.approx(reference)
    assert agreement([[5, 0], [0, 5]]).interval.upper == 1
    assert agreement([[0, 5], [5, 0]]).interval.lower == 0


def test_mcnemar_gives_the_published_figures():
    # R's mcnemar.test and exact2x2's mcnemar.exact of [[23, 15], [19, 31]], as printed in
    # statsmodels 82c59e3, statsmodels/stats/tests/results/contingency_table_r_results.csv
    result = mcnemar(15, 19)
    assert result.statistic == pytest.approx(0.470588235294118, rel=1e-12)
    assert result.p_value == pytest.approx(0.492716677227088, rel=1e-9)
    assert result.corrected_p_value == pytest.approx(0.606905427217951, rel=1e-9)
    assert result.exact_p_value == pytest.approx(0.60759136127308, rel=1e-9)


@given(st.integers(0, 200), st.integers(0, 200))
def test_mcnemar_agrees_with_the_binomial_and_chi_square_distributions(b, c):
    result = mcnemar(b, c)
    other = mcnemar(c, b)
    assert result.exact_p_value == pytest.approx(other.exact_p_value)
    if b + c == 0:
        assert result.exact_p_value == result.p_value == result.mid_p_value == 1
        return
    reference = binomtest(b, b + c)
    assert result.exact_p_value == pytest.approx(reference.pvalue, rel=1e-9)
    corrected = max(abs(b - c) - 1, 0) ** 2 / (b + c)
    assert result.corrected_p_value == pytest.approx(chi2.sf(corrected, 1), rel=1e-9)
    assert result.mid_p_value <= result.exact_p_value


@pytest.mark.parametrize(("b", "c"), [(600, 601), (4_900, 5_100), (0, 2_000), (499_000, 501_000)])
def test_mcnemar_is_as_exact_for_many_requests(b, c):
    result = mcnemar(b, c)
    assert result.exact_p_value == pytest.approx(min(1, 2 * binom.cdf(b, b + c, 0.5)), rel=1e-8)
    mid = 2 * binom.cdf(b, b + c, 0.5) - binom.pmf(b, b + c, 0.5)
    assert result.mid_p_value == pytest.approx(mid, rel=1e-8)
    now = math.exp(-log_e_values([b, c], [0.5, 0.5], tightest_concentration(100, 0.05)))
    assert mcnemar_p_value_now(b, c) == pytest.approx(min(1, now), rel=1e-6, abs=1e-300)


@pytest.mark.parametrize("apart", [1, 4_000, 20_000])
def test_mcnemar_of_millions_is_right_within_a_hundred_thousandth(apart):
    b, c = 6_000_000, 6_000_000 + apart
    result = mcnemar(b, c)
    expected = min(1, 2 * binom.cdf(b, b + c, 0.5))
    assert result.exact_p_value == pytest.approx(expected, rel=1e-5)
    mid = 2 * binom.cdf(b, b + c, 0.5) - binom.pmf(b, b + c, 0.5)
    assert result.mid_p_value == pytest.approx(mid, rel=1e-5)


def test_mcnemar_at_every_look_is_stricter_than_at_one():
    assert mcnemar_p_value_now(0, 0) == 1
    assert mcnemar_p_value_now(150, 86) > mcnemar(150, 86).exact_p_value
    assert mcnemar_p_value_now(150, 86) == mcnemar_p_value_now(86, 150) < 0.05
    # Of 60 requests on which chance alone decides, fewer than 5 % of the tables are alarms.
    alarms = [b for b in range(61) if mcnemar_p_value_now(b, 60 - b) < 0.05]
    assert 0 < sum(math.comb(60, b) for b in alarms) / 2**60 < 0.05


scores = st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=3, max_size=40)


def sums(differences):
    return len(differences), float(np.sum(differences)), float(np.sum(np.square(differences)))


@pytest.mark.parametrize("side", ["two-sided", "greater", "less"])
def test_paired_test_agrees_with_scipy(side):
    rng = np.random.default_rng(3)
    first = rng.normal(size=30)
    second = first + rng.normal(0.2, 0.5, size=30)
    result = paired_test(*sums(second - first), side=side, alpha=0.1)
    reference = ttest_rel(second, first, alternative=side)
    limits = reference.confidence_interval(0.9)
    assert result.p_value == pytest.approx(reference.pvalue)
    assert (result.interval.lower, result.interval.upper) == pytest.approx(
        (limits.low, limits.high)
    )
    assert result.significant == (reference.pvalue < 0.1)


def test_paired_sequence_is_the_published_interval():
    # Waudby-Smith et al. (arXiv 2103.06476), theorem 2.2, written out: 500 rows, N* = 400
    n, mean, deviation, alpha = 500, 0.04, 0.3, 0.05
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / 400
    half = deviation * math.sqrt(
        2 * (n * rho2 + 1) / (n * n * rho2) * math.log(math.sqrt(n * rho2 + 1) / alpha)
    )
    squares = deviation**2 * (n - 1) + n * mean**2
    result = paired_sequence(n, n * mean, squares, tightest_at=400)
    assert (result.interval.lower, result.interval.upper) == pytest.approx(
        (mean - half, mean + half)
    )
    assert result.significant == (result.p_value < alpha)
    single = paired_test(n, n * mean, squares).interval.width
    assert 1.4 < result.interval.width / single < 1.7


def test_one_sided_paired_sequence_finds_the_better_model():
    better = paired_sequence(2_000, -200, 500, tightest_at=2_000, side="less")
    assert better.interval.upper < 0
    assert better.interval.lower == -math.inf
    assert better.p_value < 0.05


def test_differences_that_do_not_vary_exclude_nothing():
    for test in (paired_test(50, 0, 0), paired_sequence(50, 5, 0.5, tightest_at=50)):
        assert test.p_value == 1
        assert not test.significant


@given(scores)
def test_score_differences_are_those_of_the_rows(rows):
    first, second = (np.array(column) for column in zip(*rows, strict=True))
    result = score_differences(first, second)
    ordered = np.sort(second - first)
    assert result.mean == pytest.approx(ordered.mean(), abs=1e-12)
    assert result.largest_absolute == max(abs(ordered[0]), abs(ordered[-1]))
    assert ordered[0] <= result.quantiles[0.01] <= result.quantiles[0.99] <= ordered[-1]
    assert result.quantiles[0.5] == pytest.approx(np.median(ordered), abs=1e-12)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([[1, 2], [3, 4], [5, 6]], "shape"),
        ([1, 2], "shape"),
        ([[0, 0], [0, 0]], "empty"),
        ([[1, -2], [3, 4]], "-2"),
        ([[1, 2.5], [3, 4]], "2.5"),
        ([[1, math.nan], [3, 4]], "nan"),
    ],
)
@pytest.mark.parametrize("measure", [agreement, cohens_kappa])
def test_what_is_no_table_of_answers_is_refused(measure, table, words):
    with pytest.raises(InvalidInput, match=words):
        measure(table)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: cohens_kappa(SAS, weighting="cubic"),
        lambda: cohens_kappa(SAS, alpha=0),
        lambda: agreement(SAS, alpha=2),
        lambda: mcnemar(-1, 2),
        lambda: mcnemar(1.5, 2),
        lambda: mcnemar_p_value_now(1, 2, tightest_at=0),
        lambda: mcnemar_p_value_now(1, -2),
        lambda: score_differences([], []),
        lambda: score_differences([1], [1, 2]),
        lambda: score_differences([1, math.nan], [1, 2]),
        lambda: score_differences([1], [1], shares=[1.5]),
        lambda: paired_test(1, 1, 1),
        lambda: paired_test(10, 1, -1),
        lambda: paired_test(10, math.nan, 1),
        lambda: paired_sequence(10, 1, 2, tightest_at=0),
        lambda: paired_sequence(10, 1, 2, tightest_at=10, side="sideways"),
    ],
)
def test_arguments_out_of_range_are_refused(refused):
    with pytest.raises(InvalidInput):
        refused()
