"""Power and sample sizes against R, GrowthBook, and what simulated tests find."""

import math

import numpy as np
import pytest

from serve_app.errors import InvalidInput
from serve_app.experiments.confidence_sequence import critical_value
from serve_app.experiments.effect import Effect, difference, lift
from serve_app.experiments.estimate import mean_estimate, unadjusted
from serve_app.experiments.group_sequential import group_sequential_design
from serve_app.experiments.plans import (
    AlwaysValidPlan,
    CredibleIntervalPlan,
    FixedPlan,
    GroupSequentialPlan,
)
from serve_app.experiments.posterior import normal_effect
from serve_app.experiments.power import (
    Level,
    Progress,
    detectable_effect,
    detectable_lift,
    effect_power,
    means_detectable,
    means_power,
    means_sample_size,
    needed_rows,
    progress,
    proportions_detectable,
    proportions_power,
    proportions_sample_size,
    sample_price,
)

ONE_SIDED, STRICT = Level(sides=1), Level(strict=True)


def test_shares_as_r_documents_them():
    """R, ?power.prop.test: n = 50 has power 0.740; power 0.9 needs n = 76.7, and p2 = 0.8026."""
    assert proportions_power(50, 0.5, 0.75) == pytest.approx(0.7401659, abs=5e-8)
    assert proportions_sample_size(0.5, 0.75, power=0.9) == pytest.approx(76.7, abs=0.05)
    assert proportions_detectable(50, 0.5, power=0.9) == pytest.approx(0.8026, abs=5e-5)
    strict = proportions_sample_size(0.5, 0.75, power=0.9, level=STRICT)
    assert strict == pytest.approx(76.7, abs=0.05)


def test_means_as_r_documents_them():
    """R, ?power.t.test: power 0.8689528 of n = 20, delta = 1; n = 22.02110, one-sided 17.84713."""
    assert means_power(20, 1) == pytest.approx(0.8689528, abs=5e-8)
    assert means_sample_size(1, power=0.9) == pytest.approx(22.02110, abs=5e-6)
    assert means_sample_size(1, power=0.9, level=ONE_SIDED) == pytest.approx(17.84713, abs=1.1e-5)


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("level", [Level(), ONE_SIDED, STRICT, Level(alpha=0.01)])
def test_sizes_effects_and_power_agree(samples, level):
    n = means_sample_size(0.4, 1.5, power=0.85, samples=samples, level=level)
    assert means_power(n, 0.4, 1.5, samples=samples, level=level) == pytest.approx(0.85)
    delta = means_detectable(n, 1.5, power=0.85, samples=samples, level=level)
    assert delta == pytest.approx(0.4)
    n = proportions_sample_size(0.02, 0.03, power=0.85, level=level)
    assert proportions_detectable(n, 0.02, power=0.85, level=level) == pytest.approx(0.03)


def test_many_rows_need_what_the_normal_distribution_says():
    normal = 2 * ((1.959964 + 0.841621) / 0.001) ** 2
    assert means_sample_size(0.001) == pytest.approx(normal, rel=1e-5)
    assert means_power(10**9, 1) == 1


# GrowthBook, packages/shared/test/power.test.ts at 8f1db44: mean 10, lift 5 %, three arms.
VARIANCE = 3909.9997749994377


def growthbook(n, mean, lifted, variance):
    return lift(unadjusted(n, mean, variance), unadjusted(n, lifted, variance))


def test_lifts_as_growthbook_publishes_them():
    expected = growthbook(400_000 / 3, 10, 10.5, VARIANCE)
    assert effect_power(expected, FixedPlan()) == pytest.approx(0.52144, abs=5e-6)
    control = unadjusted(400_000 / 3, 10, VARIANCE)
    assert detectable_lift(control, 400_000 / 3, FixedPlan()) == pytest.approx(0.07027, abs=5e-6)


