"""P-values against SciPy, published tables and hand arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from serve_app.monitoring.drift.significance import (
    benjamini_hochberg,
    chi_square,
    homogeneity_p,
    kolmogorov_smirnov_p,
    psi_p,
    psi_threshold,
    two_proportions_p,
)


# SciPy 1.17, documentation of scipy.stats.chi2_contingency.
def test_chi_square_as_published():
    result = chi_square([10, 10, 20], [20, 20, 20])
    assert result.statistic == pytest.approx(2.7777777777777777, rel=1e-14)
    assert result.p == pytest.approx(0.24935220877729619, rel=1e-13)
    assert result.degrees == 2


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        ([100, 200, 300], [30, 20, 50]),
        ([5000, 1, 70], [400, 3, 9]),
        ([500, 500, 0], [40, 40, 20]),  # a category that the reference has not
        ([500, 0, 500], [50, 50, 0]),
        ([12, 30], [40, 9]),
    ],
)
def test_chi_square_without_merging_is_that_of_scipy(reference, current):
    expected = stats.chi2_contingency([reference, current], correction=False)
    result = chi_square(reference, current, minimum_expected=0)
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-12)
    assert result.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.degrees == expected.dof


def test_bins_of_few_expected_rows_are_merged():
    # Expected on the smaller side: 50, 50, 2, 1, 3. Unordered, the last three are one bin of 6.
    table = [500, 500, 20, 8, 32], [50, 50, 2, 3, 1]
    merged = stats.chi2_contingency([[500, 500, 60], [50, 50, 6]], correction=False)
    assert chi_square(*table).statistic == pytest.approx(merged.statistic, abs=1e-12)
    assert chi_square(*table).degrees == 2
    # In order, bins join those after them until five are expected: 20 and 8 and 32 together.
    assert chi_square(*table, ordered=True).degrees == 2
    # And what is left at the end joins the last: 500 | 20 + 480 + 32.
    apart = chi_square([500, 20, 480, 32], [50, 1, 51, 4], ordered=True)
    whole = stats.chi2_contingency([[500, 532], [50, 56]], correction=False)
    assert apart.statistic == pytest.approx(whole.statistic, abs=1e-12)


def test_empty_bins_do_not_count():
    assert chi_square([10, 0, 10, 20], [20, 0, 20, 20]).degrees == 2


def test_what_has_one_bin_cannot_differ():
    result = chi_square([10], [20])
    assert (result.statistic, result.degrees, result.p) == (0, 0, 1)
    assert chi_square([3, 1], [1, 1]).p == 1


def test_a_category_that_was_rare_and_is_no_more_is_seen_through_merging():
    before, now = np.array([50000.0, 49990, 10]), np.array([480.0, 480, 40])
    merged = chi_square(before, now)
    assert merged.degrees == 1
    assert merged.p > 0.01
    exact = stats.fisher_exact([[10, 99990], [40, 960]]).pvalue
    assert homogeneity_p(before, now, merged) == pytest.approx(4 * exact, rel=0.01, abs=1e-60)
    # With all bins filled it is the plain p-value.
    full = np.array([100.0, 200]), np.array([30.0, 20])
    assert homogeneity_p(*full, chi_square(*full)) == chi_square(*full).p
    lone = np.array([5000.0, 0]), np.array([60.0, 40])
    assert homogeneity_p(*lone, chi_square(*lone)) < 1e-50


# Yurdakul, B. (2018), Statistical Properties of Population Stability Index: the critical value
# is the quantile of chi-square with B - 1 degrees, times (1/n + 1/m). For ten bins at 5 % the
# quantile is 16.919, at 1 % 21.666 (any table of chi-square).
@pytest.mark.parametrize(
    ("level", "bins", "rows", "rows_now", "expected"),
    [
        (0.05, 10, 100, 100, 0.3384),
        (0.05, 10, 1000, 1000, 0.0338),
        (0.01, 10, 200, 200, 0.2167),
        (0.05, 2, 100, 100, 0.0768),
    ],
)
def test_the_null_of_psi_gives_the_critical_values(level, bins, rows, rows_now, expected):
    threshold = psi_threshold(level, bins, rows, rows_now)
    assert threshold == pytest.approx(expected, abs=5e-5)
    assert psi_p(threshold, bins, rows, rows_now) == pytest.approx(level)


def test_one_bin_has_no_psi_to_test():
    assert psi_p(0.3, 1, 100, 100) == 1
    assert psi_threshold(0.05, 1, 100, 100) == 0


@pytest.mark.parametrize(("rows", "rows_now"), [(100, 100), (5000, 40), (17, 300)])
def test_the_p_value_of_ks_is_that_of_scipy_for_unequal_sizes(rows, rows_now):
    random = np.random.default_rng(5)
    first, second = random.normal(size=rows), random.normal(0.2, size=rows_now)
    expected = stats.ks_2samp(first, second, method="asymp")
    p = kolmogorov_smirnov_p(expected.statistic, rows, rows_now)
    assert p == pytest.approx(expected.pvalue, rel=1e-10)
    assert kolmogorov_smirnov_p(0, rows, rows_now) == 1


@pytest.mark.parametrize(
    "table", [(30, 1000, 60, 1000), (5000, 10000, 480, 1000), (10, 400, 20, 300)]
)
def test_two_proportions_are_those_of_chi_square(table):
    hits, rows, hits_now, rows_now = table
    expected = stats.chi2_contingency(
        [[hits, rows - hits], [hits_now, rows_now - hits_now]], correction=False
    )
    p = two_proportions_p(*table)
    assert p == pytest.approx(expected.pvalue, rel=1e-9)
    less = hits_now / rows_now < hits / rows
    grown = two_proportions_p(*table, grown=True)
    assert grown == pytest.approx(1 - p / 2 if less else p / 2, rel=1e-9)


@pytest.mark.parametrize(
    "table", [(0, 1000, 3, 200), (1, 50, 6, 60), (1000, 1000, 197, 200), (2, 40, 0, 10**7)]
)
def test_few_hits_are_tested_exactly(table):
    hits, rows, hits_now, rows_now = table
    law = stats.hypergeom(rows + rows_now, hits + hits_now, rows_now)
    tails = law.cdf(hits_now), law.sf(hits_now - 1)
    assert two_proportions_p(*table) == pytest.approx(min(1, 2 * min(tails)), rel=1e-5)
    assert two_proportions_p(*table, grown=True) == pytest.approx(tails[1], rel=1e-5)


def test_two_proportions_by_hand_and_at_the_ends():
    # All five hits among the five of one side: twice 1 / C(10, 5).
    assert two_proportions_p(0, 5, 5, 5) == pytest.approx(2 / 252)
    assert two_proportions_p(0, 10, 0, 10) == 1
    assert two_proportions_p(10, 10, 10, 10) == 1
    assert two_proportions_p(0, 0, 5, 10) == 1


# Benjamini & Hochberg (1995), section 3.1: their 15 p-values, of which the first four are
# rejected at 0.05.
def test_benjamini_and_hochbergs_own_example():
    published = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
        0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000,
    ]  # fmt: skip
    adjusted = benjamini_hochberg(published)
    assert sum(value <= 0.05 for value in adjusted) == 4
    assert adjusted == pytest.approx(stats.false_discovery_control(published), rel=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_adjusting_is_that_of_scipy_in_any_order(p_values):
    expected = stats.false_discovery_control(p_values)
    assert benjamini_hochberg(p_values) == pytest.approx(list(expected), rel=1e-9)


def test_nothing_to_adjust():
    assert benjamini_hochberg([]) == []


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=30))
def test_chi_square_never_depends_on_who_is_the_reference(columns):
    first, second = zip(*columns, strict=True)
    if not sum(first) or not sum(second):
        return
    for ordered in (False, True):
        forth = chi_square(first, second, ordered=ordered)
        back = chi_square(second, first, ordered=ordered)
        assert forth.p == pytest.approx(back.p, abs=1e-9)
        assert 0 <= forth.p <= 1
        assert forth.degrees < len(columns)
