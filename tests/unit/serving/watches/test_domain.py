"""From recorded rows to whether those of an hour are told from former ones."""

import json

import numpy as np
import pytest

from serve_app.serving.monitoring_work import MonitoringWork
from tests.unit.serving.monitor_house import NOON_S
from tests.unit.serving.watches.runners import AtOnce, Dies, Never
from tests.unit.serving.watches.whole_people import home, people, people_apart, shown

HOUR_S, DAY_S = 3_600, 86_400


@pytest.fixture
def house(tmp_path):
    return classified(tmp_path)


def classified(folder, **domain):
    house = home(folder, domain=domain)
    house.runner = AtOnce()
    return house


def monitor(house):
    work = MonitoringWork(house.args, house.registry, clock=house.clock, runner=house.runner)
    work.restore()
    return work


def hour(house, work, frame, at_s):
    """Answer rows in an hour that began so long after noon, in four parts."""
    for part in range(4):
        house.now_s = NOON_S + at_s + 900 * part
        house.ask(frame.iloc[part::4])
        house.deliver(work)
    house.now_s = NOON_S + at_s + HOUR_S + 121
    work.compact()


def looked(work, times=2):
    watch = work.watch("domain")
    for _ in range(times):
        watch.run()
    return watch


def test_rows_unlike_those_of_the_first_day_are_an_alarm_that_survives_a_kill(house):
    work = monitor(house)
    for at_h in range(3):
        hour(house, work, people(400, at_h), at_h * HOUR_S)
    for at_h in (30, 31):
        hour(house, work, people_apart(400, at_h), at_h * HOUR_S)
        watch = looked(work)
    (one,) = watch.report("risk", HOUR_S)
    assert one["alarm"]
    assert one["reference"] == "the first day on which the version answered"
    assert one["reference_start_s"] == NOON_S
    assert one["hour_start_s"] == NOON_S + 31 * HOUR_S
    assert one["domain"]["auc"] > 0.75
    assert one["domain"]["low"] < one["domain"]["auc"] < one["domain"]["high"]
    assert {name for name, _ in one["domain"]["columns"]} == {"age", "dose"}
    assert one["domain"]["isolation_forest"] is None
    json.dumps(one, allow_nan=False)
    (finding,) = [one for one in work.findings() if one.kind == "domain"]
    assert finding.value == one["domain"]["auc"]
    samples = shown(work)
    assert samples["serve_app_domain_auc", "risk", "risk@1"] == finding.value
    assert samples["serve_app_domain_runs", "finished"] == 2
    again = monitor(house)
    assert again.watch("domain").report("risk", HOUR_S) == [one]
    assert [one.key for one in again.findings()] == [finding.key]
    looked(again)
    assert len(house.runner.begun) == 2


def test_the_same_hour_a_week_ago_comes_first(house):
    work = monitor(house)
    hour(house, work, people_apart(400, 1), -DAY_S)
    hour(house, work, people(400, 2), 0)
    hour(house, work, people(400, 3), 7 * DAY_S)
    (one,) = looked(work).report(None, HOUR_S)
    assert one["reference"] == "the same hour a week ago"
    assert one["domain"]["auc"] < 0.6
    assert not one["alarm"]


def test_without_former_rows_nothing_is_said_and_why(house):
    work = monitor(house)
    hour(house, work, people(400, 1), 0)
    (one,) = looked(work).report(None, HOUR_S)
    assert "of a first day before it" in one["not_judged"]
    hour(house, work, people(100, 1), 30 * HOUR_S)
    (one,) = looked(work).report(None, HOUR_S)
    assert one["not_judged"] == "too few rows: 100 of 200"
    assert house.runner.begun == []


@pytest.mark.parametrize(("kind", "what"), [(Dies, "failed"), (Never, "late")])
def test_a_task_that_fails_or_hangs_is_counted_and_holds_nothing_up(house, kind, what):
    house.runner = AtOnce(kind)
    work = monitor(house)
    hour(house, work, people(400, 1), 0)
    hour(house, work, people(400, 2), 30 * HOUR_S)
    looked(work)
    house.now_s += 301
    (one,) = looked(work).report(None, HOUR_S)
    assert one["domain"] is None
    assert one["not_judged"] in {"it failed; the log says why", "it took too long"}
    assert shown(work)["serve_app_domain_runs", what] == 1
    assert [begun.is_cancelled for begun in house.runner.begun] == [what == "late"]
    hour(house, work, people(400, 3), 31 * HOUR_S)
    looked(work)
    assert len(house.runner.begun) == 2


def test_an_isolation_forest_counts_beside_where_it_is_wanted(tmp_path):
    house = classified(tmp_path, isolation_forest=True)
    work = monitor(house)
    hour(house, work, people(800, 1), 0)
    frame = people(400, 2)
    frame["dose"] = np.where(np.arange(400) % 5 == 0, 9.0, frame["dose"])
    hour(house, work, frame, 30 * HOUR_S)
    (one,) = looked(work).report(None, HOUR_S)
    forest = one["domain"]["isolation_forest"]
    assert forest["ratio"] == pytest.approx(0.2, abs=0.05)
    assert forest["p"] < 1e-6


def test_it_can_be_off(tmp_path):
    house = classified(tmp_path, enabled=False)
    assert looked(monitor(house)).report(None, HOUR_S) == []
