"""The data of subjects, from what a gateway recorded to its erasure, at every place it is kept."""

import asyncio
import json

import pytest

from serve_app.config import MonitorArgs
from serve_app.core.caller import Caller
from serve_app.core.events import Event
from serve_app.core.feedback import Feedback
from serve_app.core.messages import Payload, Request
from serve_app.errors import ConfigError, InvalidInput
from serve_app.serving.monitoring_work import ARRIVED_S
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.feedback_erasure import FeedbackErasure
from serve_app.storage.privacy.retained import subjects_of
from serve_app.storage.privacy.subject_data import SubjectData
from serve_app.storage.records.files import Files
from serve_app.storage.records.reader import Query, query
from tests.unit.serving.monitor_house import NOON_S, SETTINGS, House, people

DAY_S = 86_400.0
SUBJECT = "ada.lovelace@example.org"
OTHER = "ben"


class PrivateHouse(House):
    """A house whose rows are about somebody."""

    def __init__(self, folder, key="order_id", retain_days=None):
        secret = folder / "secret"
        secret.write_text("0123456789abcdef" * 4)
        self.settings_of_risk = {
            **SETTINGS["risk"],
            "monitoring": {"key": key},
            "privacy": {"subject": "customer_id"},
        }
        args = {
            "privacy": {
                "secret": str(secret),
                "keys": str(folder / "keys" / "keys.db"),
                "retain_days": retain_days or {},
            }
        }
        super().__init__(folder, args=args)

    @property
    def settings(self):
        return {"risk": self.settings_of_risk}

    @settings.setter
    def settings(self, _):
        """The house's own are not those of subjects."""

    def ask_about(self, subjects, tenant="", seed=1):
        frame = people(len(subjects), seed)
        columns = {name: frame[name].tolist() for name in frame}
        if self.settings["risk"]["monitoring"]["key"] == "order_id":
            columns["order_id"] = [f"order-{next(self.orders)}" for _ in subjects]
        columns["customer_id"] = list(subjects)
        caller = Caller("shop", tenant)
        request = Request("risk", Payload(columns, len(frame)), "request", caller=caller)
        response = asyncio.run(self.predictor.predict(request))
        self.now_s += 1.0
        return response, columns

    def data(self):
        subjects = subjects_of(self.args.privacy, clock=self.clock)
        files = Files(self.args.records, vault=subjects.rows)
        feedback = FeedbackErasure(self.args.state, clock=self.clock)
        return SubjectData(files, subjects.keys, subjects.rows, feedback, None)

    def rows(self):
        files = Files(self.args.records, vault=subjects_of(self.args.privacy).rows)
        return query(files, Query("risk", order="oldest")).read_all().to_pylist()

    def kept_bytes(self):
        """All that lies on the disk, but the registry."""
        places = [self.folder / "state", self.folder / "records"]
        files = [file for place in places for file in place.rglob("*") if file.is_file()]
        return b"\n".join(file.read_bytes() for file in files)


@pytest.fixture
def house(tmp_path):
    return PrivateHouse(tmp_path)


def test_the_monitor_reads_what_stands_on_the_disk_only_encrypted(house):
    work = house.monitor()
    response, asked = house.ask_about([SUBJECT, OTHER])
    house.deliver(work)
    for step in (work.save, work.compact, work.tidy):
        step()
        rows = house.rows()
        assert [row["feature_age"] for row in rows] == asked["age"]
        assert [row["value"] for row in rows] == response.answer.prediction.values.tolist()
        assert not any(text in house.kept_bytes() for text in (b"lovelace", b"order-0"))
        bare = query(Files(house.args.records), Query("risk")).read_all().to_pylist()
        assert [row["feature_age"] for row in bare] == [None, None]
        assert [row["features_kept"] for row in bare] == [False, False]


def test_feedback_finds_rows_of_subjects_by_id_and_by_key(house):
    work = house.monitor()
    response, _ = house.ask_about([SUBJECT])
    house.ask_about([OTHER])
    house.deliver(work)
    house.now_s += 100
    given = [
        Feedback("risk", response.prediction_id, truth_json='"ill"'),
        Feedback("risk", key="order-1", truth_json='"well"'),
    ]
    assert work.keep(given) == ["stored"] * 2
    house.now_s += ARRIVED_S
    work.match()
    store = FeedbackStore(house.args.state)
    assert [one["state"] for one in store.all("risk")] == ["matched", "matched"]
    assert [one.truth for one in store.labelled("risk", NOON_S, NOON_S + 60)] == ["ill", "well"]
    assert b"order-1" not in house.kept_bytes()


@pytest.mark.parametrize("is_compacted", [False, True])
def test_an_erased_subject_stays_erased_and_others_stay(house, is_compacted):
    work = house.monitor()
    first, asked = house.ask_about([SUBJECT, OTHER])
    second, _ = house.ask_about([SUBJECT])
    house.deliver(work)
    if is_compacted:
        work.save()
        work.compact()
    house.now_s += 100
    work.keep(
        [
            Feedback("risk", first.prediction_id, truth_json='"of row 1"', row=1),
            Feedback("risk", first.prediction_id, truth_json='"of row 0"', row=0),
            Feedback("risk", second.prediction_id, truth_json='"never matched"', row=7),
            Feedback("risk", key="order-2", reward=0.5),
        ]
    )
    house.now_s += ARRIVED_S
    work.match()
    data = house.data()
    before = data.export(data.whom(SUBJECT, ""))
    assert before["counts"] == {
        "records": 2, "records_readable": 2, "feedback": 2, "audit": 0,
    }  # fmt: skip
    assert before["records"][0]["feature_age"] == asked["age"][0]
    erased = data.erase(data.whom(SUBJECT, ""), house.now_s)
    assert (erased.records.rows, erased.records.readable, erased.feedback) == (2, 2, 2)
    assert erased.had_key
    for step in (lambda: None, house.monitor().compact, house.monitor().tidy):
        step()
        ages = [row["feature_age"] for row in house.rows()]
        assert ages == [None, asked["age"][1], None]
    content = house.kept_bytes()
    assert b"of row 0" not in content
    assert b"of row 1" in content
    after = house.data().export(data.whom(SUBJECT, ""))
    assert after["counts"] == {
        "records": 2, "records_readable": 0, "feedback": 0, "audit": 0,
    }  # fmt: skip
    assert after["erased_at_s"] == house.now_s
    again = house.data().erase(data.whom(SUBJECT, ""), house.now_s + 1)
    assert (again.had_key, again.records.readable, again.feedback) == (False, 0, 0)


