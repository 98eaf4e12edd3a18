"""Welch's test against published results, SciPy and resampling."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from serve_app.errors import InvalidInput
from serve_app.experiments.effect import difference, lift
from serve_app.experiments.estimate import (
    Sums,
    mean_estimate,
    proportion_estimate,
    ratio_estimate,
)
from serve_app.experiments.welch import welch_test

# GrowthBook's gbstats 0.8.0, packages/stats/tests/frequentist/test_tests.py at 8f1db44.
CONTROL = mean_estimate(3407, 1396.87, 52377.9767)
SMALLER_CONTROL = mean_estimate(3000, 1396.87, 52377.9767)
TREATMENT = mean_estimate(3461, 2422.7, 134698.29)


def rounded(comparison):
    interval = comparison.interval
    values = (
        comparison.effect, comparison.standard_error, interval.lower, interval.upper,
        comparison.p_value,
    )  # fmt: skip
    return tuple(round(value, 5) for value in values)


def sums(values):
    return Sums(len(values), float(np.sum(values)), float(np.sum(np.square(values))))


def test_relative_lift_as_gbstats_publishes_it():
    result = welch_test(lift(CONTROL, TREATMENT))
    assert rounded(result) == (0.70732, 0.37879, -0.03526, 1.44989, 0.06191)
    assert not result.significant


def test_absolute_difference_as_gbstats_publishes_it():
    result = welch_test(difference(CONTROL, TREATMENT))
    assert rounded(result) == (0.29, 0.12478, 0.04538, 0.53462, 0.02016)
    assert result.significant


def test_shares_as_gbstats_publishes_them():
    result = welch_test(lift(proportion_estimate(14, 28), proportion_estimate(16, 30)))
    assert rounded(result) == (0.06667, 0.2717, -0.47767, 0.61101, 0.80707)


@pytest.mark.parametrize(
    ("effect", "side", "expected"),
    [
        (lift, "greater", (0.50336, 0.33341, -0.04514, math.inf, 0.06558)),
        (difference, "greater", (0.23438, 0.12983, 0.02079, math.inf, 0.03554)),
        (lift, "less", (0.50336, 0.33341, -math.inf, 1.05186, 0.93442)),
        (difference, "less", (0.23438, 0.12983, -math.inf, 0.44796, 0.96446)),
    ],
)
def test_one_sided_tests_as_gbstats_publishes_them(effect, side, expected):
    assert rounded(welch_test(effect(SMALLER_CONTROL, TREATMENT), side=side)) == expected


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("side", ["two-sided", "greater", "less"])
def test_a_difference_of_means_is_that_of_scipy(seed, side):
    random = np.random.default_rng(seed)
    control, treatment = random.lognormal(0, 1, 40), random.normal(1.8, 3, 25)
    theirs = stats.ttest_ind(treatment, control, equal_var=False, alternative=side)
    interval = theirs.confidence_interval(0.9)
    arms = [
        mean_estimate(len(x), x.sum(), (x**2).sum()) for x in (control, treatment)
    ]  # fmt: skip
    ours = welch_test(difference(*arms), side=side, alpha=0.1)
    assert ours.p_value == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.interval.lower == pytest.approx(interval.low, rel=1e-9)
    assert ours.interval.upper == pytest.approx(interval.high, rel=1e-9)


def test_the_variance_of_a_ratio_is_that_of_its_linear_part():
    random = np.random.default_rng(7)
    pages = random.poisson(6, 500) + 1
    clicks = random.binomial(pages, 0.3)
    estimate = ratio_estimate(sums(clicks), sums(pages), float((clicks * pages).sum()))
    ratio = clicks.sum() / pages.sum()
    linear = (clicks - ratio * pages) / pages.mean()
    assert estimate.value == pytest.approx(ratio)
    assert estimate.variance == pytest.approx(linear.var(ddof=1))


def test_the_standard_error_of_a_lift_is_that_of_resampling():
    random = np.random.default_rng(3)
    control, treatment = random.exponential(2, 4000), random.exponential(2.2, 3000)
    lifts = [
        random.choice(treatment, 3000).mean() / random.choice(control, 4000).mean() - 1
        for _ in range(2000)
    ]
    arms = [mean_estimate(len(x), x.sum(), (x**2).sum()) for x in (control, treatment)]
    assert lift(*arms).standard_error == pytest.approx(np.std(lifts), rel=0.06)


def test_a_lift_of_a_negative_mean_is_positive_where_more_came():
    control, treatment = mean_estimate(100, -200, 500), mean_estimate(100, -100, 300)
    assert lift(control, treatment).value == pytest.approx(0.5)
    assert lift(control, treatment).standard_error > 0


@given(
    st.integers(2, 10**9),
    st.floats(0.001, 0.999),
    st.floats(-0.5, 0.5),
    st.sampled_from(["two-sided", "greater", "less"]),
    st.floats(0.001, 0.4),
)
def test_a_p_value_is_below_alpha_where_the_interval_excludes_the_null(n, p, null, side, alpha):
    arms = proportion_estimate(round(p * n), n), proportion_estimate(n // 2, n)
    result = welch_test(difference(*arms), side=side, null=null, alpha=alpha)
    if abs(result.p_value - alpha) > 1e-9:
        assert result.significant == (result.p_value < alpha)


@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=30))
def test_sums_give_the_mean_and_variance_of_what_was_summed(values):
    estimate = mean_estimate(len(values), sum(values), sum(value**2 for value in values))
    assert estimate.value == pytest.approx(np.mean(values))
    assert estimate.variance == pytest.approx(np.var(values, ddof=1), abs=1e-6)


def test_sums_of_parts_add_up():
    assert sums([1, 2]) + sums([3, 4]) == sums([1, 2, 3, 4])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mean_estimate(0, 0, 0), "at least 2"),
        (lambda: mean_estimate(1, 3, 9), "at least 2"),
        (lambda: mean_estimate(-5, 3, 9), "at least 2"),
        (lambda: mean_estimate(2.5, 3, 9), "whole number"),
        (lambda: mean_estimate(10, math.nan, 9), "finite"),
        (lambda: mean_estimate(10, 3, math.inf), "finite"),
        (lambda: mean_estimate(2, 1396.87, 52377.9767), "cannot have less than"),
        (lambda: proportion_estimate(-1, 10), "negative"),
        (lambda: proportion_estimate(11, 10), "more than rows"),
        (lambda: ratio_estimate(Sums(3, 1, 1), Sums(4, 1, 1), 1), "over the same"),
        (lambda: ratio_estimate(Sums(4, 1, 1), Sums(4, 0, 1), 1), "sum is zero"),
        (lambda: difference(mean_estimate(4, 4, 4), mean_estimate(4, 8, 16)), "no value"),
        (lambda: lift(proportion_estimate(0, 9), proportion_estimate(3, 9)), "difference"),
        (lambda: welch_test(lift(CONTROL, TREATMENT), alpha=1.0), "between 0 and 1"),
        (lambda: welch_test(lift(CONTROL, TREATMENT), null=math.nan), "finite"),
        (lambda: welch_test(lift(CONTROL, TREATMENT), side="both"), "no alternative"),
    ],
)
def test_what_cannot_be_is_refused_in_words(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


NUMBERS = st.sampled_from(
    [0, 1, 2, -1, 0.5, 100, 1e3, 1e18, 1e-300, 1e308, math.nan, math.inf, -math.inf]
)  # fmt: skip


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from([lift, difference]))
def test_whatever_numbers_come_a_result_or_words_come_out(n, total, squares, m, successes, effect):
    try:
        result = welch_test(
            effect(mean_estimate(n, total, squares), proportion_estimate(successes, m))
        )
    except InvalidInput:
        return
    assert 0 <= result.p_value <= 1
    assert result.interval.lower <= result.effect <= result.interval.upper


def test_one_arm_may_be_all_alike():
    result = welch_test(difference(proportion_estimate(0, 50), proportion_estimate(9, 50)))
    assert 0 < result.p_value < 0.01


def test_huge_counts_stay_exact():
    n = 10**12
    result = welch_test(difference(proportion_estimate(n // 2, n), proportion_estimate(n // 2, n)))
    assert result.p_value == 1
    assert result.standard_error == pytest.approx(math.sqrt(0.5 / n))
