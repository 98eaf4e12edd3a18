"""From recorded rows to whether their columns still go together."""

import json

import pytest

from serve_app.errors import RecordsFailed
from serve_app.serving.watches import recent_rows
from tests.unit.serving.watches.whole_people import home, minutes, people, people_apart, shown

WINDOWS = {"window_s": 60, "minimum_rows": 200}


@pytest.fixture
def house(tmp_path):
    return home(tmp_path, multivariate=WINDOWS)


def multivariate(work):
    watch = work.watch("multivariate")
    watch.run()
    return watch


def test_rows_that_no_longer_go_together_are_an_alarm_that_survives_a_kill(house):
    work = house.monitor()
    minutes(house, work, [people_apart(1_000, minute) for minute in range(4)])
    watch = multivariate(work)
    (one,) = watch.report("risk", 3_600)
    assert (one["endpoint"], one["version"], one["rows"]) == ("risk", "risk@1", 1_000)
    assert one["alarm"]
    assert one["not_judged"] is None
    assert one["reconstruction"]["change"] > 0.5
    json.dumps(one, allow_nan=False)
    (finding,) = [one for one in work.findings() if one.kind == "multivariate"]
    assert finding.key == ("multivariate", "risk", "risk@1", "rows")
    assert finding.value > finding.threshold == 1.0
    assert shown(work)["serve_app_multivariate_drift_score", "risk", "risk@1"] == finding.value
    again = house.monitor()
    assert [one.key for one in again.watch("multivariate").findings()] == [finding.key]
    assert multivariate(again).report(None, 3_600) == [one]


def test_rows_as_those_of_training_are_no_alarm(house):
    work = house.monitor()
    minutes(house, work, [people(1_000, minute + 10) for minute in range(5)])
    watch = multivariate(work)
    (one,) = watch.report(None, 3_600)
    assert not one["alarm"]
    assert one["reconstruction"]["score"] < 1
    assert watch.findings() == []
    assert watch.report("nobody", 3_600) == []


def test_a_row_counts_once_though_the_log_failed_and_processes_ended(house, monkeypatch):
    house.args = house.args.model_copy(
        update={"multivariate": house.args.multivariate.model_copy(update={"window_s": 3600})}
    )
    work = house.monitor()
    minutes(house, work, [people(300, 1)] * 12)
    multivariate(work)
    work = house.monitor()
    real = recent_rows.recorded_rows

    def refused(*_, **__):
        raise RecordsFailed("the bucket is gone")

    minutes(house, work, [people(300, 2)] * 12)
    monkeypatch.setattr(recent_rows, "recorded_rows", refused)
    with pytest.raises(RecordsFailed):
        multivariate(work)
    monkeypatch.setattr(recent_rows, "recorded_rows", real)
    minutes(house, work, [people(300, 3)] * 35)
    (one,) = multivariate(work).report(None, 3_600)
    assert one["rows"] == 59 * 300


def test_too_few_rows_are_not_judged(house):
    work = house.monitor()
    minutes(house, work, [people_apart(50, minute) for minute in range(3)])
    (one,) = multivariate(work).report(None, 3_600)
    assert one["not_judged"] == "too few rows: 50 of 200"
    assert not one["alarm"]


def test_of_rows_that_are_not_kept_whole_nothing_is_said_and_why(tmp_path):
    house = home(tmp_path, {"redact": ["dose"]}, multivariate=WINDOWS)
    work = house.monitor()
    minutes(house, work, [people_apart(500, minute) for minute in range(3)])
    (one,) = multivariate(work).report(None, 3_600)
    assert one["not_judged"] == "values of dose are never kept (redact)"
    assert (one["rows"], one["alarm"]) == (0, False)


def test_a_version_without_a_reference_says_what_to_do(house, monkeypatch):
    work = house.monitor()
    watch = work.watch("multivariate")
    monkeypatch.setattr(watch._recent, "reference", lambda _: None)
    minutes(house, work, [people(500, 1)])
    (one,) = multivariate(work).report(None, 3_600)
    assert "serve-app monitor baseline" in one["not_judged"]


def test_it_can_be_off(tmp_path):
    house = home(tmp_path, multivariate={"enabled": False})
    work = house.monitor()
    minutes(house, work, [people_apart(500, minute) for minute in range(3)])
    assert multivariate(work).report(None, 3_600) == []
