"""From recorded rows to those that lie where hardly any of training do."""

import json

import pytest

from tests.unit.serving.monitor_house import NOON_S
from tests.unit.serving.watches.whole_people import home, minutes, people, shown


@pytest.fixture
def house(tmp_path):
    return home(tmp_path, outliers={"window_s": 60})


def odd_people(rows, seed, odd):
    frame = people(rows, seed)
    frame.loc[: odd - 1, "dose"] = 60.0
    return frame


def outliers(work):
    watch = work.watch("outliers")
    watch.run()
    return watch


def test_many_outliers_are_an_alarm_and_the_rows_are_named(house):
    work = house.monitor()
    minutes(house, work, [odd_people(500, minute, 15) for minute in range(3)])
    watch = outliers(work)
    (one,) = watch.report("risk", 3_600)
    assert one["alarm"]
    assert one["outliers"]["ratio"] == pytest.approx(0.03, abs=0.005)
    furthest = one["furthest"]
    assert len(furthest) == 20
    assert {row["features"][0] for row in furthest} == {"dose"}
    assert {row["values"]["dose"] for row in furthest} == {60.0}
    assert {row["row"] for row in furthest} <= set(range(15))
    json.dumps(one, allow_nan=False)
    (finding,) = [one for one in work.findings() if one.kind == "outliers"]
    assert (finding.endpoint, finding.variants, finding.threshold) == ("risk", "risk@1", 0.01)
    assert shown(work)["serve_app_outlier_ratio", "risk", "risk@1"] == finding.value
    again = house.monitor()
    assert [one.key for one in again.watch("outliers").findings()] == [finding.key]
    assert outliers(again).report("risk", 3_600) == [one]
    (later,) = watch.report("risk", house.now_s - NOON_S - 61)
    assert {row["at_s"] for row in later["furthest"]} == {NOON_S + 120}


def test_values_that_are_kept_no_more_are_not_shown(house):
    work = house.monitor()
    minutes(house, work, [odd_people(500, 1, 15)])
    watch = outliers(work)
    work.compact()
    house.now_s += 31 * 86_400
    work.tidy()
    (one,) = watch.report("risk", 40 * 86_400)
    assert one["furthest"]
    assert [row["values"] for row in one["furthest"]] == [{}] * len(one["furthest"])


def test_rows_as_those_of_training_are_no_alarm(house):
    work = house.monitor()
    minutes(house, work, [people(1_000, minute + 50) for minute in range(5)])
    watch = outliers(work)
    (one,) = watch.report(None, 3_600)
    assert not one["alarm"]
    assert one["outliers"]["ratio"] < 0.01
    assert watch.findings() == []


def test_what_was_known_of_a_version_goes_with_it(house):
    work = house.monitor()
    minutes(house, work, [odd_people(500, minute, 15) for minute in range(3)])
    watch = outliers(work)
    work._endpoints = {}
    watch.run()
    assert watch.report(None, 3_600) == []
    assert (watch.findings(), list(watch.samples())) == ([], [])
