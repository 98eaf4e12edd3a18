"""Asymptotic confidence sequences against published results and what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from serve_app.errors import InvalidInput
from serve_app.experiments.confidence_sequence import (
    always_valid_p_value,
    always_valid_test,
    critical_value,
    lift_past_burn_in,
    mean_sequence,
    mixing_variance,
    past_burn_in,
)
from serve_app.experiments.effect import difference, lift
from serve_app.experiments.estimate import mean_estimate, proportion_estimate
from serve_app.experiments.mixture import mixture_bound, normal_mixture

SIDES = st.sampled_from(["two-sided", "greater", "less"])
# GrowthBook's gbstats 0.8.0, packages/stats/tests/frequentist/test_tests.py at 8f1db44.
CONTROL = mean_estimate(3000, 1396.87, 52377.9767)
TREATMENT = mean_estimate(3461, 2422.7, 134698.29)


def rounded(comparison):
    interval = comparison.interval
    values = (comparison.effect, comparison.standard_error, interval.lower, interval.upper)
    return tuple(round(value, 5) for value in values)


def test_two_sided_results_as_gbstats_publishes_them():
    means = always_valid_test(lift(CONTROL, TREATMENT), tightest_at=1000)
    assert rounded(means) == (0.50336, 0.33341, -0.55844, 1.56516)
    assert means.p_value == 1
    arms = proportion_estimate(1396, 3000), proportion_estimate(2422, 3461)
    shares = always_valid_test(lift(*arms), tightest_at=5000)
    assert rounded(shares) == (0.50386, 0.03386, 0.40098, 0.60675)
    assert shares.p_value < 5e-6


@pytest.mark.parametrize(
    ("effect", "side", "expected"),
    [
        (lift, "greater", (-0.42356454602790883, math.inf)),
        (lift, "less", (-math.inf, 1.4302867177403806)),
        (difference, "greater", (-0.12656844172804982, math.inf)),
        (difference, "less", (-math.inf, 0.5953217750613832)),
    ],
)
def test_one_sided_intervals_as_gbstats_publishes_them(effect, side, expected):
    result = always_valid_test(effect(CONTROL, TREATMENT), tightest_at=5000, side=side)
    assert (result.interval.lower, result.interval.upper) == pytest.approx(expected, abs=1e-12)


def test_a_one_sided_p_value_is_the_level_whose_interval_ends_at_the_null():
    effect = difference(CONTROL, TREATMENT)
    result = always_valid_test(effect, tightest_at=5000, side="greater")
    # Published as 0.46316, one step of a bisection beyond its last, which was at 0.46304.
    assert result.p_value == pytest.approx(0.46304, abs=1e-5)
    m = effect.n * mixing_variance(5000, side="greater")

    def lower_end(level):
        reach = math.sqrt(
            2 * (m + 1) / m * math.log(1 + math.sqrt(m + 1) / (2 * level))
        )  # fmt: skip
        return effect.value - reach * effect.standard_error

    assert result.p_value == pytest.approx(brentq(lower_end, 0.1, 0.9), rel=1e-9)


@given(st.floats(-8, 8), st.integers(1, 10**9), st.floats(10, 1e6), SIDES, st.floats(0.001, 0.4))
def test_a_p_value_is_below_alpha_where_the_sequence_excludes_the_null(
    z, n, tightest_at, side, alpha
):
    reach = float(critical_value(n, tightest_at=tightest_at, alpha=alpha, side=side))
    p_value = always_valid_p_value(z, n, tightest_at=tightest_at, alpha=alpha, side=side)
    towards = abs(z) if side == "two-sided" else (z if side == "greater" else -z)
    if abs(towards - reach) > 1e-9:
        assert (p_value < alpha) == (towards > reach)


@given(st.integers(2, 10**7), st.floats(0.001, 0.2))
def test_the_two_sided_bound_is_that_of_the_normal_mixture(n, alpha):
    # confseq's mixture of the same tuning, checked against its published values elsewhere.
    bound = mixture_bound(normal_mixture(5000, alpha_opt=alpha, one_sided=False), n, alpha)
    reach = critical_value(n, tightest_at=5000, alpha=alpha)
    assert reach * math.sqrt(n) == pytest.approx(bound, rel=1e-6)


@pytest.mark.parametrize("tightest_at", [100, 20_000])
def test_it_is_tightest_where_it_was_tuned_to_be(tightest_at):
    def reach_with(log_tuning):
        return float(critical_value(tightest_at, tightest_at=math.exp(log_tuning)))

    best = minimize_scalar(reach_with, bounds=(1, 16), method="bounded")
    assert reach_with(math.log(tightest_at)) == pytest.approx(best.fun, rel=1e-3)


def test_the_price_where_it_is_tightest():
    assert critical_value(1000, tightest_at=1000) / 1.959964 == pytest.approx(1.55, abs=0.01)


def test_one_mean_at_every_look():
    random = np.random.default_rng(5)
    missed = 0
    for _ in range(300):
        values = random.exponential(1, 3000)
        n = np.arange(1, 3001)
        sums, squares = values.cumsum(), (values**2).cumsum()
        looks = n[99::20]
        variance = (squares - sums**2 / n)[99::20] / (looks - 1)
        reach = critical_value(looks, tightest_at=1000) * np.sqrt(variance / looks)
        missed += bool((np.abs(sums[99::20] / looks - 1) > reach).any())
    # 0.05 of 300, and three standard deviations.
    assert missed <= 26
    last = mean_sequence(mean_estimate(3000, sums[-1], squares[-1]), tightest_at=1000)
    assert last.lower < sums[-1] / 3000 < last.upper


def test_nothing_is_known_before_the_first_row():
    assert critical_value(0, tightest_at=100) == math.inf


@pytest.mark.parametrize(
    ("rows", "events", "expected"),
    [
        ([100, 100], None, True),
        ([99, 5000], None, False),
        ([100, 900], [5, 5], True),
        ([100, 900], [4, 50], False),
        ([100, 900], [96, 50], False),
        ([], None, False),
    ],
)
def test_results_count_once_every_arm_has_enough(rows, events, expected):
    assert past_burn_in(rows, events) is expected


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: critical_value(10, tightest_at=0), "above zero"),
        (lambda: critical_value(10, tightest_at=math.nan), "finite"),
        (lambda: critical_value(10, tightest_at=9, alpha=0), "between 0 and 1"),
        (lambda: critical_value(10, tightest_at=9, alpha=0.5, side="less"), "less than 0.5"),
        (lambda: always_valid_p_value(math.nan, 10, tightest_at=9), "finite"),
        (lambda: always_valid_p_value(1, 0, tightest_at=9), "above zero"),
        (lambda: past_burn_in([100, -1]), "at least 0"),
        (lambda: past_burn_in([100, 100], [101, 5]), "more than rows"),
    ],
)
def test_what_cannot_be_is_refused_in_words(call, words):
    with pytest.raises(InvalidInput, match=words):
        call()


def test_enormous_evidence_is_a_p_value_of_zero():
    assert always_valid_p_value(1e6, 10**6, tightest_at=1000) == 0
    assert always_valid_p_value(1e6, 10**6, tightest_at=1000, side="less") == 1


def test_a_lift_counts_once_both_means_are_well_known():
    known, vague = proportion_estimate(40, 1000), proportion_estimate(8, 100)
    assert known.value > 6 * known.standard_error
    assert lift_past_burn_in(known, known)
    assert not lift_past_burn_in(known, vague)
    assert not lift_past_burn_in(vague, known)
    assert lift_past_burn_in(vague, known, standard_errors=2)
    with pytest.raises(InvalidInput, match="above zero"):
        lift_past_burn_in(known, known, standard_errors=0)
