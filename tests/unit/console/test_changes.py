"""Forms change what the admin API would, once: from this visit, with a reason, where allowed."""

import re

import pytest

from serve_app.console.paths import PATHS
from serve_app.core.identifiers import PredictionIds
from serve_app.gateway.admin.actions import AliasChange, Change
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.lifecycle.run_status import TrainingRuns
from tests.unit.console import seeded_runs
from tests.unit.console.seeded import HARMFUL, MODEL, BatchJobs
from tests.unit.console.visitor import Visitor, text_of
from tests.unit.gateway.admin.actions import ROLLOUT, Actions

WEIGHTS = {"weight.a@1": "80", "weight.b@1": "20", "reason": "recall", "by": "ada"}
PAGE, PLACE = "/console/endpoints/risk", "/console/endpoints/risk/weights"
FORMS = [
    (PLACE, WEIGHTS, ("risk", {"a@1": 80.0, "b@1": 20.0}, Change("ada", "recall"))),
    (
        "/console/endpoints/risk/rollout", {"action": "roll back", "reason": "slow", "by": "ada"},
        ("risk", "roll back", Change("ada", "slow")),
    ),
    (
        "/console/endpoints/risk/experiment", {"action": "stop", "reason": "done"},
        ("risk", "stop", Change("unknown", "done")),
    ),
    (
        "/console/models/a/aliases",
        {"alias": "champion", "version": "2", "expected": "1", "reason": "better", "by": "ada"},
        ("a", "champion", AliasChange(2, True, 1), Change("ada", "better")),
    ),
]  # fmt: skip


@pytest.fixture
def actions():
    return Actions()


def changes_of(actions):
    """What was changed, out of all that was done."""
    done = [one for one in actions.done if isinstance(one, tuple)]
    return [one for one in done if any(isinstance(value, Change) for value in one)]


@pytest.mark.parametrize(("place", "fields", "done"), FORMS)
def test_a_form_does_what_the_admin_api_does(actions, place, fields, done):
    visitor = Visitor(actions)
    answer = visitor.send(PAGE, place, fields)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/")
    assert changes_of(actions) == [done]
    assert "Done: the change is made" in text_of(visitor.get("/console/rollouts?done=rollout"))


@pytest.mark.parametrize(("place", "fields", "done"), FORMS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"token": "0" * 64},
        {"token": "\N{PILE OF POO}"},
        {"reason": ""},
        {"reason": "  "},
        {"reason": "x" * 501},
        {"reason": "a\x00b"},
    ],
)
def test_a_form_of_another_visit_or_without_a_reason_changes_nothing(
    actions, place, fields, done, wrong
):
    answer = Visitor(actions).send(PAGE, place, {**fields, **wrong})
    assert answer.status_code == (403 if "token" in wrong else 400)
    assert changes_of(actions) == []


def test_a_token_of_another_visitor_changes_nothing(actions):
    token = Visitor(actions).token(PAGE)
    other = Visitor(actions)
    other.cookies.set("serve_app_visit", "ff" * 16, domain="127.0.0.1", path="/console")
    assert other.ask("POST", PLACE, data={**WEIGHTS, "token": token}).status_code == 403
    without = Visitor(actions)
    assert without.ask("POST", PLACE, data={**WEIGHTS, "token": token}).status_code == 403
    assert changes_of(actions) == []


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}],
)
def test_a_page_of_a_stranger_changes_nothing_even_with_the_token(actions, headers):
    answer = Visitor(actions).send(PAGE, PLACE, WEIGHTS, headers=headers)
    assert answer.status_code == 403
    assert changes_of(actions) == []


def test_a_name_of_a_stranger_that_leads_here_is_refused(actions):
    visitor = Visitor(actions)
    assert visitor.get("/console", host="evil.example").status_code == 403
    assert Visitor(actions, host="0.0.0.0").get("/console", host="gw.example").status_code == 200


