"""Simulated experiments come to the right end; without an effect hardly one sees any."""

import json

import numpy as np
import pytest
from scipy import stats

from serve_app.experiments.group_sequential import obrien_fleming_constant
from serve_app.experiments.multiple import holm
from serve_app.monitoring.experiment.analysis import analysed, not_started
from serve_app.monitoring.experiment.document import ExperimentReport
from serve_app.monitoring.experiment.page import page
from tests.unit.monitoring.experiment.simulated import (
    START_S,
    endpoint,
    exposures,
    objects,
    recorded,
    rewarded,
    running,
)

CONVERSION = {"primary": {"metric": "conversion", "window_s": 5}, "units": 4_000}


def converting(rng, n, shares, arms=2):
    arm = rng.integers(0, arms, n)
    return arm, (rng.random(n) < np.take(shares, arm)) * 1.0


def report_of(settings, rows, known, **of_route):
    made = analysed(endpoint(settings, **of_route), running(), recorded(rows, known))
    # What is sent is the same, and a page can be made of it.
    assert ExperimentReport.from_json(json.loads(json.dumps(made.to_json()))) == made
    return made


def test_an_effect_is_seen_and_shipped_with_everything_that_is_said_of_it():
    arm, reward = converting(np.random.default_rng(1), 4_000, [0.2, 0.3])
    settings = {
        **CONVERSION, "effect": 0.05, "secondary": ["reward", "value"],
        "guardrails": [{"metric": "latency", "margin": 1}],
    }  # fmt: skip
    report = report_of(settings, exposures(arm), rewarded(reward))
    assert (report.decision.outcome, report.decision.variant) == ("ship", "b@1")
    primary = report.metrics[0]
    (one,) = primary.comparisons
    means = [reward[arm == place].mean() for place in (0, 1)]
    assert one.effect == pytest.approx(means[1] - means[0])
    assert one.relative == pytest.approx(means[1] / means[0] - 1)
    assert one.low > 0
    assert one.course[-1].effect == pytest.approx(one.effect)
    assert 10 < len(one.course) <= 60
    deviation = np.sqrt(sum(reward[arm == p].var(ddof=1) / (arm == p).sum() for p in (0, 1)))
    assert one.chance_to_beat == pytest.approx(stats.norm.cdf(one.effect / deviation))
    assert one.chance_best == pytest.approx(one.chance_to_beat, abs=1e-4)
    every = [c.p_value for metric in report.metrics for c in metric.comparisons]
    adjusted = [c.adjusted_p for metric in report.metrics for c in metric.comparisons]
    # All answers took as long, so that nothing says how sure a difference would be.
    assert (every[-1], report.metrics[-1].comparisons[0].note) == (None, "no value differs")
    assert adjusted == [*holm(every[:-1]), None]
    assert report.plan.reached == min((arm == 0).sum(), (arm == 1).sum())
    assert 1.5 < report.plan.price < 3
    assert "conversion" in page(report)


def test_hardly_an_experiment_without_an_effect_sees_one_at_any_look():
    """At most 5 % may; 60 experiments with 30 looks each, of which 3 + chance are allowed."""
    seen = 0
    for seed in range(60):
        arm, reward = converting(np.random.default_rng(seed), 1_500, [0.2, 0.2])
        settings = {**CONVERSION, "units": 1_500}
        (one,) = report_of(settings, exposures(arm), rewarded(reward)).metrics[0].comparisons
        seen += any(point.low > 0 or point.high < 0 for point in one.course)
    assert seen <= stats.binom.ppf(0.999, 60, 0.05)


def test_many_requests_of_a_subject_are_no_reason_to_see_more():
    """Subjects differ, and each comes 20 times: requests as units would see an effect often."""
    seen = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        who = np.tile(np.arange(300), 20)
        share = rng.beta(0.5, 0.5, 300)
        arm = rng.integers(0, 2, 300)[who]
        reward = (rng.random(len(who)) < share[who]) * 1.0
        rows = exposures(arm, subject=objects([f"s{one}" for one in who]))
        settings = {"primary": "reward", "units": 300}
        report = report_of(settings, rows, rewarded(reward), key="patient")
        (one,) = report.metrics[0].comparisons
        seen += one.low is not None and not one.low <= 0 <= one.high
    assert seen <= stats.binom.ppf(0.999, 40, 0.05)


