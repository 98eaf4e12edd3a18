import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln
from scipy.stats import beta, norm

from serve_app.errors import InvalidInput
from serve_app.experiments.best_arm import best_of, chance_to_beat, compare, value_remaining
from serve_app.experiments.posterior import (
    BetaPosterior,
    NormalPosterior,
    beta_binomial,
    log_lift,
    normal_effect,
    normal_mean,
)


def to_5(*values):
    return [round(value, 5) for value in values]


def limits(posterior):
    return posterior.interval().lower, posterior.interval().upper


def relative(posterior):
    """A posterior of the logarithm of a ratio as what was printed: lift, interval, chance."""
    low, high = limits(posterior)
    return to_5(
        math.expm1(posterior.mean), math.expm1(low), math.expm1(high), posterior.chance_above()
    )


# gbstats 0.4 to 0.6 (growthbook), tests/bayesian/test_tests.py, TestBinom: 49 and 51 of 100
def test_binomial_posteriors_give_the_published_lift_chance_and_risk():
    baseline, variant = beta_binomial(49, 100), beta_binomial(51, 100)
    lift = log_lift(baseline, variant)
    assert to_5(lift.mean, lift.standard_deviation) == [0.03961, 0.14112]
    assert relative(lift) == [0.0404, -0.21099, 0.37189, 0.61052]
    assert to_5(*best_of([baseline, variant]).expected_loss) == [0.03872, 0.01912]


def test_priors_of_binomial_posteriors_give_the_published_results():
    baseline = beta_binomial(49, 100, prior=(0, 0))
    variant = beta_binomial(51, 100, prior=(100, 100))
    lift = log_lift(baseline, variant)
    assert to_5(lift.mean, lift.standard_deviation) == [0.03043, 0.11778]
    assert relative(lift) == [0.0309, -0.18162, 0.2986, 0.60193]
    assert to_5(*best_of([baseline, variant]).expected_loss) == [0.03025, 0.01692]


def delta_lift(mean_a, variance_a, n_a, mean_b, variance_b, n_b):
    """Relative lift and its standard error by the delta method, as gbstats hands them on."""
    variance = variance_b / n_b / mean_a**2 + variance_a / n_a * mean_b**2 / mean_a**4
    return (mean_b - mean_a) / mean_a, math.sqrt(variance)


# gbstats 0.8.0 (growthbook 8f1db44), tests/bayesian/test_tests.py
@pytest.mark.parametrize(
    ("effect", "prior", "expected"),
    [
        (
            delta_lift(0.49, 0.49 * 0.51, 100, 0.51, 0.51 * 0.49, 100),
            (),
            [0.04082, -0.24779, 0.32943, 0.14725, 0.60918, 0.0814, 0.04058],
        ),
        (
            delta_lift(10, 2.25 / 9, 10, 10.5, 9 / 9, 10),
            (),
            [0.05, -0.02, 0.12, 0.03572, 0.91923, 0.05131, 0.00131],
        ),
        (
            delta_lift(10, 2.25 / 9, 10, 10.5, 9 / 9, 10),
            (0.1, math.sqrt(0.1)),
            [0.05063, -0.01893, 0.12019, 0.03549, 0.92315, 0.05186, 0.00123],
        ),
    ],
)
def test_normal_posteriors_of_effects_give_the_published_results(effect, prior, expected):
    posterior = normal_effect(*effect, *prior)
    assert (
        to_5(
            posterior.mean,
            *limits(posterior),
            posterior.standard_deviation,
            posterior.chance_above(),
            *posterior.expected_loss(),
        )
        == expected
    )


def test_priors_of_a_quantile_effect_give_the_published_results():
    # gbstats 0.8.0, TestEffectBayesianABTest: p90 with the intervals of both arms
    baseline, variant = 7.157987489967789, 7.694499927525767
    z = norm.ppf(0.975)
    # gbstats takes (n - 1) / n of the variance that the width of an interval says
    of_baseline = (7.217194843758751 - 7.098780136176828) / (2 * z) * math.sqrt(11053 / 11054)
    of_variant = (7.747193868770344 - 7.64180598628119) / (2 * z) * math.sqrt(10860 / 10861)
    error = math.hypot(of_baseline, of_variant)
    flat = normal_effect(variant - baseline, error)
    assert flat.mean == pytest.approx(0.5365124375579775, rel=1e-12)
    assert limits(flat) == pytest.approx((0.4572559589115422, 0.6157689162044128), rel=1e-12)
    informed = normal_effect(variant - baseline, error, 0.0, baseline)
    assert informed.mean == pytest.approx(0.536495315442269, rel=1e-12)
    assert limits(informed) == pytest.approx((0.4572401014910488, 0.6157505293934892), rel=1e-12)


