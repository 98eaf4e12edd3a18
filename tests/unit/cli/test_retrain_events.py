"""Steps of retraining are events of the cluster, each once, whichever process kept them."""

from serve_app.cli.retrain_events import publish, publish_or_warn
from serve_app.core.events import RETRAINING
from serve_app.errors import RegistryFailed
from serve_app.lifecycle.retraining import decisions
from serve_app.lifecycle.retraining.decisions import Author
from serve_app.storage.events import EventLog
from tests.unit.lifecycle.retraining.fakes import APPROVED, MODEL, House


def states(log, subject):
    return [one.after for one in reversed(log.newest(kind=RETRAINING, subject=subject))]


def test_each_step_is_an_event_once_with_who_and_why(tmp_path):
    house, log = House(tmp_path), EventLog(str(tmp_path))
    house.trigger(body=APPROVED)
    run = house.work()
    for _ in range(2):
        publish(house.ledger, log, MODEL)
    decisions.decide(house.ledger, run, Author("ann", "fine", house.clock()), approved=True)
    house.work()
    publish(house.ledger, log, MODEL)
    assert states(log, run.id) == [
        "QUEUED", "SNAPSHOT", "TRAINING", "EVALUATING", "REGISTERING", "APPROVAL", None,
        "PROMOTING", "PROMOTED",
    ]  # fmt: skip
    newest = log.newest(kind=RETRAINING, subject=run.id)
    assert (newest[0].who, newest[0].before) == ("retraining", "PROMOTING")
    approved = next(one for one in newest if one.after is None)
    assert (approved.who, approved.why) == ("ann", "approved: fine")


def test_what_a_process_could_not_keep_the_next_one_keeps(tmp_path):
    house, log = House(tmp_path), EventLog(str(tmp_path))
    house.trigger()
    kept = []

    class Breaking:
        newest = log.newest

        def append(self, event):
            if len(kept) == 3:
                raise RegistryFailed("the disk is full")
            kept.append(event)
            return log.append(event)

    house.work()
    try:
        publish(house.ledger, Breaking(), MODEL)
    except RegistryFailed:
        publish(house.ledger, log, MODEL)
    assert states(log, "churn-r1")[-1] == "PROMOTED"
    assert len(states(log, "churn-r1")) == len(set(states(log, "churn-r1")))


def test_a_freeze_is_an_event_of_the_model_and_a_dropped_trigger_is_none(tmp_path):
    house, log = House(tmp_path), EventLog(str(tmp_path))
    decisions.freeze(house.database, MODEL, Author("ann", "holidays", house.clock()))
    house.trigger()
    publish(house.ledger, log, MODEL)
    (event,) = log.newest(kind=RETRAINING)
    assert (event.subject, event.who, event.why) == (MODEL, "ann", "freeze: holidays")


def test_without_a_state_nothing_is_made_and_a_broken_one_is_no_failure(tmp_path, capsys):
    house = House(tmp_path / "runs")
    house.trigger()
    house.work()
    publish_or_warn(house.ledger, str(tmp_path / "state"), MODEL)
    assert not (tmp_path / "state").exists()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "serve-app.db").write_text("no database")
    publish_or_warn(house.ledger, str(tmp_path / "broken"), MODEL)
    assert "churn: not among the events of" in capsys.readouterr().err
