"""From rows that are unlike those of training to a message, through the whole monitor."""

from typing import get_args

import pytest

from serve_app.config import MonitorArgs
from serve_app.config.alerts import Kind
from tests.unit.serving.alerting.receivers import PATIENCE_S, web
from tests.unit.serving.monitor_house import House, people


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def alert_to(house, server):
    alerts = {
        "receivers": {"ops": {"kind": "webhook", "url": server.url}},
        "group_wait_s": 0,
        "resolve_s": 0,
    }
    house.args = MonitorArgs.model_validate({**house.args.model_dump(), "alerts": alerts})


def ask_for_minutes(house, work, minutes, shift):
    for minute in range(minutes):
        house.ask(people(2_000, minute + 10, shift=shift))
        house.deliver(work)
        house.now_s += 60
    house.now_s += 31


def step(work):
    for watch in work.watches:
        work.look(watch)
    work.alerts.run()
    assert work.alerts.wait(PATIENCE_S)


def test_drift_is_announced_once_over_a_kill_and_ends_once(house):
    with web() as server:
        alert_to(house, server)
        work = house.monitor()
        ask_for_minutes(house, work, 4, shift=12.0)
        step(work)
        (first,) = server.bodies
        assert (first["endpoint"], first["status"]) == ("risk", "firing")
        subjects = [(one["kind"], one["variants"], one["subject"]) for one in first["findings"]]
        assert ("drift", "risk@1", "age: distribution") in subjects
        again = house.monitor()
        # Nothing is known before the watches have looked.
        again.alerts.run()
        step(again)
        assert len(server.bodies) == 1
        ask_for_minutes(house, again, 4, shift=0.0)
        step(again)
    assert [body["status"] for body in server.bodies] == ["firing", "resolved"]
    samples = {(one.metric.name, *one.labels): one.value for one in again.samples()}
    assert samples["serve_app_alert_messages", "ops", "sent"] == 1


def test_alarms_have_a_series_each_that_ends_at_0(house):
    work = house.monitor()
    ask_for_minutes(house, work, 4, shift=12.0)
    step(work)
    named = ("serve_app_feature_alarm", "risk", "risk@1", "age", "distribution")
    kinds = ("serve_app_findings", "drift", "risk", "warning")
    samples = {(one.metric.name, *one.labels): one.value for one in work.samples()}
    assert samples[named] == 1
    assert samples[kinds] == samples["serve_app_drift_alarms", "risk", "risk@1"] > 0
    assert samples["serve_app_judged_window_length_seconds",] == 60
    ask_for_minutes(house, work, 4, shift=0.0)
    step(work)
    samples = {(one.metric.name, *one.labels): one.value for one in work.samples()}
    assert (samples[named], samples[kinds]) == (0, 0)


def test_receivers_may_choose_the_kinds_of_all_watches(house):
    assert {watch.kind for watch in house.monitor().watches} <= set(get_args(Kind))
