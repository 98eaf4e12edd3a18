"""What a gate says by chance is bounded, and what is worse is found soon."""

import numpy as np
import pytest

from serve_app.control.gates import Evidence, MetricMean, judged
from serve_app.core.arms import ArmCounts

PER_MINUTE = 3600
CANDIDATE = 0.1
GATES = {"errors": {"margin": 0.0}, "latency": None, "quality": []}


def settings(**gates):
    return {"gates": {**GATES, **gates}, "alpha": 0.05}


def lost_after_minutes(rng, stable_rate, candidate_rate, minutes):
    """When a gate of one step that is looked at every minute is lost; none within the time."""
    errors = [0, 0]
    for minute in range(1, minutes + 1):
        rows = int(PER_MINUTE * (1 - CANDIDATE)), int(PER_MINUTE * CANDIDATE)
        errors[0] += rng.binomial(rows[0], stable_rate)
        errors[1] += rng.binomial(rows[1], candidate_rate)
        arms = (ArmCounts(n * minute, e) for n, e in zip(rows, errors, strict=True))
        (result,) = judged(settings(), 1, Evidence(*arms))
        if result.verdict == "lost":
            return minute
    return None


def test_a_healthy_candidate_is_hardly_ever_rolled_back():
    rng = np.random.default_rng(1)
    lost = [lost_after_minutes(rng, 0.01, 0.01, 30) for _ in range(40)]
    # At 0.05 in all looks together, more than 6 of 40 come by a chance of 0.4 %.
    assert sum(one is not None for one in lost) <= 6


def test_half_as_many_errors_more_are_found_within_minutes():
    rng = np.random.default_rng(2)
    lost = [lost_after_minutes(rng, 0.01, 0.015, 60) for _ in range(11)]
    assert None not in lost
    assert np.median(lost) <= 15


def test_one_that_always_fails_is_found_before_a_burn_in():
    (result,) = judged(settings(), 4, Evidence(ArmCounts(2000, 4), ArmCounts(20, 20)))
    assert result.verdict == "lost"


def test_slow_requests_are_judged_by_their_share():
    gates = settings(errors=None, latency={"above_ms": 50.0, "margin": 0.01})
    fast = judged(gates, 1, Evidence(ArmCounts(9000, 0, 90), ArmCounts(1000, 0, 10)))[0]
    slow = judged(gates, 1, Evidence(ArmCounts(9000, 0, 90), ArmCounts(1000, 0, 300)))[0]
    assert (fast.verdict, slow.verdict) == ("not lost", "lost")
    assert slow.gate == "requests above 50 ms"
    assert slow.worse_by == pytest.approx(0.29)


def test_a_margin_is_what_it_may_be_worse_by():
    arms = Evidence(ArmCounts(90_000, 900), ArmCounts(10_000, 300))
    assert judged(settings(), 1, arms)[0].verdict == "lost"
    assert judged(settings(errors={"margin": 0.05}), 1, arms)[0].verdict == "not lost"


def test_more_gates_and_steps_share_one_alpha():
    arms = Evidence(ArmCounts(9000, 90, 90), ArmCounts(1000, 25, 25))
    alone = judged(settings(), 1, arms)[0]
    shared = judged(settings(latency={"above_ms": 50.0, "margin": 0.0}), 4, arms)[0]
    assert shared.at_least < alone.at_least


def test_where_nobody_was_asked_nothing_is_said():
    (result,) = judged(settings(), 1, Evidence(ArmCounts(100, 1), ArmCounts()))
    assert (result.verdict, result.words()) == ("no data", "errors: too few rows yet")


def test_where_nothing_ever_failed_no_gate_is_lost():
    (result,) = judged(settings(), 1, Evidence(ArmCounts(9000), ArmCounts(1000)))
    assert result.verdict == "not lost"


def quality(metric, stable, candidate, margin=0.05):
    gates = settings(errors=None, quality=[{"metric": metric, "margin": margin}])
    (result,) = judged(gates, 2, Evidence(quality={metric: (stable, candidate)}))
    return result


def accuracy(rows, value):
    return MetricMean(rows, value, value * (1 - value) / rows)


@pytest.mark.parametrize(
    ("rows", "stable", "candidate", "verdict"),
    [
        (100, 1.0, 0.0, "lost"),
        (100, 0.9, 0.2, "lost"),
        (2000, 0.95, 0.70, "lost"),
        (100, 1.0, 1.0, "not lost"),
        (100, 0.0, 1.0, "not lost"),
        (100, 0.9, 0.88, "not lost"),
    ],
)
def test_accuracy_is_judged_also_where_every_answer_is_right_or_wrong(
    rows, stable, candidate, verdict
):
    result = quality("accuracy", accuracy(rows, stable), accuracy(rows, candidate))
    assert result.verdict == verdict
    assert result.worse_by == pytest.approx(stable - candidate)


def test_an_error_that_is_the_same_in_every_row_is_a_difference():
    exact, off = MetricMean(200, 0.0, 0.0), MetricMean(200, 3.0, 0.0)
    assert quality("mae", exact, off).verdict == "lost"
    assert quality("mae", off, exact).verdict == "not lost"
    assert quality("mae", off, off).verdict == "not lost"


def test_a_reward_counts_the_other_way_round():
    more, less = MetricMean(500, 2.0, 0.001), MetricMean(500, 1.0, 0.001)
    assert quality("reward", more, less).verdict == "lost"
    assert quality("reward", less, more).verdict == "not lost"