@pytest.mark.parametrize(
    ("mean", "deviation", "expected", "digits"),
    [
        # gbstats 0.8.0, TestGetRiskNumericalStability
        (0.1, 0.05, (0.1004245351308, 0.0004245351308414), 10),
        (0.01, 4.5e-9, (0.01, 0.0), 15),
        (-0.01, 4.5e-9, (0.0, 0.01), 15),
    ],
)
def test_expected_loss_of_a_normal_effect_is_the_published_one(mean, deviation, expected, digits):
    loss = NormalPosterior(mean, deviation).expected_loss()
    assert [round(one, digits) for one in loss] == [round(one, digits) for one in expected]


def closed_form(a, b):
    """P(b beats a) for whole parameters: E. Miller, "Formulas for Bayesian A/B Testing" (2014)."""
    return sum(
        math.exp(
            betaln(a.alpha + i, a.beta + b.beta)
            - math.log(b.beta + i)
            - betaln(1 + i, b.beta)
            - betaln(a.alpha, a.beta)
        )
        for i in range(int(b.alpha))
    )


counts = st.tuples(st.integers(0, 400), st.integers(0, 4000))


@given(counts, counts)
def test_chance_to_beat_is_the_closed_form(first, second):
    a = BetaPosterior(1 + first[0], 1 + first[1])
    b = BetaPosterior(1 + second[0], 1 + second[1])
    assert chance_to_beat(a, b) == pytest.approx(closed_form(a, b), abs=1e-8)
    assert chance_to_beat(a, b) + chance_to_beat(b, a) == pytest.approx(1, abs=1e-8)
    both = best_of([a, b])
    assert both.chance_best[1] == pytest.approx(chance_to_beat(a, b), abs=1e-8)
    lost = both.expected_loss[0] - both.expected_loss[1]
    assert lost == pytest.approx(b.mean - a.mean, abs=1e-10)


@pytest.mark.parametrize(
    "arms",
    [
        [(3, 7), (4, 6), (6, 4)],
        [(0.5, 0.5), (1, 1), (40, 60), (41, 59)],
        [(2, 1_000_001), (3, 1_000_001), (9, 1_000_001)],
        [(10_001, 90_001), (10_101, 89_901), (1, 1)],
        [(30 + 5 * place, 970 - 5 * place) for place in range(12)],
    ],
)
def test_the_best_of_several_agrees_with_draws(arms):
    rng = np.random.default_rng(7)
    draws = np.stack([rng.beta(a, b, 400_000) for a, b in arms])
    result = best_of([BetaPosterior(a, b) for a, b in arms])
    shares = np.bincount(draws.argmax(axis=0), minlength=len(arms)) / draws.shape[1]
    assert result.chance_best == pytest.approx(shares.tolist(), abs=0.004)
    lost = draws.max(axis=0) - draws
    error = 5 * lost.std(axis=1) / math.sqrt(draws.shape[1])
    assert (np.abs(lost.mean(axis=1) - result.expected_loss) <= error).all()
    assert sum(result.chance_best) == pytest.approx(1)
    assert result.expected_loss[result.safest] == min(result.expected_loss)


def test_difference_and_lift_of_two_shares_agree_with_direct_integration():
    a, b = beta_binomial(12, 200), beta_binomial(25, 210)
    result = compare(a, b, level=0.9)
    for limit, share in [
        (result.difference.interval.lower, 0.05),
        (result.difference.median, 0.5),
        (result.difference.interval.upper, 0.95),
    ]:
        below, _ = quad(
            lambda x, d=limit: beta.pdf(x, a.alpha, a.beta) * beta.cdf(x + d, b.alpha, b.beta), 0, 1
        )
        assert below == pytest.approx(share, abs=1e-7)
    for limit, share in [(result.lift.interval.lower, 0.05), (result.lift.interval.upper, 0.95)]:
        below, _ = quad(
            lambda x, r=limit: (
                beta.pdf(x, a.alpha, a.beta) * beta.cdf(x * (1 + r), b.alpha, b.beta)
            ),
            0,
            1,
        )
        assert below == pytest.approx(share, abs=1e-7)


