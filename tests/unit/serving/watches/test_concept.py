"""Errors are watched from the request to the finding, each label once, also over restarts."""

import json
import logging

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from serve_app.config.concept import ConceptArgs
from serve_app.core.feedback import Feedback
from serve_app.engine.registration.register import Candidate
from serve_app.serving.monitoring_work import ARRIVED_S
from serve_app.serving.watches import concept
from serve_app.storage.monitor_state import MonitorState
from tests.unit.monitoring.concept import sea
from tests.unit.serving.monitor_house import NOON_S, House

AT_ONCE = 500
LATE_S = 600.0
NAMES = ("x0", "x1", "x2")


class Sea(House):
    """An endpoint whose truth changes three times, and whose model never learns again."""

    def __init__(self, folder, seed):
        features, classes = sea.stream(seed)
        self.frame = pd.DataFrame(features, columns=list(NAMES))
        self.truth = np.where(classes == 1, "yes", "no")
        learned = self.frame[: sea.LEARNED]
        fitted = LogisticRegression().fit(learned, self.truth[: sea.LEARNED])
        super().__init__(folder, Candidate("risk", fitted, learned))
        self.waiting = []

    def ask_rows(self, work, start, stop):
        """Ask for some rows, half a minute for each request, and hand over labels that are due."""
        for first in range(start, stop, AT_ONCE):
            last = min(stop, first + AT_ONCE)
            response = self.ask(self.frame[first:last])
            self.deliver(work)
            labels = json.dumps(self.truth[first:last].tolist())
            given = Feedback("risk", response.prediction_id, truth_json=labels)
            self.waiting.append((self.now_s + LATE_S, given))
            self.now_s += 30
            self.label(work)

    def label(self, work):
        due = [one for at_s, one in self.waiting if at_s <= self.now_s]
        self.waiting = [pair for pair in self.waiting if pair[0] > self.now_s]
        work.keep(due)
        # As a message that is sent twice.
        assert set(work.keep(due)) <= {"repeated"}

    def wait(self, work, wait_s=2 * LATE_S):
        """Let time go by in which labels come."""
        for _ in range(int(wait_s / 30)):
            self.now_s += 30
            self.label(work)

    def row_of(self, at_s):
        """About which row of the stream was asked then."""
        return sea.LEARNED + (at_s - NOON_S) / 30 * AT_ONCE


@pytest.fixture
def house(tmp_path):
    return Sea(tmp_path, 1)


def follow(house, work):
    house.now_s += ARRIVED_S
    work.match()
    work.watch("concept").run()


def rises(work, house, within_s=1e9):
    (one,) = work.watch("concept").report("risk", within_s)
    events = [event for event in one["changes"] if event["direction"] == "rising"]
    return sorted((house.row_of(event["at_s"]), event["stream"]) for event in events)


def test_the_changes_of_the_sea_stream_are_found_from_end_to_end(house):
    work = house.monitor()
    for start in range(sea.LEARNED, sea.ROWS, 5_000):
        house.ask_rows(work, start, start + 5_000)
        follow(house, work)
        if start == 20_000:
            work = house.monitor()
    house.wait(work)
    for _ in range(3):
        follow(house, work)
    (one,) = work.watch("concept").report("risk", 1e9)
    assert one["rows"] == {"risk@1": sea.ROWS - sea.LEARNED}
    assert (one["late"], one["left_out"]) == (0, 0)
    changes = [house.row_of(event["at_s"]) for event in one["changes"]]
    assert min(changes) >= sea.CHANGES[0] - AT_ONCE
    for change in sea.CHANGES:
        assert any(change <= at + AT_ONCE and at <= change + 1_500 for at in changes), change


def test_what_a_change_says(house):
    work = house.monitor()
    house.ask_rows(work, sea.LEARNED, 17_000)
    house.wait(work)
    follow(house, work)
    (one,) = work.watch("concept").report("risk", 1e9)
    assert one["labels_within_s"] == pytest.approx(LATE_S, abs=60)
    assert one["not_watched"] is None
    (finding, *_) = [one for one in work.findings() if one.subject == "error"]
    assert (finding.kind, finding.endpoint, finding.variants) == ("concept", "risk", "risk@1")
    assert finding.severity == "critical"
    assert "the error of risk@1 rose from 0.1" in finding.text
    shown = {(one.metric.name, *one.labels): one.value for one in work.samples()}
    assert shown["serve_app_concept_drift_detected", "risk", "risk@1", "adwin"] >= 1
    assert shown["serve_app_concept_rows", "risk", "risk@1"] == 12_000
    assert shown["serve_app_concept_late_rows", "risk"] == 0
    # The next monitor knows what stands before it has looked, and counts nothing again.
    again = house.monitor()
    assert [one.key for one in again.findings()] == [one.key for one in work.findings()]
    again.watch("concept").run()
    (same,) = again.watch("concept").report("risk", 1e9)
    assert same == one
    # Without new rows it stands until a day of predictions has gone by.
    house.now_s += 86_400
    again.watch("concept").run()
    assert again.findings() == []
    assert again.watch("concept").report("risk", 1e9)[0]["changes"] != []


