"""Endpoints may have rules of drift of their own, key by key."""

import logging

import pytest

from serve_app.core.snapshot import Snapshot
from serve_app.monitoring.drift.settings import DriftSettings
from serve_app.storage.snapshots import SnapshotStore
from tests.unit.serving.monitor_house import House, people


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def drifting(house, minutes=4):
    """The monitor after some windows whose ages are not those of training."""
    work = house.monitor()
    for minute in range(minutes):
        house.ask(people(2_000, minute + 10, shift=12.0))
        house.deliver(work)
        house.now_s += 60
    house.now_s += 31
    work.watch("drift").run()
    return work


def test_thresholds_of_an_endpoint_stand_in_place_of_those_of_the_monitor(house):
    house.settle(
        drift={"thresholds": {"psi": 500.0, "jensen_shannon": 1.0}, "out_of_range_threshold": 0.9}
    )
    work = drifting(house)
    assert work.findings() == []
    (series,) = work.watch("drift").report(None, 3600)
    assert {one["name"]: one["threshold"] for one in series["features"]} == {
        "age": 500.0, "dose": 500.0,
    }  # fmt: skip
    assert series["window_s"] == 60


def test_what_an_endpoint_does_not_say_is_as_the_monitor_says(house):
    house.args = house.args.model_copy(
        update={"drift": house.args.drift.model_copy(update={"thresholds": {"psi": 0.2}})}
    )
    house.settle(drift={"alpha": 0.02, "thresholds": {"hellinger": 0.3}})
    settings = drifting(house).watch("drift").settings("risk")
    assert settings == DriftSettings(alpha=0.02, thresholds={"psi": 0.2, "hellinger": 0.3})


def test_rules_without_which_the_endpoint_would_alarm_are_followed_once_they_change(house):
    work = drifting(house)
    assert {one.subject for one in work.findings()} >= {"age: distribution"}
    house.settle(drift={"alarm_windows": 9, "of_windows": 9})
    work.follow()
    assert work.findings() == []


def test_rules_that_cannot_be_are_told_once_and_those_of_the_monitor_stand(house, caplog):
    house.settle(drift={"of_windows": 1})
    with caplog.at_level(logging.WARNING, "serve_app.monitor"):
        work = drifting(house)
        findings = work.findings()
    assert {one.subject for one in findings} >= {"age: distribution"}
    warnings = [one for one in caplog.records if "rules of the monitor" in one.message]
    assert [(one.endpoint, "of_windows must be at least" in one.why) for one in warnings] == [
        ("risk", True)
    ]


def test_snapshots_say_rules_where_there_are_some(house):
    store = SnapshotStore(house.args.state)
    assert "drift" not in store.latest()["endpoints"]["risk"]["records"]
    house.settle(drift={"alpha": 0.02})
    spec = Snapshot.from_json(store.latest()).endpoints["risk"]
    assert spec.records.drift == {"alpha": 0.02}
