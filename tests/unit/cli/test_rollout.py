"""`serve-app rollout` tells how far candidates are, and moves them by name."""

import json
import time

import pytest

from tests.unit.gateway.admin import actions as fakes

GATE = {
    "gate": "errors", "verdict": "not lost", "margin": 0.0, "worse_by": 0.0123, "at_least": -0.5,
    "stable_rows": 900, "candidate_rows": 100,
}  # fmt: skip
RUNNING = {
    "endpoint": "churn", "stable": "churn@1", "candidate": "churn@2", "shares": [0.1, 0.5],
    "phase": "running", "step": 1, "began_s": 0.0, "since_s": None, "why": "advanced",
    "share": 0.5, "requests": {"churn@1": 900, "churn@2": 100}, "waiting": [],
    "last": {"decision": "wait", "why": "step 2 of 2 needs 30 s more", "gates": [GATE]},
}  # fmt: skip


class Rollouts(fakes.Actions):
    """Cluster with these rollouts."""

    def __init__(self, *rollouts):
        super().__init__()
        self.known = list(rollouts)

    async def rollouts(self):
        """All of them."""
        return self.known


@pytest.fixture
def actions():
    return Rollouts(RUNNING, {**RUNNING, "endpoint": "other", "phase": "held", "last": None})


def test_status_shows_what_is_waited_for_and_what_each_gate_says(ask):
    said = ask("rollout", "status")
    assert said.code == 0, said.err
    words = " ".join(said.out.split())
    for shown in ("churn@2", "50 %", "2 of 2", "step 2 of 2 needs 30 s more", "errors",
                  "not lost", "0.0123", "-0.5", "900"):  # fmt: skip
        assert shown in words
    # One that does not run is told by what led to its phase.
    assert "advanced" in words


def test_status_of_one_endpoint_leaves_the_others_out(ask):
    body = json.loads(ask("rollout", "status", "churn", "--json").out)
    assert [one["endpoint"] for one in body["rollouts"]] == ["churn"]
    assert body["rollouts"][0]["last"]["gates"] == [GATE]


def test_a_step_says_how_long_it_lasts(ask, actions):
    actions.known = [{**RUNNING, "since_s": time.time() - 3600}]
    assert "for 36" in ask("rollout", "status").out


def test_a_candidate_that_does_not_answer_yet_is_named(ask, actions):
    actions.known = [{**RUNNING, "waiting": ["churn@2"]}]
    assert "does not answer yet" in " ".join(ask("rollout", "status").out.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "there is no rollout; a route of kind canary has one"),
        (("churn",), "endpoint 'churn' has no rollout; a route of kind canary has one"),
    ],
)
def test_where_there_is_none_the_kind_of_route_is_named(ask, actions, arguments, words):
    actions.known = []
    assert words in ask("rollout", "status", *arguments).out


@pytest.mark.parametrize(
    ("command", "action"),
    [("start", "start"), ("pause", "pause"), ("resume", "resume"), ("rollback", "roll back")],
)
def test_a_command_moves_the_rollout_with_its_reason(ask, actions, command, action):
    said = ask("rollout", command, "churn", "--reason", "lunch")
    assert said.code == 0, said.err
    ((endpoint, moved, change),) = actions.done
    assert (endpoint, moved, change.why) == ("churn", action, "lunch")
    assert said.out.startswith(f"churn: {fakes.ROLLOUT['phase']}; ")


def test_what_cannot_be_done_is_said_as_control_says_it(ask, actions):
    said = ask("rollout", "promote", "churn")
    assert (said.code, said.out) == (1, "")
    assert "it is ready, and cannot promote; it can start" in said.err
    assert actions.done == []


def test_an_address_at_which_nobody_answers_is_named(serve_app, nobody):
    said = serve_app("rollout", "status", "--server", nobody)
    assert (said.code, said.out) == (1, "")
    assert nobody in said.err
