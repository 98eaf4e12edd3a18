"""What becomes of a rollout: it waits, goes on, ends or is taken back, with the reason in words."""

from dataclasses import replace

import pytest

from serve_app.control.gates import Evidence, MetricMean
from serve_app.control.rollout_decisions import Decision, decided, moved
from serve_app.core.arms import ArmCounts
from serve_app.core.rollout import Rollout
from tests.unit.control.test_rollouts import BAD, GOOD, SETTINGS, running

LATE = 1060.0
QUALITY = {"errors": None, "latency": None,
           "quality": [{"metric": "accuracy", "margin": 0.0, "labels": 100}]}  # fmt: skip


@pytest.mark.parametrize(
    ("rollout", "why"),
    [
        (replace(running(), phase="paused"), "it is paused"),
        (replace(running(), phase="held"), "it is held"),
        (replace(running(), phase="promoted"), "it is promoted"),
        (replace(running(), since_s=None), "m@2 does not answer yet"),
    ],
)
def test_nothing_is_judged_unless_a_step_is_under_way(rollout, why):
    assert decided(rollout, SETTINGS, BAD, LATE) == Decision("wait", why)


@pytest.mark.parametrize(
    ("requests", "now_s", "missing"),
    [
        (1000, 1059.0, "1 s more"),
        (99, LATE, "1 more requests of m@2"),
        (0, 1000.0, "60 s more and 100 more requests of m@2"),
    ],
)
def test_a_step_waits_for_its_time_and_its_requests(requests, now_s, missing):
    seen = Evidence(ArmCounts(9000, 90), ArmCounts(requests, 0))
    decision = decided(running(), SETTINGS, seen, now_s)
    assert (decision.outcome, decision.why) == ("wait", f"step 1 of 2 needs {missing}")


def test_a_step_waits_for_the_labels_of_each_gate_of_quality():
    settings = {**SETTINGS, "gates": QUALITY}
    few = MetricMean(40, 0.9, 0.002)
    for quality, lacking in (({}, 100), ({"accuracy": (few, few)}, 60)):
        seen = replace(GOOD, quality=quality)
        decision = decided(running(), settings, seen, LATE)
        assert decision.why == f"step 1 of 2 needs {lacking} more labels for accuracy"
    enough = MetricMean(100, 0.9, 0.001)
    seen = replace(GOOD, quality={"accuracy": (enough, enough)})
    assert decided(running(), settings, seen, LATE).outcome == "advance"


def test_steps_follow_each_other_and_the_last_is_followed_by_all_requests():
    assert decided(running(), SETTINGS, GOOD, LATE).why == "no gate is lost: 0.5 of the requests"
    assert decided(running(step=1), SETTINGS, GOOD, LATE).outcome == "promote"


@pytest.mark.parametrize(("on_loss", "outcome"), [("roll back", "roll back"), ("hold", "hold")])
def test_a_gate_that_is_lost_decides_at_once(on_loss, outcome):
    # 1 % of 9,000 requests failed, and 20 % of the candidate's 1,000: no chance explains that.
    decision = decided(running(), {**SETTINGS, "on_loss": on_loss}, BAD, 1001.0)
    assert decision.outcome == outcome
    assert decision.why.startswith("errors: the candidate is worse by 0.19, at least by ")
    assert [gate.verdict for gate in decision.gates] == ["lost"]


@pytest.mark.parametrize(
    ("outcome", "phase", "share"),
    [
        ("advance", "running", 0.5),
        ("promote", "promoted", 1.0),
        ("roll back", "rolled back", 0.0),
        ("hold", "held", 0.1),
    ],
)
def test_a_rollout_moves_as_was_decided(outcome, phase, share):
    after = moved(running(), Decision(outcome, "since"))
    assert (after.phase, after.share, after.why) == (phase, share, "since")
    assert after.weights == {"m@1": 1.0 - share, "m@2": share}


def test_a_next_step_begins_when_it_is_in_effect():
    assert moved(running(), Decision("advance", "")).since_s is None


def test_waiting_changes_nothing():
    rollout = running()
    assert moved(rollout, Decision("wait", "")) is rollout


def test_a_decision_is_told_as_json():
    body = decided(running(), SETTINGS, GOOD, LATE).to_json()
    assert (body["decision"], [gate["gate"] for gate in body["gates"]]) == ("advance", ["errors"])
    assert decided(Rollout("a@1", "b@1", (0.1,)), SETTINGS, GOOD, LATE).to_json() == {
        "decision": "wait", "why": "it is ready", "gates": [],
    }  # fmt: skip
