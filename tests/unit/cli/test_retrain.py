"""`serve-app retrain` as people type it, and calls of other systems to a real port."""

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from serve_app.cli.retrain_canary import AdminCanaries
from serve_app.cli.retrain_sources import watched
from serve_app.cli.retrain_webhook import SECRET, listening
from serve_app.config.retraining import TriggerSettings
from serve_app.core.reference import is_version
from serve_app.errors import ConfigError, Conflict
from serve_app.lifecycle.retraining.effects import Shown, Ticket
from tests.unit.lifecycle.retraining.fakes import House

KEY = "a secret of enough letters"
PIPELINE = """\
pipeline: churn
model: churn
data: {source: rows.csv, target: churned}
validation: {kind: stratified, folds: 2}
candidates: [{import: "sklearn.linear_model:LogisticRegression"}]
search: {trials: 1, parallel: 1, seed: 3}
gates: {beats_baseline: true, calibration: 0.3, distance: 0.9}
"""
APPROVAL = "retrain: {approval: {required: true}, version: {memory: 10.0}}\n"
SCHEDULE = "retrain: {triggers: {schedule: {cron: '* * * * *'}}, guards: {runs_per_day: 1}}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"age": rng.normal(50, 10, 160), "dose": rng.normal(2, 1, 160)})
    frame["churned"] = np.where(frame["age"] + rng.normal(0, 4, 160) > 50, "yes", "no")
    frame.to_csv("rows.csv", index=False)
    (tmp_path / "churn.yaml").write_text(PIPELINE)
    (tmp_path / "asked.yaml").write_text(PIPELINE + APPROVAL)
    (tmp_path / "planned.yaml").write_text(PIPELINE + SCHEDULE)
    return tmp_path