def test_where_it_only_reads_there_are_no_forms_and_none_is_taken(actions):
    visitor = Visitor(actions, changes=False)
    page = visitor.get(PAGE)
    assert "/weights" not in page.text
    assert "read-only" in text_of(page)
    token = visitor.sessions.form_token(visitor.cookies["serve_app_visit"], "")
    answer = visitor.ask("POST", PLACE, data={**WEIGHTS, "token": token})
    assert answer.status_code == 403
    assert "admin: {console: changes}" in text_of(answer)
    assert changes_of(actions) == []


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"weight.a@1": "many"}, "the weight of 'a@1' must be a number"),
        ({"weight.a@1": "-1"}, "the weight of 'a@1' must be a number of at least 0"),
        ({"weight.a@1": "inf"}, "the weight of 'a@1' must be a number"),
        ({}, "the form has no weights"),
    ],
)
def test_wrong_weights_are_named(actions, fields, words):
    answer = Visitor(actions).send(PAGE, PLACE, {**fields, "reason": "x"})
    assert answer.status_code == 400
    assert words in text_of(answer)
    assert changes_of(actions) == []


def test_what_cannot_be_done_is_said_in_the_words_of_the_admin_api(actions):
    visitor = Visitor(actions)
    answer = visitor.send(
        PAGE, "/console/endpoints/risk/rollout", {"action": "promote", "reason": "go"}
    )
    assert answer.status_code == 409
    assert "it is ready, and cannot promote; it can start" in text_of(answer)
    odd = visitor.send(PAGE, "/console/endpoints/risk/rollout", {"action": "x", "reason": "go"})
    assert "'action' must be one of start, pause, resume, promote, roll back" in text_of(odd)


def shown(visitor, page, name):
    """The hidden fields of a page whose names begin so."""
    text = visitor.get(page).text
    return dict(re.findall(rf'type="hidden" name="({name}[^"]*)" value="([^"]*)"', text))


def test_weights_that_somebody_else_changed_meanwhile_are_not_set(actions):
    visitor = Visitor(actions)
    seen = shown(visitor, PAGE, "shown")
    assert seen == {"shown.a@1": "90.0", "shown.b@1": "10.0"}
    assert visitor.send(PAGE, PLACE, {**WEIGHTS, **seen}).status_code == 303
    answer = visitor.send(PAGE, PLACE, {**WEIGHTS, **seen, "shown.a@1": "70.0"})
    assert answer.status_code == 409
    assert "the weights of risk are a@1 90, b@1 10 by now" in text_of(answer)
    assert len(changes_of(actions)) == 1


def test_a_rollout_of_another_candidate_than_the_page_showed_is_left_alone(actions):
    visitor, place = Visitor(actions), "/console/endpoints/risk/rollout"
    seen = shown(visitor, "/console/rollouts", "candidate")
    assert seen == {"candidate": "a@2"}
    back = {"action": "roll back", "reason": "slow"}
    answer = visitor.send(PAGE, place, {**back, "candidate": "a@3"})
    assert answer.status_code == 409
    assert "the candidate of risk is a@2 by now, and no longer a@3" in text_of(answer)
    assert changes_of(actions) == []
    assert visitor.send(PAGE, place, {**back, **seen}).status_code == 303


def test_a_new_alias_takes_no_name_away_from_another_version(actions):
    visitor, page = Visitor(actions), "/console/models/a"
    form = visitor.get(page).text.partition("Give a version an alias")[2]
    assert '<input type="hidden" name="expected" value="">' in form.partition("Give it")[0]
    new = {"alias": "best", "version": "2", "expected": "", "reason": "new"}
    assert visitor.send(page, f"{page}/aliases", new).status_code == 303
    assert changes_of(actions)[-1][2] == AliasChange(2, True, None)


@pytest.mark.parametrize(
    ("phase", "offered"),
    [
        ("ready", ["start"]),
        ("running", ["pause", "promote", "roll back"]),
        ("held", ["resume", "promote", "roll back"]),
        ("rolled back", ["start"]),
    ],
)
def test_of_a_rollout_only_that_is_offered_which_its_phase_allows(phase, offered):
    class Phased(Actions):
        async def rollouts(self):
            return [{**ROLLOUT, "phase": phase}]

    page = Visitor(Phased()).get("/console/rollouts").text
    assert re.findall(r"<option>([^<]*)</option>", page) == offered


