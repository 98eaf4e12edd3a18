import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import betaln, ndtri
from scipy.stats import quantile_test

from serve_app.errors import InvalidInput
from serve_app.experiments.effect import difference
from serve_app.experiments.quantile import (
    quantile_difference,
    quantile_difference_sequence,
    quantile_estimate,
    quantile_interval,
)


# gostevehoward/confseq 70b1ef3 (2024-10-27), test/uniform_boundaries_unittest.cpp, QuantileABTest
@pytest.mark.parametrize(
    ("share", "offset", "p_value"),
    [(0.5, 70, 0.814704), (0.5, 85, 0.0838055), (0.5, 100, 0.0054947), (0.9, 55, 0.0340463)],
)
def test_the_p_value_of_equal_quantiles_is_the_published_one(share, offset, p_value):
    values = np.arange(1, 1_001)
    for control, treatment in [(values, values + offset), (values + offset, values)]:
        result = quantile_difference_sequence(control, treatment, share, tightest_at=100)
        assert result.p_value == pytest.approx(p_value, abs=1e-5)


@pytest.mark.parametrize(("n", "share", "alpha"), [(10, 0.5, 0.05), (40, 0.9, 0.1), (25, 0.2, 0.2)])
def test_the_interval_of_a_quantile_agrees_with_scipy(n, share, alpha):
    values = np.random.default_rng(n).lognormal(size=n)
    result = quantile_interval(values, share, alpha=alpha)
    limits = quantile_test(values, q=0, p=share).confidence_interval(1 - alpha)
    assert (result.interval.lower, result.interval.upper) == (limits.low, limits.high)
    assert result.value == np.quantile(values, share)


def test_too_few_values_leave_an_end_open():
    assert quantile_interval([1, 2, 3], 0.5).interval == quantile_interval([5], 0.5).interval
    high = quantile_interval(np.arange(30), 0.95).interval
    assert math.isfinite(high.lower)
    assert high.upper == math.inf


small = st.lists(st.integers(-4, 4), min_size=1, max_size=7)


def log_e(count, n, share, concentration):
    a, b = concentration * share, concentration * (1 - share)
    mixed = betaln(a + count, b + n - count) - betaln(a, b)
    return mixed - count * math.log(share) - (n - count) * math.log(1 - share)


def compatible(control, treatment, share, concentration, alpha):
    """All pairs of quantiles on a grid, and all counts at or below them that ties allow."""
    grid = [-50.0, *np.arange(-4.5, 5, 0.5), 50.0]

    def least(values, point):
        counts = range(sum(v < point for v in values), sum(v <= point for v in values) + 1)
        return min(log_e(count, len(values), share, concentration) for count in counts)

    of_control = {point: least(control, point) for point in grid}
    of_treatment = {point: least(treatment, point) for point in grid}
    evidence = {
        (one, other): of_control[one] + of_treatment[other] for one in grid for other in grid
    }
    apart = [other - one for (one, other), value in evidence.items() if value < math.log(1 / alpha)]
    equal = min(evidence[point, point] for point in grid)
    return min(apart), max(apart), min(1.0, math.exp(-equal))


@given(small, small, st.sampled_from([0.3, 0.5, 0.8]))
def test_the_sequence_excludes_what_a_search_over_all_pairs_excludes(control, treatment, share):
    alpha, tightest_at = 0.3, 10
    doubled = -2 * math.log(alpha)
    concentration = max(tightest_at / (doubled + math.log(1 + doubled)) - 1, 1e-3)
    lower, upper, p_value = compatible(control, treatment, share, concentration, alpha)
    result = quantile_difference_sequence(
        control, treatment, share, tightest_at=tightest_at, alpha=alpha
    )
    assert result.p_value == pytest.approx(p_value)
    if math.isfinite(result.interval.lower):
        assert result.interval.lower == lower
    else:
        assert lower <= -40
    if math.isfinite(result.interval.upper):
        assert result.interval.upper == upper
    else:
        assert upper >= 40
    assert result.interval.contains(0) == (result.p_value > alpha)


def test_a_slower_arm_is_told_at_one_look_and_at_every_look():
    rng = np.random.default_rng(2)
    control, treatment = rng.lognormal(0, 0.5, 20_000), rng.lognormal(0.1, 0.5, 20_000)
    once = quantile_difference(control, treatment, 0.95)
    always = quantile_difference_sequence(control, treatment, 0.95, tightest_at=20_000)
    truth = (math.exp(0.1) - 1) * math.exp(0.5 * ndtri(0.95))
    for result in (once, always):
        assert result.interval.contains(truth)
        assert not result.interval.contains(0)
        assert result.interval.contains(result.value)
    assert once.p_value is None
    assert always.p_value < 0.05


def test_intervals_hold_as_often_as_they_should_for_values_with_ties():
    rng = np.random.default_rng(3)
    runs, n, share = 300, 400, 0.9
    truth = 0.0
    held = {"interval": 0, "difference": 0, "sequence": 0}
    for _ in range(runs):
        control, treatment = rng.geometric(0.05, (2, n)).astype(float)
        own = math.ceil(math.log(0.1) / math.log(0.95))
        held["interval"] += quantile_interval(control, share).interval.contains(own)
        held["difference"] += quantile_difference(control, treatment, share).interval.contains(
            truth
        )
        held["sequence"] += all(
            quantile_difference_sequence(
                control[:look], treatment[:look], share, tightest_at=n
            ).interval.contains(truth)
            for look in range(80, n + 1, 80)
        )
    assert all(count / runs >= 0.95 for count in held.values())


def test_a_quantile_goes_on_to_tests_of_means():
    rng = np.random.default_rng(4)
    spread = [quantile_estimate(rng.exponential(size=2_000), 0.9) for _ in range(500)]
    values = [one.value for one in spread]
    # The large-sample variance of a quantile: share (1 - share) / (n density²)
    density = 0.1
    expected = math.sqrt(0.9 * 0.1 / 2_000) / density
    assert np.std(values) == pytest.approx(expected, rel=0.1)
    assert np.median([one.standard_error for one in spread]) == pytest.approx(expected, rel=0.1)
    effect = difference(spread[0], spread[1])
    assert effect.standard_error == pytest.approx(
        math.hypot(spread[0].standard_error, spread[1].standard_error)
    )


@pytest.mark.parametrize(
    "refused",
    [
        lambda: quantile_interval([], 0.5),
        lambda: quantile_interval([1, math.nan], 0.5),
        lambda: quantile_interval([[1, 2]], 0.5),
        lambda: quantile_interval(["slow"], 0.5),
        lambda: quantile_interval([1, 2], 1),
        lambda: quantile_interval([1, 2], 95),
        lambda: quantile_interval([1, 2], 0.5, alpha=0),
        lambda: quantile_estimate([1, 2, 3], 0.5),
        lambda: quantile_estimate([1] * 500, 0.5),
        lambda: quantile_difference([1, 2], [], 0.5),
        lambda: quantile_difference([1, 2], [1, 2], 0.5, alpha=1),
        lambda: quantile_difference_sequence([1, 2], [1, 2], 0.5, tightest_at=0),
        lambda: quantile_difference_sequence([1, 2], [1, 2], 0.5, tightest_at=9, alpha=5),
        lambda: quantile_difference_sequence([1, 2], [1, 2], 0, tightest_at=9),
        lambda: quantile_difference_sequence([1, 2], [math.inf], 0.5, tightest_at=9),
    ],
)
def test_arguments_out_of_range_are_refused(refused):
    with pytest.raises(InvalidInput):
        refused()