def test_power_grows_with_weeks_as_growthbook_publishes_it():
    published = [
        (0.073, 0.17053), (0.0965, 0.29389), (0.1204, 0.41122), (0.14458, 0.51749),
        (0.16895, 0.61037), (0.19342, 0.68938), (0.21791, 0.75513), (0.24235, 0.80886),
        (0.26666, 0.85213),
    ]  # fmt: skip
    detectable = [
        (0.36767, 1.26769), (0.24505, 0.71941), (0.19525, 0.54299), (0.16673, 0.4506),
        (0.14774, 0.39208), (0.13394, 0.35099), (0.12336, 0.32018), (0.11491, 0.29603),
        (0.10796, 0.27647),
    ]  # fmt: skip
    for week, (powers, lifts) in enumerate(zip(published, detectable, strict=True), start=1):
        n = 1500 * week
        clicks, revenue = unadjusted(n, 0.1, 0.09), unadjusted(n, 0.1, 0.5)
        of_clicks = effect_power(growthbook(n, 0.1, 0.105, 0.09), FixedPlan())
        of_revenue = effect_power(growthbook(n, 0.1, 0.13, 0.5), FixedPlan())
        assert (of_clicks, of_revenue) == pytest.approx(powers, abs=5.1e-6)
        assert detectable_lift(clicks, n, FixedPlan()) == pytest.approx(lifts[0], abs=5.1e-6)
        assert detectable_lift(revenue, n, FixedPlan()) == pytest.approx(lifts[1], abs=5.1e-6)


def test_what_is_still_needed_as_gbstats_publishes_it():
    """packages/stats/tests/test_midexperimentpower.py: additional users, in samples like now's.

    Their bisection ends within 1e-5 of the power, hence the tolerance.
    """
    arms = mean_estimate(500, 500, 1500), mean_estimate(500, 525, 1551.25)
    now = lift(*arms)
    once = progress(now, FixedPlan(), smallest=0.05, rows_per_day=1000)
    assert once.needed / 1000 - 1 == pytest.approx(25.45703125, abs=1e-3)
    always = progress(now, AlwaysValidPlan(tightest_at=5000), smallest=0.05, rows_per_day=1000)
    assert always.needed / 1000 - 1 == pytest.approx(55.66796875, abs=1e-3)
    plan = CredibleIntervalPlan(0.05, prior_mean=0.05, prior_deviation=math.sqrt(0.001))
    believed = progress(now, plan, smallest=0.05, rows_per_day=1000)
    assert believed.needed / 1000 - 1 == pytest.approx(13.9404296875, abs=1e-3)


@pytest.mark.parametrize("effect", [0.3, -0.3])
def test_the_power_of_a_credible_interval_is_how_often_it_excludes_zero(effect):
    rng, error = np.random.default_rng(1), 0.2
    posteriors = [
        normal_effect(seen, error, 0.1, 0.25).interval()
        for seen in rng.normal(effect, error, 4_000)
    ]
    found = np.mean([not interval.contains(0.0) for interval in posteriors])
    plan = CredibleIntervalPlan(effect, 0.1, 0.25)
    assert plan.power(effect / error, 100) == pytest.approx(found, abs=0.03)


def test_a_wide_prior_is_none():
    plan = CredibleIntervalPlan(0.3, 0.0, 1e6)
    assert plan.power(2.2, 100) == pytest.approx(FixedPlan().power(2.2, 100), rel=1e-9)


def test_always_valid_power_is_that_of_its_own_boundary():
    # Simulated: statistics of mean 1.2 or so, against the sequence's reach at that size.
    expected = growthbook(400_000 / 3, 10, 10.5, VARIANCE)
    plan = AlwaysValidPlan(tightest_at=5000)
    z = np.random.default_rng(1).normal(expected.value / expected.standard_error, 1, 2_000_000)
    found = np.abs(z) > critical_value(expected.n, tightest_at=5000)
    assert effect_power(expected, plan) == pytest.approx(found.mean(), abs=6e-4)


def tenths(n=14_748):
    """0.10 against 0.11, with the rows for which one look has power 0.8."""
    return difference(unadjusted(n, 0.10, 0.09), unadjusted(n, 0.11, 0.11 * 0.89))


def test_the_power_of_each_way_of_looking():
    expected = tenths()
    assert effect_power(expected, FixedPlan()) == pytest.approx(0.8, abs=1e-3)
    looks = GroupSequentialPlan(group_sequential_design([k / 10 for k in range(1, 11)]))
    assert effect_power(expected, looks) >= 0.78
    watched = AlwaysValidPlan(tightest_at=expected.n, looks=100)
    assert effect_power(expected, watched) >= 0.5
    assert effect_power(expected, watched) > effect_power(
        expected, AlwaysValidPlan(tightest_at=expected.n)
    )


