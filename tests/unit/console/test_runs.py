"""The pages of runs: of training with gates, steps and trials, and of retraining with decisions."""

import pytest

from serve_app.cli.retrain_events import publish
from serve_app.console.trial_picture import trial_picture
from serve_app.core.caller import Caller
from serve_app.core.events import Event
from serve_app.core.grants import grants_of
from serve_app.errors import RegistryFailed
from serve_app.gateway.access import Gate
from serve_app.lifecycle.ledger import Run
from serve_app.lifecycle.retraining.database import Database
from serve_app.lifecycle.retraining.ledger import Ledger
from serve_app.lifecycle.retraining.overview import RetrainingRuns
from serve_app.lifecycle.run_status import TrainingRuns
from tests.security.callers import Known
from tests.unit.console import seeded_runs
from tests.unit.console.seeded import HARMFUL, MODEL, Seeded
from tests.unit.console.visitor import Visitor, text_of

WAITING = f"{MODEL}-r30"
PLACE = f"/console/approvals/{WAITING}"


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    seeded_runs.training(folder, runs=60)
    return TrainingRuns(folder)


@pytest.fixture
def visitor(training):
    return Visitor(Seeded(), training=training)


@pytest.fixture
def retraining(tmp_path):
    return seeded_runs.retraining(tmp_path, runs=30)


@pytest.fixture
def kept():
    return []


@pytest.fixture
def approver(retraining, kept):
    return Visitor(Seeded(), retraining=retraining, keep=kept.append)


def decided(visitor, action, page=PLACE, digest="cd" * 32, reason="looked at it"):
    fields = {"action": action, "digest": digest, "reason": reason, "by": "eve"}
    return visitor.send(page, f"{PLACE}/decision", fields)