def test_a_body_that_is_no_form_is_refused(actions):
    visitor = Visitor(actions)
    assert visitor.ask("POST", PLACE, json={"weights": {"a@1": 1}}).status_code == 415
    token = visitor.token(PAGE)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    twice = f"token={token}&reason=a&reason=b"
    assert visitor.ask("POST", PLACE, content=twice, headers=kind).status_code == 400
    strange = f"token={token}&reason=%ff"
    assert visitor.ask("POST", PLACE, content=strange, headers=kind).status_code == 400


class Log:
    """An audit log in memory."""

    def __init__(self):
        self.events = []

    def write(self, event):
        self.events.append(event)
        return len(self.events)


def test_changes_and_refusals_are_in_the_audit_log_as_those_of_the_admin_api(actions):
    log = Log()
    audited = AuditedChanges(log, actions, PredictionIds(), clock=lambda: 0.0)
    visitor = Visitor(actions, audited=audited)
    visitor.send(PAGE, PLACE, WEIGHTS)
    visitor.send(PAGE, PLACE, {**WEIGHTS, "token": "0"})
    visitor.send(PAGE, PLACE, {**WEIGHTS, "reason": ""})
    lines = [(one.action, one.object, one.result) for one in log.events]
    assert lines == [
        ("set_weights", "endpoint risk", "begun"),
        ("set_weights", "endpoint risk", "done"),
        ("set_weights", "endpoint risk", "refused"),
    ]
    assert {one.source for one in log.events} == {"127.0.0.1"}


# What each form sends, and of what the log has it.
SENT = {
    "set_weights": ({"weight.a@1": "1"}, "endpoint risk"),
    "move_rollout": ({"action": "pause"}, "endpoint risk"),
    "move_experiment": ({"action": "stop"}, "endpoint risk"),
    "move_alias": ({"alias": "champion", "version": "2"}, "model a"),
    "freeze": ({"action": "freeze"}, "model a"),
    "cancel_run": ({}, "run churn-2"),
    "decide": ({"action": "approve", "digest": "cd" * 32}, f"run {MODEL}-r3"),
    "cancel_retraining": ({}, f"run {MODEL}-r3"),
    "resume_job": ({}, "job job-1"),
    "cancel_job": ({}, "job job-1"),
}


@pytest.mark.parametrize("reason", [f"{HARMFUL[0]} {HARMFUL[2]} {HARMFUL[4]}"], ids=["harmful"])
@pytest.mark.parametrize("path", [one for one in PATHS if one.access == "change"], ids=str)
def test_every_change_is_in_the_audit_log_before_it_is_made_and_once_it_is(
    actions, tmp_path, path, reason
):
    log, kept = Log(), []
    ledger = seeded_runs.training(tmp_path, runs=3, trials=0)
    ledger.begin("churn-2")
    visitor = Visitor(
        actions, audited=AuditedChanges(log, actions, PredictionIds(), clock=lambda: 0.0),
        jobs=BatchJobs(3), training=TrainingRuns(tmp_path), keep=kept.append,
        retraining=seeded_runs.retraining(tmp_path, runs=3),
    )  # fmt: skip
    fields, about = SENT[path.handler]
    name = about.partition(" ")
    place = path.whole.format(**{name[0]: name[2]})
    answer = visitor.send(PAGE, place, {**fields, "reason": reason, "by": HARMFUL[0]})
    assert answer.status_code == 303, text_of(answer)
    lines = [(one.action, one.object, one.result) for one in log.events]
    assert lines == [(path.handler, about, "begun"), (path.handler, about, "done")]
    # The reason is in the history: kept here, or by whoever makes the change.
    done = [value for one in changes_of(actions) for value in one if isinstance(value, Change)]
    whys = [one.why for one in done] + [one.why for one in kept]
    assert [one for one in whys if one.endswith(reason)], whys