def test_rows_that_were_on_their_way_are_kept_without_values(house):
    work = house.monitor()
    house.ask_about([SUBJECT])
    house.now_s += 10
    data = house.data()
    data.erase(data.whom(SUBJECT, ""), house.now_s)
    house.deliver(work)
    assert [row["feature_age"] for row in house.rows()] == [None]
    house.now_s += 10
    _, asked = house.ask_about([SUBJECT])
    house.deliver(work)
    assert [row["feature_age"] for row in house.rows()] == [None, asked["age"][0]]


def test_feedback_about_who_was_erased_finds_nothing(house):
    work = house.monitor()
    response, _ = house.ask_about([SUBJECT])
    house.deliver(work)
    data = house.data()
    data.erase(data.whom(SUBJECT, ""), house.now_s + 1)
    work.keep([Feedback("risk", response.prediction_id, truth_json='"ill"')])
    house.now_s += ARRIVED_S
    work.match()
    store = FeedbackStore(house.args.state)
    assert [one["state"] for one in store.all("risk")] == ["pending"]
    assert data.erase(data.whom(SUBJECT, ""), house.now_s).feedback == 1


def test_the_same_name_of_two_tenants_is_two_subjects(house):
    work = house.monitor()
    house.ask_about([SUBJECT], tenant="north")
    _, of_south = house.ask_about([SUBJECT], tenant="south")
    house.deliver(work)
    data = house.data()
    assert data.erase(data.whom(SUBJECT, "north"), house.now_s + 1).records.rows == 1
    assert [row["feature_age"] for row in house.rows()] == [None, of_south["age"][0]]


def test_feedback_by_a_key_that_is_the_subject_goes_though_no_row_is_there(tmp_path):
    house = PrivateHouse(tmp_path, key="customer_id")
    work = house.monitor()
    house.ask_about([SUBJECT])
    house.deliver(work)
    early = Feedback("risk", key=SUBJECT, truth_json='"early"', label_at_s=NOON_S - 1000)
    work.keep([early, Feedback("risk", key=OTHER, truth_json='"of ben"')])
    assert b"lovelace" not in house.kept_bytes()
    data = house.data()
    assert data.erase(data.whom(SUBJECT, ""), house.now_s + 1).feedback == 1
    assert b"early" not in house.kept_bytes()
    assert b"of ben" in house.kept_bytes()


def test_what_cannot_be_read_is_not_set_aside_in_plain(house):
    work = house.monitor()
    house.ask_about([SUBJECT])
    torn = house.packing.pack(house.recording.take())[:-20]
    with pytest.raises(InvalidInput):
        work.intake.take("gateway.a", 7, torn)
    assert b"lovelace" not in house.kept_bytes()


def test_what_is_too_old_goes_by_its_kind(tmp_path):
    days = {"predictions": 2, "feedback": 3, "events": 1}
    house = PrivateHouse(tmp_path, retain_days=days)
    work = house.monitor()
    house.ask_about([OTHER])
    house.deliver(work)
    work.keep([Feedback("risk", "p-old", truth_json='"old truth"')])
    events = EventLog(house.args.state)
    for at_s in (house.now_s, house.now_s + DAY_S):
        events.append(Event(at_s=at_s, who="ada", kind="weights", subject="risk", why=str(at_s)))
    work.save()
    work.compact()

    def left():
        work.retention.run()
        work.tidy()
        feedback = len(list(FeedbackStore(house.args.state).all()))
        return len(house.rows()), feedback, len(events.newest())

    assert left() == (1, 1, 2)
    house.now_s += 1.5 * DAY_S
    assert left() == (1, 1, 1)
    house.now_s += DAY_S
    assert left() == (0, 1, 0)
    house.now_s += DAY_S
    assert left() == (0, 0, 0)
    assert b"old truth" not in house.kept_bytes()


def test_a_secret_that_is_missing_or_short_is_refused_in_words(tmp_path):
    short = tmp_path / "short"
    short.write_text("abc")
    for file, words in ((tmp_path / "none", "cannot be read"), (short, "is too short")):
        args = MonitorArgs.model_validate({"privacy": {"secret": str(file)}})
        with pytest.raises(ConfigError, match=words):
            subjects_of(args.privacy)


def test_an_export_is_json_whatever_the_rows_hold(house):
    work = house.monitor()
    house.ask_about([SUBJECT])
    house.deliver(work)
    data = house.data()
    body = data.export(data.whom(SUBJECT, ""))
    (row,) = json.loads(json.dumps(body))["records"]
    assert row["value"] in {"ill", "well"}
    assert SUBJECT not in json.dumps(body)