def test_a_retraining_is_cancelled_once_by_a_form(approver, retraining):
    place = f"{PLACE}/cancel"
    answer = approver.send(PLACE, place, {"reason": "wrong rows", "by": "eve"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PLACE}?done=run")
    event = retraining.show(WAITING)["events"][-1]
    assert (event["who"], event["what"], event["why"]) == ("eve", "cancel", "wrong rows")
    over = f"/console/approvals/{MODEL}-r3"
    refused = approver.send(PLACE, f"{over}/cancel", {"reason": "x"})
    assert refused.status_code == 409
    assert f"{over}/cancel" not in approver.get(over).text
    assert f"{PLACE}/cancel" in approver.get(PLACE).text


def test_a_model_is_frozen_and_thawed_with_who_and_why(approver, retraining, kept):
    page, place = f"/console/models/{MODEL}", f"/console/models/{MODEL}/freeze"
    fields = {"action": "freeze", "reason": "audit week", "by": "eve"}
    assert approver.send(page, place, fields).headers["location"] == f"{page}?done=freeze"
    (made,) = [one for one in retraining.freezes() if one["model"] == MODEL]
    assert (made["who"], made["why"]) == ("eve", "audit week")
    assert "It is frozen by eve since" in text_of(approver.get(page))
    assert "churn , by eve since" in text_of(approver.get("/console/approvals"))
    fields = {"action": "unfreeze", "reason": "over", "by": "eve"}
    assert approver.send(page, place, fields).status_code == 303
    assert [(one.kind, one.subject, one.who, one.why) for one in kept] == [
        ("retraining", MODEL, "eve", "freeze: audit week"),
        ("retraining", MODEL, "eve", "unfreeze: over"),
    ]
    assert [one["model"] for one in retraining.freezes()] == ["other"]
    assert approver.send(page, place, fields).status_code == 409
    assert approver.send(page, place, {**fields, "action": "melt"}).status_code == 400
    nobody = approver.send(page, "/console/models/nobody/freeze", {**fields, "action": "freeze"})
    assert nobody.status_code == 404


def test_a_run_of_training_is_cancelled_and_why_is_among_the_events(tmp_path):
    ledger = seeded_runs.training(tmp_path, runs=3, trials=1)
    ledger.create(Run("churn-9", "churn", MODEL, {"model": MODEL}, "RUNNING", 9.0))
    kept = []
    visitor = Visitor(
        Seeded(), training=TrainingRuns(tmp_path), keep=kept.append, clock=lambda: 12.0
    )
    page = "/console/runs/churn-9"
    assert f"{page}/cancel" in visitor.get(page).text
    answer = visitor.send(page, f"{page}/cancel", {"reason": "too slow", "by": "eve"})
    assert answer.headers["location"] == f"{page}?done=run"
    assert kept == [Event(12.0, "eve", "run cancelled", "churn-9", "too slow")]
    assert ledger.run("churn-9").state == "CANCELLED"
    assert f"{page}/cancel" not in visitor.get(page).text
    again = visitor.send("/console/models/churn", f"{page}/cancel", {"reason": "x"})
    assert (again.status_code, len(kept)) == (409, 1)


def test_what_is_done_stands_where_no_event_can_be_kept(tmp_path):
    def full(event):
        raise RegistryFailed("the disk is full")

    ledger = seeded_runs.training(tmp_path, runs=3, trials=1)
    ledger.create(Run("churn-9", "churn", MODEL, {"model": MODEL}, "RUNNING", 9.0))
    visitor = Visitor(Seeded(), training=TrainingRuns(tmp_path), keep=full)
    page = "/console/runs/churn-9"
    assert visitor.send(page, f"{page}/cancel", {"reason": "x"}).status_code == 303
    assert ledger.run("churn-9").state == "CANCELLED"


def test_runs_come_by_pages_the_newest_first(visitor):
    first = text_of(visitor.get("/console/runs"))
    assert "Page 1 of 3, 60 in all" in first
    assert first.index("churn-60") < first.index("churn-59") < first.index("churn-36")
    assert "roc_auc 0.9125 @999" in first
    assert "churn-35" not in first
    assert "churn-1 SUCCEEDED" in text_of(visitor.get("/console/runs?page=3"))


def test_runs_are_looked_for_by_what_they_are_of_and_how_they_ended(visitor):
    failed = text_of(visitor.get("/console/runs?state=failed"))
    assert "churn-54 FAILED" in failed
    assert "churn-9 FAILED" in failed
    assert "churn-60" not in failed
    named = visitor.get("/console/runs?name=CHURN-5&state=SUCCEEDED")
    assert "churn-59 SUCCEEDED" in text_of(named)
    assert "churn-54" not in text_of(named)
    paged = visitor.get("/console/runs?state=SUCCEEDED&page=2").text
    assert 'href="/console/runs?page=3&amp;state=SUCCEEDED"' in paged
    nothing = visitor.get("/console/runs", params={"name": HARMFUL[0]})
    assert "No run fits that." in text_of(nothing)
    assert "<script>alert" not in nothing.text


def test_a_run_shows_gates_steps_trials_and_errors(visitor):
    page = visitor.get("/console/runs/churn-60?page=2")
    words = text_of(page)
    assert "beats_baseline 0.0375 0 4,000 passed" in words
    assert f"slices -0.08 -0.05 4,000 failed {HARMFUL[0]}" in words
    assert "champion @998" in words
    assert "snapshot 1.2 s abababababababab" in words
    assert "Page 2 of 3, 120 in all" in words
    assert "50 hist depth 50" in words
    assert "Trial 3 failed: ValueError: <script>" in words
    assert "2 more" in words
    assert "roc_auc by trial" in page.text
    assert "<script" not in page.text


def test_the_picture_says_what_the_best_came_to_whichever_way_is_better():
    trials = [(0, 0.5), (1, 0.75), (2, 0.25)]
    assert "the best came to 0.75, the first to 0.5" in trial_picture(trials, "auc", greater=True)
    assert "the best came to 0.25" in trial_picture(trials, "loss", greater=False)
    one = trial_picture([(4, 0.0)], "loss", greater=False)
    assert "1 trial judged" in one
    assert "nan" not in one


def test_a_folder_without_runs_and_a_run_that_is_not_there_are_told_of(tmp_path, visitor):
    empty = Visitor(
        Seeded(), training=TrainingRuns(tmp_path), retraining=RetrainingRuns(tmp_path, float)
    )
    assert "No run of training is kept in" in text_of(empty.get("/console/runs"))
    assert "Nothing was trained again yet" in text_of(empty.get("/console/approvals"))
    assert empty.get("/console/runs/churn-1").status_code == 404
    assert empty.get("/console/approvals/x").status_code == 404
    # Whoever looks leaves nothing behind.
    assert list(tmp_path.iterdir()) == []
    missing = visitor.get("/console/runs/nobody")
    assert missing.status_code == 404
    assert "there are: churn-60" in text_of(missing)


def test_a_gateway_without_a_folder_says_which_setting_names_it():
    visitor = Visitor(Seeded())
    for path in ("/console/runs", "/console/approvals"):
        assert "`admin: {runs: ./runs}`" in text_of(visitor.get(path))


def test_what_waits_for_a_person_comes_first(approver):
    page = approver.get("/console/approvals")
    words = text_of(page)
    assert "1 run waits for a person." in words
    assert f"{MODEL}@999 would take over from {MODEL}@998" in words
    assert f"Begun by ada : drift of {HARMFUL[0]}" in words
    assert "other , by bob since 1970-01-01 00:00:05: audit week" in words
    assert "Page 1 of 2, 30 in all" in words


def test_a_challenger_is_approved_with_who_and_why_and_once(approver, retraining):
    answer = decided(approver, "approve")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PLACE}?done=decision")
    decision = retraining.show(WAITING)["decision"]
    assert (decision["approved"], decision["who"], decision["why"]) == (True, "eve", "looked at it")
    words = text_of(approver.get(PLACE))
    assert "eve approved it at" in words
    assert "serve-app retrain watch" in words
    again = decided(approver, "reject", page="/console/endpoints/risk")
    assert again.status_code == 409
    assert "somebody has decided about run" in text_of(again)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"digest": "ef" * 32}, 409, "waits for the approval of cdcdcdcdcdcd"),
        ({"reason": " "}, 400, "say why"),
        ({"action": "promote"}, 400, "'action' must be one of approve, reject"),
    ],
)
def test_what_is_wrong_decides_nothing(approver, retraining, fields, status, words):
    answer = decided(approver, **{"action": "approve", **fields})
    assert answer.status_code == status
    assert words in text_of(answer)
    assert retraining.show(WAITING)["decision"] is None