def test_rows_wait_for_labels_of_earlier_ones_and_late_ones_are_counted(house):
    house.args = house.args.model_copy(update={"concept": ConceptArgs(labels_within_s=900)})
    work = house.monitor()
    house.ask_rows(work, sea.LEARNED, 7_000)
    kept_back, house.waiting = house.waiting[0], house.waiting[1:]
    follow(house, work)
    assert work.watch("concept").report("risk", 1e9)[0]["rows"] == {}
    house.wait(work)
    follow(house, work)
    (one,) = work.watch("concept").report("risk", 1e9)
    assert (one["rows"], one["late"]) == ({"risk@1": 1_500}, 0)
    work.keep([kept_back[1]])
    # An amendment of what was taken is too late as well, and no row of its own.
    house.now_s += concept.COUNT_EVERY_S
    follow(house, work)
    follow(house, work)
    (one,) = work.watch("concept").report("risk", 1e9)
    assert (one["rows"], one["late"]) == ({"risk@1": 1_500}, AT_ONCE)


def test_labels_that_are_amended_count_once(house):
    work = house.monitor()
    house.ask_rows(work, sea.LEARNED, 6_000)
    given = [one for _, one in house.waiting]
    house.wait(work)
    follow(house, work)
    follow(house, work)
    turned = json.dumps(["yes"] * AT_ONCE)
    work.keep([Feedback("risk", one.prediction_id, truth_json=turned) for one in given])
    for _ in range(2):
        house.now_s += concept.COUNT_EVERY_S
        follow(house, work)
    (one,) = work.watch("concept").report("risk", 1e9)
    assert (one["rows"], one["late"]) == ({"risk@1": 1_000}, 0)


def test_a_run_takes_a_bounded_number_of_rows(house, monkeypatch):
    monkeypatch.setattr(concept, "MAX_ROWS", 700)
    work = house.monitor()
    house.ask_rows(work, sea.LEARNED, 8_000)
    house.wait(work)
    counts = []
    for _ in range(5):
        follow(house, work)
        (one,) = work.watch("concept").report("risk", 1e9)
        counts.append(one["rows"]["risk@1"])
    # All rows of a request are taken at once.
    assert counts == [1_000, 2_000, 3_000, 3_000, 3_000]


def test_few_labels_say_nothing_of_how_late_they_come(house):
    work = house.monitor()
    work.watch("concept").run()
    (one,) = work.watch("concept").report("risk", 1e9)
    assert one["not_watched"] == "fewer than 30 labels: it is not known how late they come"
    assert work.watch("concept").report("nobody", 1e9) == []
    assert work.findings() == []


def test_numbers_are_watched_by_detectors_that_take_them(tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(4_000, 2)), columns=["a", "b"])
    truth = frame["a"] * 3 + rng.normal(size=4_000)
    fitted = LinearRegression().fit(frame[:1000], truth[:1000])
    candidate = Candidate("risk", fitted, frame[:1000], truth=truth[:1000].to_numpy())
    house = House(tmp_path, candidate)
    house.args = house.args.model_copy(
        update={"concept": ConceptArgs(detectors=("adwin", "ddm"), labels_within_s=1.0)}
    )
    work = house.monitor()
    truth[2_500:] += 4.0
    response = house.ask(frame[1_000:])
    house.deliver(work)
    house.now_s += LATE_S
    labels = json.dumps(truth[1_000:].tolist())
    work.keep([Feedback("risk", response.prediction_id, truth_json=labels)])
    follow(house, work)
    (one,) = work.watch("concept").report("risk", 1e9)
    assert one["rows"] == {"risk@1": 3_000}
    streams = {event["stream"] for event in one["changes"] if event["direction"] == "rising"}
    assert streams == {"error", "too low"}
    assert "how far answers are too low, of risk@1 rose" in " ".join(
        f.text for f in work.findings()
    )
    house.args = house.args.model_copy(update={"concept": ConceptArgs(detectors=("ddm",))})
    other = house.monitor()
    other.watch("concept").run()
    (none,) = other.watch("concept").report("risk", 1e9)
    assert "right and wrong alone" in none["not_watched"]


def test_a_detector_that_is_not_there_is_said_once_and_all_else_goes_on(house, caplog, monkeypatch):
    def missing(place):
        raise ModuleNotFoundError("no river", name="river")

    monkeypatch.setattr("serve_app.monitoring.concept.standing_at", missing)
    work = house.monitor()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            work.watch("concept").run()
    assert [record.why for record in caplog.records if "concept" in record.message] == [
        "the drift detector 'adwin' needs river: pip install 'serve-app[monitor]'"
    ]
    (one,) = work.watch("concept").report("risk", 1e9)
    assert "pip install 'serve-app[monitor]'" in one["not_watched"]
    assert list(work.watch("concept").samples()) == []


def test_no_detectors_watch_nothing(house):
    house.args = house.args.model_copy(update={"concept": ConceptArgs(detectors=())})
    work = house.monitor()
    work.watch("concept").run()
    (one,) = work.watch("concept").report("risk", 1e9)
    assert one["not_watched"] == "no detectors are chosen"


def test_a_state_that_is_damaged_is_begun_anew(house, caplog):
    MonitorState(house.args.state).save("concept: risk", {"events": 3})
    work = house.monitor()
    work.watch("concept").run()
    whys = [record.why for record in caplog.records if hasattr(record, "why")]
    assert whys == ["the state of the concept watch is not readable"] * 2
    assert work.findings() == []