def test_the_price_of_looking_all_the_time():
    watched = AlwaysValidPlan(tightest_at=29_496, looks=50)
    assert sample_price(tenths(), watched) == pytest.approx(1.7, abs=0.05)


@pytest.mark.parametrize("side", ["greater", "less"])
def test_one_sided_plans_look_their_way(side):
    sign = 1 if side == "greater" else -1
    expected = Effect(sign * 0.1, 0.04, 500, 500, 998)
    design = group_sequential_design([0.5, 1.0], side=side)
    plans = [
        FixedPlan(side=side),
        GroupSequentialPlan(design),
        AlwaysValidPlan(tightest_at=1000, side=side),
        AlwaysValidPlan(tightest_at=1000, side=side, looks=3),
    ]
    for plan in plans:
        assert plan.power(3 * sign, 1000) > 0.5
        assert plan.power(-3 * sign, 1000) < 0.01
        assert needed_rows(expected, plan) > 0


def test_a_detectable_effect_is_found_with_that_power():
    now = tenths()
    smallest = detectable_effect(now, FixedPlan(), power=0.9)
    assert FixedPlan().power(smallest / now.standard_error, now.n) == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (Progress(410, 1000, 2.4), "41 % of the needed sample, about 3 days left"),
        (Progress(990, 1000, 0.2), "99 % of the needed sample, about 1 day left"),
        (Progress(10, 1000, None), "1 % of the needed sample, and no rows come in"),
        (Progress(1200, 1000, 0.0), "the needed sample is there"),
    ],
)
def test_progress_is_a_sentence(state, sentence):
    assert str(state) == sentence


def test_progress_counts_days_by_what_comes_in():
    half = progress(tenths(7374), FixedPlan(), smallest=0.01, rows_per_day=3000)
    assert half.share == pytest.approx(0.5, abs=0.01)
    assert half.days_left == pytest.approx(half.needed * 0.5 / 3000, rel=0.02)
    assert progress(tenths(), FixedPlan(), smallest=0.01, rows_per_day=0).days_left in {None, 0.0}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: proportions_power(0, 0.1, 0.2), "above zero"),
        (lambda: proportions_power(50, 0, 0.2), "between 0 and 1"),
        (lambda: proportions_power(50, 0.1, math.nan), "finite"),
        (lambda: proportions_sample_size(0.2, 0.2), "equal|no sample"),
        (lambda: proportions_sample_size(0.1, 0.2, power=1), "between 0 and 1"),
        (lambda: proportions_detectable(2, 0.9), "take more"),
        (lambda: proportions_detectable(50, 1 - 1e-12), "take more"),
        (lambda: means_power(10, 1e200), "too large"),
        (lambda: means_power(1, 1), "more than one"),
        (lambda: means_power(10, 1, 0), "above zero"),
        (lambda: means_power(10, 1, samples=3), "1 or 2"),
        (lambda: means_sample_size(0), "no sample"),
        (lambda: Level(sides=3), "one side or two"),
        (lambda: Level(alpha=0), "between 0 and 1"),
        (lambda: needed_rows(Effect(0.0, 1.0, 5, 5, 8), FixedPlan()), "no sample"),
        (lambda: needed_rows(Effect(-1.0, 1.0, 5, 5, 8), FixedPlan(side="greater")), "side"),
        (lambda: progress(tenths(), FixedPlan(), smallest=0.1, rows_per_day=-1), "negative"),
        (lambda: FixedPlan(alpha=2).power(1, 10), "between 0 and 1"),
        (lambda: CredibleIntervalPlan(0.0, 0.1, 1.0).power(1, 10), "is zero"),
        (lambda: CredibleIntervalPlan(0.1, 0.1, 0.0).power(1, 10), "above zero"),
        (lambda: detectable_lift(unadjusted(10, 0.1, 9.0), 10, FixedPlan()), "varies more"),
    ],
)
def test_what_cannot_be_is_refused_in_words(call, words):
    with pytest.raises(InvalidInput, match=words):
        call()