def test_units_that_do_not_fit_the_weights_void_it():
    rng = np.random.default_rng(3)
    arm = (rng.random(4_000) < 0.4).astype(np.int64)
    report = report_of(CONVERSION, exposures(arm), rewarded(np.zeros(4_000)))
    assert report.decision.outcome == "invalid"
    assert report.ratio.p_value < 1e-6
    # Under the weights that it has by now, the same is no mismatch.
    fair = exposures(arm, propensity=np.where(arm == 1, 0.4, 0.6))
    assert not report_of(CONVERSION, fair, rewarded(np.zeros(4_000))).ratio.mismatch


def test_a_variant_without_any_unit_is_a_mismatch():
    report = report_of(CONVERSION, exposures([0] * 400), rewarded(np.zeros(400)))
    assert report.ratio.mismatch


def test_a_guardrail_that_is_lost_takes_a_variant_back():
    rng = np.random.default_rng(4)
    arm, reward = converting(rng, 3_000, [0.2, 0.2])
    answered = ~((arm == 1) & (rng.random(3_000) < 0.1))
    settings = {**CONVERSION, "guardrails": [{"metric": "error_rate", "margin": 0.02}]}
    report = report_of(settings, exposures(arm, answered=answered), rewarded(reward))
    assert (report.decision.outcome, report.decision.variant) == ("roll back", "b@1")
    assert report.traffic[1].errors == int((~answered).sum())


def test_a_group_sequential_experiment_is_judged_at_its_looks_alone():
    rng = np.random.default_rng(5)
    settings = {
        "primary": {"metric": "conversion", "window_s": 5}, "method": "group sequential",
        "units": 4_000, "looks": 4, "effect": 0.05,
    }  # fmt: skip
    arm, reward = converting(rng, 4_000, [0.2, 0.2])
    early = report_of(settings, exposures(arm[:900]), rewarded(reward[:900]))
    (one,) = early.metrics[0].comparisons
    assert (one.note, one.low, one.course) == ("before the first look", None, ())
    report = report_of(settings, exposures(arm), rewarded(reward))
    (one,) = report.metrics[0].comparisons
    assert len(one.course) == 4
    assert report.decision.outcome == "no difference"
    means = [reward[arm == place].mean() for place in (0, 1)]
    variance = sum(m * (1 - m) / ((arm == p).sum() - 1) for p, m in enumerate(means))
    reach = (one.high - one.low) / 2 / np.sqrt(variance)
    # Spending functions come near to the exact boundary of O'Brien and Fleming.
    assert reach == pytest.approx(obrien_fleming_constant(4), rel=0.02)


def test_three_variants_share_alpha_and_the_best_is_shipped():
    arm, reward = converting(np.random.default_rng(6), 9_000, [0.2, 0.28, 0.4], arms=3)
    report = report_of(
        {**CONVERSION, "units": 9_000},
        exposures(arm, propensity=np.full(9_000, 1 / 3)),
        rewarded(reward),
        variants=("a@1", "b@1", "c@1"),
    )
    assert (report.decision.outcome, report.decision.variant) == ("ship", "c@1")
    believed = [one.chance_best for one in report.metrics[0].comparisons]
    assert believed == pytest.approx([0, 1], abs=1e-6)


def test_shares_of_a_bandit_that_change_all_the_time_weigh_nobody_down():
    rng = np.random.default_rng(7)
    n = 20_000
    share = 0.1 + 0.8 * np.arange(n) / n
    arm = (rng.random(n) < share).astype(np.int64)
    reward = 2 * np.arange(n) / n + rng.normal(0, 1, n)
    propensity = np.where(arm == 1, share, 1 - share)
    rows = exposures(arm, propensity=propensity, epoch=np.arange(n) // 10)
    report = report_of({"primary": "reward"}, rows, rewarded(reward), kind="bandit")
    (one,) = report.metrics[0].comparisons
    assert one.low < 0 < one.high
    assert abs(one.effect) < 0.1


def test_one_without_requests_or_that_was_not_started_can_be_told_of():
    nothing = analysed(
        endpoint(CONVERSION), running(), recorded(exposures([]), rewarded([]), START_S + 5)
    )
    assert nothing.decision.outcome == "keep running"
    assert nothing.traffic[0].requests == 0
    ready = not_started(endpoint(CONVERSION), running(None, phase="ready"), START_S)
    assert (ready.state, ready.decision.outcome) == ("ready", "not started")
    waits = not_started(endpoint(CONVERSION), running(None), START_S)
    assert waits.decision.words == "not started: its versions do not answer yet"