def test_nobody_approves_for_another_person_where_nothing_proves_who_they_are(tmp_path):
    runs = seeded_runs.retraining(tmp_path, runs=30, by_another=True)
    refused = decided(Visitor(Seeded(), retraining=runs), "approve")
    assert refused.status_code == 403
    assert "nothing proves here who you are" in text_of(refused)
    known = Known()
    for key, name in (("k-ada", "ada"), ("k-eve", "eve")):
        known._callers["key", key] = Caller(name, "", grants_of(["*"]))
    visitor = Visitor(Seeded(), gate=Gate(known, lambda *_: None), retraining=runs)
    for key, status in (("k-ada", 403), ("k-eve", 303)):
        visitor.send("/console/login", "/console/login", {"key": key})
        assert decided(visitor, "approve").status_code == status
    assert runs.show(WAITING)["decision"]["who"] == "eve"


def test_what_the_console_kept_is_kept_once_by_whoever_works_on_retraining(
    approver, retraining, kept
):
    page = f"/console/models/{MODEL}"
    approver.send(page, f"{page}/freeze", {"action": "freeze", "reason": "x", "by": "eve"})
    approver.send(PLACE, f"{PLACE}/cancel", {"reason": "wrong rows", "by": "eve"})

    class Log:
        def append(self, event):
            added.append(event)

        def newest(self, limit, *, kind, subject):
            return [one for one in kept if one.subject == subject]

    added = []
    publish(Ledger(Database(retraining.folder)), Log(), MODEL)
    assert len(kept) == 2
    assert not [one for one in added if one.why in {"freeze: x", "cancel: wrong rows"}]
