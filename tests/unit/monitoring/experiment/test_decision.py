"""The decision that evidence allows, in one word and in sentences."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.monitoring.experiment.decision import DAY_S, Evidence, decided, verdict_of
from serve_app.monitoring.experiment.document import (
    Comparison,
    EpochRatio,
    MetricResult,
    Plan,
    SampleRatio,
)

WEEK_S = 7 * DAY_S


def metric(verdict, role="primary", name="conversion", low=0.01, high=0.03, variant="b@1"):
    one = Comparison(variant, verdict, effect=(low + high) / 2, low=low, high=high)
    return MetricResult(name, name, role, "higher", 0.0, (), (one,))


def evidence(*metrics, **changed):
    return Evidence(metrics, **{"elapsed_s": WEEK_S, **changed})


def ratio(p_value):
    line = EpochRatio(7, 0.0, {"a@1": 700, "b@1": 300}, {"a@1": 500.0, "b@1": 500.0}, p_value)
    return SampleRatio(p_value, 0.001, p_value <= 0.001, (line,))


PLAN = Plan(effect=0.05, power=0.8, needed=1_000, reached=410)
BETTER = metric("better")
UNDECIDED = metric("undecided", low=-0.1, high=0.1)
LOST = metric("worse", "guardrail", "error_rate", low=-0.1, high=-0.05)


def test_nothing_is_decided_before_the_start():
    made = decided(Evidence((BETTER,)))
    assert (made.outcome, made.words) == ("not started", "not started: nobody has started it yet")


def test_a_sample_ratio_that_does_not_fit_voids_everything():
    made = decided(evidence(BETTER, LOST, ratio=ratio(1e-9)))
    assert made.outcome == "invalid"
    assert made.words.startswith("invalid: sample ratio mismatch (p = 1e-09)")
    assert made.reasons == ("epoch 7: a@1 700 of 500 expected, b@1 300 of 500 expected",)
    assert decided(evidence(BETTER, ratio=ratio(0.5))).outcome == "ship"


def test_who_is_better_is_shipped_once_the_minimum_time_is_over():
    made = decided(evidence(BETTER, minimum_s=WEEK_S))
    assert (made.outcome, made.variant) == ("ship", "b@1")
    assert made.words == "ship b@1: conversion of b@1 is better: +0.02, from +0.01 to +0.03"
    early = decided(evidence(BETTER, minimum_s=2 * WEEK_S))
    assert (early.outcome, early.variant, early.left_s) == ("keep running", "b@1", WEEK_S)
    assert "nothing is shipped before 14 days are over, in 7 days" in early.words


def test_a_lost_guardrail_takes_back_whoever_is_better_and_before_any_minimum_time():
    made = decided(evidence(BETTER, LOST, minimum_s=2 * WEEK_S))
    assert (made.outcome, made.variant) == ("roll back", "b@1")
    assert made.words.startswith("roll back b@1: error_rate of b@1 is worse")
    assert decided(evidence(metric("worse"))).outcome == "roll back"
    assert decided(evidence(UNDECIDED, metric("worse", "secondary", "f1"))).outcome == (
        "keep running"
    )


def test_the_best_of_several_is_shipped_though_another_one_lost():
    primary = metric("better")
    more = (
        *primary.comparisons,
        Comparison("c@1", "better", effect=0.5, low=0.4, high=0.6),
        Comparison("d@1", "worse", effect=-0.5, low=-0.6, high=-0.4),
    )
    made = decided(evidence(replace(primary, comparisons=more)))
    assert (made.outcome, made.variant) == ("ship", "c@1")


def test_not_worse_is_enough_where_that_is_tested():
    same = metric("not worse", low=-0.01, high=0.01)
    tests = {"conversion": "non-inferiority"}
    assert decided(evidence(same, tests=tests)).outcome == "ship"
    assert decided(evidence(same)).outcome == "keep running"


def test_it_goes_on_with_the_share_of_the_needed_sample_and_the_days_that_are_left():
    made = decided(evidence(UNDECIDED, plan=PLAN, left_s=2.4 * DAY_S))
    assert made.words == "keep running: 41 % of the needed sample, about 3 days left"
    assert (made.outcome, made.progress, made.left_s) == ("keep running", 0.41, 2.4 * DAY_S)
    stopped = decided(evidence(UNDECIDED, plan=PLAN, left_s=5.0, is_stopped=True))
    assert stopped.words == "stopped undecided: 41 % of the needed sample"
    without = decided(evidence(UNDECIDED))
    assert without.words == ("keep running: without an `effect`, nobody knows how much is needed")


def test_nobody_is_different_where_the_interval_leaves_no_room_for_it():
    near = metric("undecided", low=-0.04, high=0.04)
    made = decided(evidence(near, plan=PLAN))
    assert made.words == "no difference: conversion differs by less than 0.05 either way"
    assert decided(evidence(UNDECIDED, plan=PLAN, is_last_look=True)).outcome == "no difference"


BOUNDS = st.floats(-10, 10)


@given(BOUNDS, BOUNDS, st.floats(0, 5), st.sampled_from(["superiority", "non-inferiority"]))
def test_a_verdict_is_mirrored_where_lower_is_better(one, other, margin, test):
    low, high = sorted((one, other))
    up = verdict_of(low, high, better="higher", margin=margin, test=test)
    assert up == verdict_of(-high, -low, better="lower", margin=margin, test=test)


@given(BOUNDS, BOUNDS, st.floats(0, 5), st.sampled_from(["superiority", "non-inferiority"]))
def test_a_wider_interval_never_says_more(one, other, margin, test):
    low, high = sorted((one, other))
    narrow = verdict_of(low, high, better="higher", margin=margin, test=test)
    wide = verdict_of(low - 1, high + 1, better="higher", margin=margin, test=test)
    ranks = {"worse": 0, "undecided": 1, "not worse": 2, "better": 3}
    if wide in {"worse", "better"}:
        assert narrow == wide
    assert wide == "undecided" or (ranks[wide] <= 1) == (ranks[narrow] <= 1)


@pytest.mark.parametrize(
    ("low", "high", "test", "expected"),
    [
        (0.03, 0.05, "superiority", "better"),
        (0.01, 0.05, "superiority", "not worse"),
        (-0.01, 0.05, "superiority", "undecided"),
        (-0.05, -0.01, "superiority", "worse"),
        (0.001, 0.05, "non-inferiority", "better"),
        (-0.01, 0.05, "non-inferiority", "not worse"),
        (-0.03, -0.01, "non-inferiority", "undecided"),
        (-0.05, -0.03, "non-inferiority", "worse"),
        (None, None, "superiority", "undecided"),
    ],
)
def test_bounds_decide_against_the_margin(low, high, test, expected):
    assert verdict_of(low, high, better="higher", margin=0.02, test=test) == expected