@pytest.mark.timeout(600)
def test_a_pipeline_is_trained_again_approved_frozen_and_rolled_back(serve_app, folder):
    first = serve_app("retrain", "start", "churn.yaml", "--reason", "first of all", "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["state"] == "PROMOTED"
    second = serve_app("retrain", "start", "asked.yaml", "--json")
    body = json.loads(second.out)
    assert (body["state"], body["champion"], body["challenger"]) == ("APPROVAL", 1, 2)
    assert [gate["name"] for gate in body["facts"]["gates"]] == [
        "beats_baseline", "calibration", "distance", "loads", "schema", "memory",
    ]  # fmt: skip
    digest = body["facts"]["digest"]
    wrong = serve_app("retrain", "approve", "churn-r2", "--digest", "0" * 12)
    assert wrong.code == 1
    assert "waits for the approval of" in wrong.err
    approved = serve_app("retrain", "approve", "churn-r2", "--digest", digest[:12])
    assert approved.code == 0, approved.err
    assert "churn-r2: PROMOTED, churn@2" in approved.out
    assert serve_app("retrain", "freeze", "churn", "--reason", "holidays").code == 0
    dropped = serve_app("retrain", "start", "churn.yaml")
    assert dropped.code == 1
    assert "no run begins, by the guard freeze" in dropped.out
    back = serve_app("retrain", "rollback", "churn", "--reason", "worse")
    assert (back.code, back.out.strip()) == (0, "churn@1 is champion")
    assert serve_app("retrain", "unfreeze", "churn").code == 0
    status = json.loads(serve_app("retrain", "status", "--json").out)
    assert [one["state"] for one in status["runs"]] == ["PROMOTED", "PROMOTED"]
    assert [one["guard"] for one in status["triggers"]] == ["freeze", None, None]
    assert status["rollbacks"][0]["result"] == "churn@1 is champion"
    events = json.loads(serve_app("retrain", "status", "churn-r2", "--json").out)["events"]
    assert "approved" in [one["what"] for one in events]


@pytest.mark.timeout(300)
def test_a_registry_that_wants_signatures_is_retrained_with_a_key_and_not_without(
    serve_app, folder
):
    assert serve_app("signing-key", "release.pem").code == 0
    wants = ["--trusted-key", "release.pub.pem", "--require-signed"]
    refused = serve_app("retrain", "start", "churn.yaml", *wants)
    assert refused.code == 1
    assert "name one with --sign-key KEY" in refused.err
    # Nothing was begun that nobody could finish.
    assert json.loads(serve_app("retrain", "status", "--json").out)["runs"] == []
    assert serve_app("train", "run", "churn.yaml", *wants).code == 1
    trained = serve_app("retrain", "start", "churn.yaml", *wants, "--sign-key", "release.pem")
    assert trained.code == 0, trained.err
    assert serve_app("verify", "churn@1", "--key", "release.pub.pem").code == 0
    shown = serve_app("models", "alias", "churn", "--json", *wants)
    assert [move["version"] for move in json.loads(shown.out)] == [1]


def test_planned_times_before_somebody_looked_begin_nothing(serve_app, folder):
    looked = serve_app("retrain", "watch", "planned.yaml", "--once")
    assert looked.code == 0, looked.err
    assert json.loads(serve_app("retrain", "status", "--json").out)["triggers"] == []


def test_what_cannot_be_is_said(serve_app, folder):
    assert "has no part `retrain`" in serve_app("retrain", "watch", "churn.yaml", "--once").err
    assert "no run of churn goes on" in serve_app("retrain", "resume", "churn").err
    assert "there is no run 'churn-r9'" in serve_app("retrain", "approve", "churn-r9").err
    assert "there is no model 'other'" in serve_app("retrain", "freeze", "other").err


def called(port, body, *, key=KEY, model="churn"):
    """The answer to a call that is signed by the standard library alone."""
    sent = str(int(time.time()))
    message = f"{model}.c-1.{sent}.".encode() + body
    headers = {
        "webhook-id": "c-1",
        "webhook-timestamp": sent,
        "webhook-signature": hmac.new(key.encode(), message, hashlib.sha256).hexdigest(),
    }
    url = f"http://127.0.0.1:{port}/v1/retrain/{model}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers)) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def of_length(port, length):
    """The status of a call that says so of its body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("POST", "/v1/retrain/churn")
    connection.putheader("content-length", length.encode("latin-1"))
    connection.endheaders()
    with closing(connection):
        return connection.getresponse().status


def test_signed_calls_are_taken_once_and_others_refused(tmp_path, monkeypatch):
    monkeypatch.setenv(SECRET, KEY)
    house = House(tmp_path)

    def take(trigger):
        return house.trigger(trigger.dedupe_key, kind=trigger.kind, reason=trigger.reason)

    with listening("127.0.0.1", 0, {"churn": take}) as port:
        status, answer = called(port, b'{"reason": "new data"}')
        assert (status, answer["run"], answer["reason"]) == (202, "churn-r1", "new data")
        assert called(port, b'{"reason": "new data"}')[1]["run"] == "churn-r1"
        assert called(port, b"{}", key="another secret, as long")[0] == 401
        assert called(port, b"{}", model="other")[0] == 404
        assert called(port, b"[]")[0] == 400
        for length in ("999999", "-1", "\u00b2", "many"):
            assert of_length(port, length) == 413
    assert len(house.ledger.runs()) == 1
    monkeypatch.delenv(SECRET)
    with pytest.raises(ConfigError, match=SECRET), listening("127.0.0.1", 0, {}):
        pass


class Admin:
    """An admin API with one rollout and what a monitor says."""

    def __init__(self):
        self.rollout = {
            "endpoint": "churn", "stable": "churn@1", "candidate": "churn@2",
            "phase": "running", "why": "", "start": "at once",
        }  # fmt: skip
        self.standing = {"name": "churn", "follows": {}, "shadows": []}
        self.actions = []

    def rollouts(self):
        return [self.rollout]

    def endpoints(self):
        return {"endpoints": [self.standing]}

    def watch(self, kind, endpoint, within_s):
        self.within_s = within_s
        return [
            {"shadow": "churn@1", "rows": 7, "not_judged": None},
            {
                "shadow": "churn@2", "rows": 40, "requests": {"shadow_error_rate": 0.25},
                "agreement": {"value": 0.5, "low": 0.4, "high": 0.6}, "not_judged": None,
            },
        ]  # fmt: skip

    def move_rollout(self, endpoint, action, reason):
        self.actions.append(action)
        phases = {
            "start": "running",
            "pause": "paused",
            "resume": "running",
            "roll back": "rolled back",
        }
        self.rollout = {**self.rollout, "phase": phases[action], "why": reason}

    def watched(self, kind, endpoint, within_s):
        metric = {"value": 0.7, "low": 0.65, "high": 0.75}
        if kind == "estimate":
            windows = [{"start_s": 60 * k, "metrics": {"accuracy": metric}} for k in range(5)]
            return [{"window_s": 60, "windows": windows}]
        return [{"metrics": {"accuracy": metric}, "labelled": 500, "mature": True}]

    def alerts(self):
        drifted = {"endpoint": "churn", "kind": "drift", "variants": "churn@1", "subject": "age"}
        return {"findings": [{**drifted, "text": "age has drifted", "since_s": 30.0}]}


class Aliases:
    """A registry of which only one model's aliases matter."""

    def __init__(self):
        self.current = {"champion": 1}

    def aliases(self, model):
        return self.current

    def set_alias(self, model, alias, version, *, by, reason, expected):
        assert self.current.get(alias) == expected.version
        assert is_version(f"{model}@{version}")
        self.current[alias] = version


TICKET = Ticket("churn-r1", "churn-r1 of 1.0", "churn", 1, 1, {"retrain": {"endpoint": "churn"}})


def test_a_canary_follows_the_alias_and_is_paused_for_a_freeze_only_by_us():
    admin, registry = Admin(), Aliases()
    canaries = AdminCanaries(registry, lambda: admin)
    for _ in range(2):
        canaries.begin(TICKET, 2)
    assert registry.current == {"champion": 1, "challenger": 2}
    assert canaries.state(TICKET, 2).state == "waiting"
    canaries.hold(TICKET, 2)
    canaries.hold(TICKET, 2)
    canaries.go_on(TICKET, 2)
    assert admin.actions == ["pause", "resume"]
    admin.rollout = {**admin.rollout, "phase": "paused", "why": "by hand"}
    canaries.go_on(TICKET, 2)
    assert admin.actions == ["pause", "resume"]
    admin.rollout = {**admin.rollout, "phase": "promoted"}
    assert canaries.state(TICKET, 2).state == "promoted"
    registry.current["challenger"] = 5
    assert canaries.state(TICKET, 2).state == "superseded"
    admin.rollout = {**admin.rollout, "endpoint": "other"}
    with pytest.raises(Conflict, match="route has to be of kind canary"):
        canaries.begin(TICKET, 2)


def test_a_challenger_is_shown_requests_by_a_shadow_that_follows_its_alias():
    admin, registry = Admin(), Aliases()
    canaries = AdminCanaries(registry, lambda: admin, clock=lambda: 100.0)
    body = {"retrain": {"endpoint": "churn", "shadow": {"rows": 10}}}
    ticket = replace(TICKET, body=body)
    with pytest.raises(Conflict, match=r"begins at once.*start: by hand"):
        canaries.begin(ticket, 2)
    admin.rollout = {**admin.rollout, "start": "by hand", "phase": "ready"}
    with pytest.raises(Conflict, match="endpoint churn has no shadow churn@challenger"):
        canaries.begin(ticket, 2)
    assert registry.current == {"champion": 1}
    admin.standing = {
        "name": "churn", "shadows": [{"version": "churn@1"}],
        "follows": {"churn@champion": "churn@1", "churn@challenger": "churn@1"},
    }  # fmt: skip
    admin.rollout = {**admin.rollout, "candidate": "churn@1"}
    canaries.begin(ticket, 2)
    assert canaries.shown(ticket, 2, 40.0) == Shown()
    admin.rollout = {**admin.rollout, "candidate": "churn@2"}
    assert canaries.shown(ticket, 2, 40.0) == Shown(40, 0.25, 0.5, 0.6)
    assert admin.within_s == 60
    for _ in range(2):
        canaries.start(ticket, 2)
    assert admin.actions == ["start"]
    assert canaries.shown(ticket, 2, 40.0) == Shown(has_share=True)
    registry.current["challenger"] = 3
    assert "was moved by somebody" in canaries.shown(ticket, 2, 40.0).superseded


def test_what_was_rolled_back_is_no_challenger_any_more():
    admin, registry = Admin(), Aliases()
    canaries = AdminCanaries(registry, lambda: admin)
    canaries.begin(TICKET, 2)
    for _ in range(2):
        canaries.undo(TICKET, 2)
    assert admin.actions == ["roll back"]
    assert admin.rollout["phase"] == "rolled back"
    assert registry.current == {"champion": 1, "challenger": 1}


def test_requests_go_back_at_once_or_by_both_aliases():
    admin, registry = Admin(), Aliases()
    canaries = AdminCanaries(registry, lambda: admin)
    registry.current = {"champion": 2, "challenger": 2}
    admin.rollout = {**admin.rollout, "phase": "promoted"}
    canaries.go_back(TICKET, 1)
    assert (admin.actions, registry.current["challenger"]) == (["roll back"], 2)
    registry.current["champion"] = 1
    canaries.rest(TICKET)
    assert registry.current == {"champion": 1, "challenger": 1}
    canaries.go_back(TICKET, 7)
    assert registry.current == {"champion": 1, "challenger": 7}
    admin.rollout = {**admin.rollout, "candidate": "churn@7"}
    canaries.go_back(TICKET, 7)
    assert admin.actions == ["roll back"]


def test_what_the_monitor_says_is_a_reason_once():
    settings = TriggerSettings.model_validate(
        {"quality": {"floor": 0.8}, "estimate": {"floor": 0.8}, "labels": 400}
    )

    def looked(now_s):
        found = watched("churn", "churn", settings, Admin(), lambda: (1, 0.0), now_s)
        return [(one.kind, one.dedupe_key, one.trains) for one in found]

    first = looked(86_400.0 * 3 + 5)
    assert [(kind, trains) for kind, _, trains in first] == [
        ("quality", True), ("estimate", True), ("drift", False), ("labels", True),
    ]  # fmt: skip
    assert looked(86_400.0 * 3 + 500) == first
    assert looked(86_400.0 * 4 + 500) != first