@given(
    st.tuples(st.floats(-5, 5), st.floats(0.1, 4)), st.tuples(st.floats(-5, 5), st.floats(0.1, 4))
)
def test_two_normal_posteriors_compare_as_their_difference(first, second):
    a, b = NormalPosterior(*first), NormalPosterior(*second)
    apart = NormalPosterior(b.mean - a.mean, math.hypot(a.standard_deviation, b.standard_deviation))
    result = compare(a, b)
    assert result.chance_to_beat == pytest.approx(apart.chance_above(), abs=1e-8)
    assert (result.loss_of_baseline, result.loss_of_variant) == pytest.approx(
        apart.expected_loss(), abs=1e-8
    )
    interval = (result.difference.interval.lower, result.difference.interval.upper)
    assert interval == pytest.approx(limits(apart), abs=1e-6)


def test_a_lift_over_a_baseline_that_may_be_zero_is_none():
    variant = NormalPosterior(1, 0.1)
    assert compare(NormalPosterior(0.1, 0.1), variant).lift is None
    lift = compare(NormalPosterior(10, 0.1), NormalPosterior(11, 0.1)).lift
    assert lift is not None
    assert lift.median == pytest.approx(0.1, abs=1e-4)


def test_where_lower_is_better_the_lower_arm_wins():
    low, high = beta_binomial(10, 1000), beta_binomial(30, 1000)
    result = best_of([low, high], higher_is_better=False)
    assert result.safest == 0
    assert result.chance_best[0] == pytest.approx(best_of([low, high]).chance_best[1])
    assert compare(high, low, higher_is_better=False).chance_to_beat > 0.99
    assert compare(high, low, higher_is_better=False).difference.median < 0


def test_a_mean_follows_from_its_sums():
    values = np.array([3.0, 4.5, 4.0, 7.5, 1.0])
    posterior = normal_mean(5, values.sum(), (values**2).sum())
    assert posterior.mean == pytest.approx(values.mean())
    assert posterior.standard_deviation == pytest.approx(values.std(ddof=1) / math.sqrt(5))
    informed = normal_mean(5, values.sum(), (values**2).sum(), 0.0, posterior.standard_deviation)
    assert informed.mean == pytest.approx(values.mean() / 2)


def test_value_remaining_shrinks_as_data_come():
    few = [beta_binomial(40, 1_000), beta_binomial(50, 1_000)]
    many = [beta_binomial(4_000, 100_000), beta_binomial(5_000, 100_000)]
    rng = np.random.default_rng(1)
    early, late = value_remaining(few, rng), value_remaining(many, rng)
    # the same from draws of another generator
    draws = np.random.default_rng(2).beta(*[[[41], [51]], [[961], [951]]], (2, 200_000))
    direct = np.quantile((draws.max(axis=0) - draws[1]) / draws[1], 0.95)
    assert early == pytest.approx(direct, abs=0.02)
    assert late == 0


def test_one_arm_is_the_best_of_all():
    alone = best_of([beta_binomial(1, 2)])
    assert (alone.chance_best, alone.expected_loss) == ((1,), (0,))


@pytest.mark.parametrize(
    ("successes", "trials", "prior"),
    [
        (3, 2, (1, 1)),
        (-1, 2, (1, 1)),
        (1.5, 2, (1, 1)),
        (math.nan, 2, (1, 1)),
        (1, math.inf, (1, 1)),
        (0, 0, (0, 0)),
        (1, 2, (-1, 1)),
        (1, 2, (math.nan, 1)),
    ],
)
def test_impossible_trials_are_refused(successes, trials, prior):
    with pytest.raises(InvalidInput):
        beta_binomial(successes, trials, prior)


@pytest.mark.parametrize(
    ("n", "total", "squares", "words"),
    [
        (1, 1, 1, "at least 2"),
        (0, 0, 0, "at least 2"),
        (4, 4, 4, "alike"),
        (3, 0, 0, "alike"),
        (10, 100, 5, "cannot"),
        (10, math.nan, 5, "nan"),
        (10, 1, math.inf, "inf"),
    ],
)
def test_sums_that_say_nothing_of_a_mean_are_refused(n, total, squares, words):
    with pytest.raises(InvalidInput, match=words):
        normal_mean(n, total, squares)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: best_of([]),
        lambda: value_remaining([], np.random.default_rng(1)),
        lambda: value_remaining([beta_binomial(1, 2)], np.random.default_rng(1), draws=0),
        lambda: value_remaining([beta_binomial(1, 2)], np.random.default_rng(1), share=1),
        lambda: compare(beta_binomial(1, 2), beta_binomial(1, 2), level=95),
        lambda: beta_binomial(1, 2).interval(1),
        lambda: normal_effect(1, 0),
        lambda: normal_effect(math.nan, 1),
        lambda: normal_effect(1, 1, 0, -1),
        lambda: NormalPosterior(1, 1).chance_above(math.nan),
    ],
)
def test_arguments_out_of_range_are_refused(refused):
    with pytest.raises(InvalidInput):
        refused()
