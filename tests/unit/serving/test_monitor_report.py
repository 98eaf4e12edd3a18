"""The monitor's report says what gateways counted and people labelled, held against NumPy."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from serve_app.config import MonitorArgs
from serve_app.core.feedback import Feedback
from serve_app.monitoring.report.document import Report
from serve_app.monitoring.report.page import page, verdict_of
from serve_app.registry.store import Registry
from serve_app.serving import monitoring_work
from serve_app.serving.monitoring_work import ARRIVED_S, MonitoringWork
from tests.unit.serving.monitor_house import NOON_S, House, of_people, people

DAY_S = 86_400.0


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def asked(house, work, minutes, shift=0.0, rows=2_000):
    """Some minutes of traffic; the frames and the answers of each."""
    frames = []
    for minute in range(minutes):
        frame = people(rows, 100 + minute + int(shift), shift)
        frames.append((house.now_s, frame, house.ask(frame)))
        house.deliver(work)
        house.now_s += 60
    return frames


def travelled(report):
    """The report as it is read from JSON."""
    return Report.from_json(json.loads(json.dumps(report.to_json())))


def test_windows_are_judged_again_and_the_newest_rows_are_counted(house):
    work = house.monitor()
    asked(house, work, 3)
    moved = asked(house, work, 3, shift=12.0)
    house.now_s += 31
    work.watch("drift").run()
    report = travelled(work.report.make(None, 7 * DAY_S))
    (section,) = report.sections
    drift = section.drift
    assert (section.endpoint, section.variants, section.rows) == ("risk", "risk@1", 12_000)
    assert drift.reference_rows == 4_000
    # It begins where rows begin, with windows as the monitor judges them.
    assert (report.since_s, drift.heat.start_s, drift.heat.window_s) == (NOON_S, NOON_S, 60)
    assert drift.heat.rows[:6] == (2_000,) * 6
    age = next(band for band in drift.heat.bands if band.name == "age")
    dose = next(band for band in drift.heat.bands if band.name == "dose")
    assert age.drifted == (3, 4, 5)
    assert dose.drifted == ()
    assert all(score < 1 for score in age.scores[:3])
    assert all(score > 1 for score in age.scores[3:6])
    (judged,) = work.watch("drift").report("risk", 60)
    last = next(one for one in judged["features"] if one["name"] == "age")
    expected = last["distances"][last["distance"]] / last["threshold"]
    assert age.scores[5] == pytest.approx(expected, abs=1e-3)
    shape = next(one for one in drift.distributions if one.name == "age" and not one.prediction)
    ages = moved[-1][1]["age"].to_numpy()
    assert (drift.current_rows, sum(shape.current)) == (2_000, 2_000)
    inner, _ = np.histogram(ages, shape.edges)
    below, above = (ages < shape.edges[0]).sum(), (ages > shape.edges[-1]).sum()
    assert shape.current == (below, *inner, above)
    trained, _ = np.histogram(people(4_000, 0)["age"], shape.edges)
    assert shape.reference == (0, *trained, 0)
    assert ("age", "distribution", NOON_S + 300, None) in [
        (one.name, one.what, one.since_s, one.until_s) for one in drift.alarms
    ]
    assert [one.key for one in report.findings] == [one.key for one in work.findings()]
    assert verdict_of(report)[0] == "warning"


def test_quality_is_by_stretches_of_time_with_coverage(house):
    work = house.monitor()
    frames = asked(house, work, 12, rows=200)
    given, right = [], {}
    for at, (asked_s, frame, response) in enumerate(frames):
        truth = np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well")[:150]
        said = response.answer.prediction.values[:150]
        if at >= 5:
            truth[:30] = np.where(said[:30] == "ill", "well", "ill")
        right.setdefault((asked_s - NOON_S) // 300, []).extend(zip(truth, said, strict=True))
        given += [
            Feedback("risk", response.prediction_id, row=row, truth_json=json.dumps(str(one)))
            for row, one in enumerate(truth)
        ]
    work.keep(given)
    house.now_s += ARRIVED_S
    work.match()
    report = travelled(work.report.make("risk", 3600))
    quality = report.sections[0].quality
    assert quality.labelled == 12 * 150
    accuracy = next(one for one in quality.metrics if one.metric == "accuracy")
    known = [point for point in accuracy.realised if point.value is not None]
    assert len(known) == 3
    for point, (_, pairs) in zip(known, sorted(right.items()), strict=True):
        truths, answers = zip(*pairs, strict=True)
        assert point.value == pytest.approx(accuracy_score(truths, answers))
        assert point.low < point.value < point.high
        assert point.n == len(pairs)
    assert known[0].value > known[-1].value
    counted = [one for one in quality.labels if one.predicted]
    assert [(one.predicted, one.labelled) for one in counted] == [
        (1_000, 750), (1_000, 750), (400, 300),
    ]  # fmt: skip
    assert quality.segments == ()
    assert accuracy.estimated == ()


def test_estimates_stand_beside_what_labels_say_and_segments_are_told_apart(tmp_path):
    ordinary = of_people()
    truth = np.where(ordinary.frame["age"] + 5 * ordinary.frame["dose"] > 50, "ill", "well")
    house = House(tmp_path, replace(ordinary, truth=truth))
    house.args = MonitorArgs(
        **{
            **house.args.model_dump(),
            "estimate": {"window_s": 60, "minimum_rows": 100},
        }
    )
    house.settle(segments=["ward"])
    house.serve()
    work = house.monitor()
    given = []
    for minute in range(3):
        frame = people(400, 200 + minute).assign(ward=["a", "b"] * 200)
        response = house.ask(frame)
        house.deliver(work)
        house.now_s += 60
        truth = np.where(frame["age"] + 5 * frame["dose"] > 50, "ill", "well")
        given += [
            Feedback("risk", response.prediction_id, row=row, truth_json=json.dumps(str(one)))
            for row, one in enumerate(truth)
        ]
    work.keep(given)
    house.now_s += 60
    work.match()
    watch = work.watch("estimate")
    watch.run()
    (estimated,) = watch.report("risk", 3600)
    quality = travelled(work.report.make("risk", 3600)).sections[0].quality
    accuracy = next(one for one in quality.metrics if one.metric == "accuracy")
    assert [(point.start_s, point.value) for point in accuracy.estimated] == [
        (one["start_s"], one["metrics"]["accuracy"]["value"]) for one in estimated["windows"]
    ]
    assert len(accuracy.estimated) == 3
    assert {(one.column, one.value, one.rows) for one in quality.segments} == {
        ("ward", "a", 600), ("ward", "b", 600),
    }  # fmt: skip


def test_of_very_many_labels_the_first_of_each_stretch_are_measured(house, monkeypatch):
    for bound in ("MOST_LABELLED", "LEAST_LABELLED"):
        monkeypatch.setattr(f"serve_app.serving.report_quality.{bound}", 40)
    work = house.monitor()
    ((_, frame, response),) = asked(house, work, 1, rows=100)
    work.keep(
        [
            Feedback("risk", response.prediction_id, row=row, truth_json='"ill"')
            for row in range(len(frame))
        ]
    )
    house.now_s += ARRIVED_S
    work.match()
    quality = work.report.make(None, 3600).sections[0].quality
    assert "more than 40 labelled rows" in quality.note
    assert quality.labelled == 100
    assert quality.metrics[0].realised[0].n == 40


def test_the_monitor_says_how_it_is_itself(house):
    work = house.monitor()
    asked(house, work, 2, rows=50)
    work.keep([Feedback("risk", key="o-1", truth_json='"ill"')])
    report = work.report.make(None, DAY_S, ["match feedback fails: the disk is full"])
    health = report.health
    assert (health.kept_rows, health.deliveries, health.series) == (100, 2, 1)
    assert health.newest_s == NOON_S + 60
    assert health.failing == ("match feedback fails: the disk is full",)
    (feedback,) = health.feedback
    assert (feedback.endpoint, feedback.stored, feedback.pending) == ("risk", 1, 1)


def test_who_was_not_asked_and_who_cannot_be_judged_is_said(house):
    work = house.monitor()
    report = work.report.make(None, DAY_S)
    (section,) = report.sections
    assert "No row was counted" in section.no_drift
    assert verdict_of(report)[0] == "unknown"
    assert report.since_s == house.now_s - DAY_S
    assert "Nothing can be said yet" in page(report)


def test_a_version_without_a_profile_says_what_makes_one(house, monkeypatch):
    monkeypatch.setattr(monitoring_work, "profiles_of", lambda *_: {}.get)
    work = house.monitor()
    asked(house, work, 1, rows=50)
    (section,) = work.report.make(None, DAY_S).sections
    assert "serve-app monitor baseline" in section.no_drift


def test_endpoints_that_are_too_many_are_named(house, monkeypatch):
    monkeypatch.setattr("serve_app.serving.monitor_report.MOST_SECTIONS", 0)
    report = house.monitor().report.make(None, DAY_S)
    assert (report.sections, report.left_out) == ((), ("risk risk@1",))
    assert "risk risk@1" in page(report)


def test_a_monitor_of_a_cluster_without_endpoints_says_what_to_do(tmp_path):
    args = MonitorArgs(
        registry=str(tmp_path / "r"), state=str(tmp_path / "s"), records=str(tmp_path / "f")
    )
    work = MonitoringWork(args, Registry(args.registry), clock=lambda: NOON_S)
    work.restore()
    report = work.report.make(None, 7 * DAY_S)
    assert report.sections == ()
    assert "serve-app deploy" in page(report)


def test_longer_times_have_longer_windows(house):
    work = house.monitor()
    asked(house, work, 1)
    house.now_s += 5 * 3600
    asked(house, work, 1)
    report = work.report.make(None, 7 * DAY_S)
    heat = report.sections[0].drift.heat
    # Minutes are kept for two hours: windows of five minutes have all of it.
    assert (heat.window_s, heat.start_s, sum(heat.rows)) == (300, NOON_S, 4_000)
