"""Feedback by keys, rows and lists, and what it is about, on SQLite and on PostgreSQL."""

import itertools
import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve_app.core.feedback import Feedback, Received
from serve_app.core.labelled import Coverage, Match, Miss, PredictedRow
from serve_app.storage import database, feedback_retention, revision
from serve_app.storage import feedback as feedback_store
from serve_app.storage.database import open_database
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.feedback_matcher import match_all
from serve_app.storage.feedback_standing import identity, owner_in
from serve_app.storage.place import place_of
from tests.contract.storage_writer import record_lists

WRITER = Path(__file__).with_name("storage_writer.py")
KILLS = 5
DAY_S = 86_400.0


def about(prediction_id="p-1", truth=None, at=None, **more):
    return Feedback("risk", prediction_id, truth, label_at_s=at, **more)


def by_key(key="k-1", truth=None, at=None, **more):
    return Feedback("risk", None, truth, key=key, label_at_s=at, **more)


def predicted(prediction_id="p-1", row=0, at_s=100.0, **more):
    return PredictedRow(prediction_id, row, at_s, ("a@1",), "ill", **more)


def log_of(rows):
    """A way to look rows of predictions up, as the one of the records does."""

    def find(_, ids, keys):
        return [row for row in rows if row.prediction_id in ids or row.key in keys]

    return find


def matched(store, rows, now_s=1_000.0, horizon_s=DAY_S, endpoint="risk"):
    return match_all(store, log_of(rows), endpoint, horizon_s=horizon_s, now_s=now_s)


def labels(store, endpoint="risk"):
    return [
        (one.prediction.prediction_id, one.prediction.row, one.truth, one.reward)
        for one in store.labelled(endpoint, 0.0, 1e10)
    ]


# What stands


def test_a_list_is_kept_whole_and_each_item_has_its_outcome(state):
    store = FeedbackStore(state)
    items = [
        about("p-1", "[1]"),
        about("p-1", "[1]"),
        about("p-1", reward=1.0),
        about("p-1", "[0]"),
        by_key("k-1", "[1]"),
        Feedback("risk", None, "[1]"),
        Feedback("age", "p-1", "[1]"),
    ]
    assert store.record_all(items, 5.0) == [
        "stored", "repeated", "completed", "amended", "stored", "stored", "stored"
    ]  # fmt: skip
    kept = [(one["prediction_id"], one["key"], one["truth"], one["state"]) for one in store.all()]
    assert sorted(kept, key=str) == [
        ("p-1", None, [0], "pending"),
        ("p-1", None, [1], "pending"),
        (None, "k-1", [1], "pending"),
        (None, None, [1], "unmatched"),
    ]
    assert store.record_all([], 5.0) == []


def test_what_is_said_of_a_later_time_stands_whenever_it_comes(state):
    store = FeedbackStore(state)
    assert store.record(about(truth="[1]", at=20.0), 30.0) == "stored"
    assert store.record(about(truth="[0]", at=10.0), 31.0) == "superseded"
    assert store.record(about(truth="[0]", at=10.0), 32.0) == "repeated"
    (one,) = store.page("risk", after=0, limit=9)
    assert (one["truth"], one["known_at_s"]) == ([1], 10.0)
    assert [line["truth"] for line in store.log(one["number"])] == [[1], [0]]


def test_what_is_delivered_again_after_an_amendment_does_not_undo_it(state):
    store = FeedbackStore(state)
    first = [about(truth="[1]", request_id="r-1"), about("p-2", "[1]", request_id="r-1")]
    store.record_all(first, 1.0)
    assert store.record(about(truth="[0]", request_id="r-2"), 2.0) == "amended"
    assert store.record_all(first, 3.0) == ["repeated", "repeated"]
    assert store.record(about(truth="[1]", request_id="r-3"), 4.0) == "amended"


ANN, BEN = "tenant ann: 7/ü", "tenant ben"


def gave(prediction_id, owner):
    return prediction_id.startswith(owner.split()[1].rstrip(":"))


def test_a_key_means_what_its_owner_was_given_and_nobody_elses(state):
    store = FeedbackStore(state)
    said = [by_key(truth=f"[{at}]", owner=owner) for at, owner in enumerate((ANN, BEN))]
    # What two owners say of one key is kept apart.
    assert store.record_all(said, 200.0) == ["stored", "stored"]
    assert store.record(said[1], 201.0) == "repeated"
    asked = {}

    def find(_, ids, keys):
        asked.update(keys)
        return [
            predicted("ann-old", at_s=100.0, key="k-1"),
            predicted("ben-new", at_s=150.0, key="k-1"),
        ]

    run = match_all(store, find, "risk", horizon_s=DAY_S, now_s=1_000.0, gave=gave)
    assert run.matched == 2
    assert sorted(labels(store)) == [("ann-old", 0, 0, None), ("ben-new", 0, 1, None)]
    assert asked == {"k-1": 0.0}, "rows of others may be newer, so that all are looked at"


def test_a_key_of_others_predictions_labels_nothing(state):
    store = FeedbackStore(state)
    store.record(by_key(truth="[1]", owner=BEN), 200.0)
    rows = log_of([predicted("ann-old", key="k-1")])
    run = match_all(store, rows, "risk", horizon_s=DAY_S, now_s=1_000.0, gave=gave)
    assert (run.matched, run.missed) == (0, 1)
    # Where nobody can tell whose predictions are, they are not its own.
    assert matched(store, [predicted("ben-1", key="k-1")], now_s=9_000.0).matched == 0
    # Whoever may speak of all predictions names no owner.
    store.record(by_key(truth="[0]"), 201.0)
    assert matched(store, [predicted("ann-old", key="k-1")], now_s=99_000.0).matched == 1


@pytest.mark.parametrize("key", ["k", "k" * 600, "own:x:key:y", "a\0b"])
@pytest.mark.parametrize("owner", [None, "tenant a", "principal a:b/c%", "tenant ü"])
def test_identities_tell_owners_apart(key, owner):
    said = Feedback("risk", key=key, owner=owner)
    assert owner_in(identity(said)) == owner
    others = {identity(Feedback("risk", key=key, owner=one)) for one in (None, "tenant b")}
    assert identity(said) not in others - {identity(Feedback("risk", key=key, owner=owner))}


def test_one_and_one_point_zero_are_the_same_truth(state):
    store = FeedbackStore(state)
    assert store.record(about(truth="[1]"), 1.0) == "stored"
    assert store.record(about(truth="[1.0]"), 2.0) == "repeated"


def test_rows_of_one_prediction_are_told_apart(state):
    store = FeedbackStore(state)
    items = [about("p-1", "[1]", row=row) for row in (0, 1)]
    assert store.record_all([*items, *items], 1.0) == ["stored", "stored", "repeated", "repeated"]


def test_an_id_goes_before_a_key(state):
    store = FeedbackStore(state)
    assert store.record(about("p-1", "[1]", key="k-1"), 1.0) == "stored"
    assert store.record(about("p-1", "[1]"), 2.0) == "repeated"
    assert store.record(by_key("k-1", "[1]"), 3.0) == "stored"


def test_names_of_any_length_and_with_any_character_are_kept(state):
    store = FeedbackStore(state)
    for name in ("x" * 10_000, "nul\0", "é" * 2000):
        assert store.record(about(name, "[1]"), 1.0) == "stored"
        assert store.record(about(name, "[1]"), 1.0) == "repeated"


ITEMS = st.lists(
    st.tuples(
        st.sampled_from(["p", "q", "key"]),
        st.none() | st.sampled_from(["[0]", "[1]", "[2]"]),
        st.none() | st.sampled_from([0.0, 1.0]),
    ).filter(lambda one: one[1:] != (None, None)),
    max_size=7,
)


@pytest.fixture
def store(state):
    """One for all examples: each store has connections of its own."""
    return FeedbackStore(state)


@pytest.fixture
def fresh_endpoint():
    numbers = itertools.count()
    return lambda: f"endpoint-{next(numbers)}"


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=ITEMS, data=st.data())
def test_in_whatever_order_and_however_often_it_is_delivered_the_end_is_the_same(
    store, fresh_endpoint, items, data
):
    first, second = fresh_endpoint(), fresh_endpoint()
    rows = [predicted("p"), predicted("q"), *(predicted(f"r{n}", 0, n, key="key") for n in (2, 5))]

    def delivered(endpoint, places):
        return [
            Feedback(
                endpoint, None if name == "key" else name, truth, reward,
                key="key" if name == "key" else None, label_at_s=float(place),
            )
            for place, (name, truth, reward) in ((place, items[place]) for place in places)
        ]  # fmt: skip

    store.record_all(delivered(first, range(len(items))), 100.0)
    again = data.draw(st.lists(st.sampled_from(range(len(items))), max_size=5)) if items else []
    order = data.draw(st.permutations([*range(len(items)), *again]))
    cut = data.draw(st.integers(0, len(order)))
    store.record_all(delivered(second, order[:cut]), 100.0)
    matched(store, rows, endpoint=second)
    store.record_all(delivered(second, order[cut:]), 200.0)
    # What was looked for in vain is looked for again some time later.
    for endpoint in (first, second):
        matched(store, rows, now_s=10_000.0, endpoint=endpoint)
    assert labels(store, first) == labels(store, second)
    ends = [
        sorted(
            (str(one["prediction_id"]), one["truth"], one["reward"], one["known_at_s"],
             one["state"])
            for one in store.all(endpoint)
        )
        for endpoint in (first, second)
    ]  # fmt: skip
    assert ends[0] == ends[1]


# Writers at once, and killed


def test_processes_that_write_the_same_lists_at_once_keep_everything_once(state, processes):
    processes(record_lists, (state, 0, 6), (state, 2, 6), (state, 4, 6))
    store = FeedbackStore(state)
    assert [one.total for one in store.received()] == [1000]
    counts = store.counts("risk")
    assert counts["stored"] == 1000
    assert counts["repeated"] == 800
    rows = list(store.all())
    assert sorted(one["prediction_id"] for one in rows) == sorted(
        f"p-{part}-{n}" for part in range(10) for n in range(100)
    )


def test_whoever_is_killed_keeps_whole_lists_and_all_that_was_acknowledged(tmp_path):
    state = str(tmp_path / "state")
    chance = random.Random(7)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    first, acknowledged = 0, -1
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, WRITER, state, str(first), "lists"],
            stdout=subprocess.PIPE, env=environment, text=True,
        )  # fmt: skip
        for _ in range(chance.randrange(1, 8)):
            acknowledged = int(process.stdout.readline())
        for _ in range(chance.randrange(3_000_000)):
            pass
        process.kill()
        rest = process.communicate(timeout=30)[0].split()
        acknowledged = int(rest[-1]) if rest else acknowledged
        store = FeedbackStore(state)
        names = [one["prediction_id"] for one in store.all()]
        assert len(names) == len(set(names))
        parts = {int(name.split("-")[1]) for name in names}
        assert parts >= set(range(acknowledged + 1))
        assert len(names) == 100 * len(parts)
        # The log and the counts stand with what they are about.
        assert store.counts("risk")["stored"] == len(names)
        with sqlite3.connect(tmp_path / "state" / "serve-app.db") as connection:
            assert connection.execute("SELECT COUNT(*) FROM feedback_log").fetchone() == (
                len(names),
            )
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        # The list that was under way is delivered again.
        first = acknowledged + 1


# Bounds


def test_what_is_forgotten_is_counted(state, monkeypatch):
    monkeypatch.setattr(feedback_retention, "KEPT", 5)
    store = FeedbackStore(state)
    store.record_all([about(f"p-{n}", "[1]") for n in range(8)], 1.0)
    matched(store, [predicted(f"p-{n}") for n in range(8)])
    store.record_all([about(f"p-{n}", "[1]") for n in range(8, 12)], 2.0)
    assert [one["prediction_id"] for one in store.all()] == [f"p-{n}" for n in range(7, 12)]
    assert store.counts("risk") == {
        "stored": 12, "forgotten": 7, "matched": 1, "pending": 4, "late": 0
    }  # fmt: skip
    assert labels(store) == [("p-7", 0, 1, None)]


def test_the_log_of_one_prediction_is_bounded(state, monkeypatch):
    monkeypatch.setattr(feedback_retention, "KEPT_OF_ONE", 3)
    store = FeedbackStore(state)
    for number in range(6):
        store.record(about(truth=f"[{number}]"), float(number))
    (one,) = store.page("risk", after=0, limit=9)
    assert [line["truth"] for line in store.log(one["number"])] == [[3], [4], [5]]
    assert store.counts("risk")["forgotten amendments"] == 3


def test_a_list_that_amends_one_prediction_many_times_takes_no_long_time(state):
    store = FeedbackStore(state)
    outcomes = store.record_all(
        [about(truth=f"[{n % 7}]", at=float(n), request_id="r") for n in range(5_000)], 9_000.0
    )
    assert outcomes.count("amended") == 4_999
    (one,) = store.page("risk", after=0, limit=9)
    assert len(store.log(one["number"])) == feedback_retention.KEPT_OF_ONE


# What it is about


def test_feedback_is_matched_by_id_with_all_rows_of_the_request(state):
    store = FeedbackStore(state)
    store.record(about("p-1", '["ill", null, "well"]'), 150.0)
    rows = [
        predicted("p-1", row, probabilities=(0.25, 0.75), propensity=0.5, epoch=3,
                  assignment={"salt": "s", "bucket": 7}, segments={"sex": "f"})
        for row in range(3)
    ]  # fmt: skip
    assert matched(store, rows).matched == 1
    first, second = store.labelled("risk", 0.0, 1e10)
    assert first.prediction == rows[0]
    assert (first.truth, first.delay_s, first.late) == ("ill", 50.0, False)
    assert (second.prediction.row, second.truth) == (2, "well")
    assert store.pending("risk", 9, due_s=1e9) == []


@pytest.mark.parametrize(("at", "meant"), [(150.0, "p-1"), (250.0, "p-2"), (None, "p-3")])
def test_a_key_means_the_newest_prediction_before_the_truth_was_known(state, at, meant):
    store = FeedbackStore(state)
    store.record(by_key("k-1", '"ill"', at), 350.0)
    rows = [predicted(f"p-{n}", 0, n * 100.0, key="k-1") for n in (1, 2, 3, 4)]
    assert matched(store, rows).matched == 1
    assert labels(store) == [(meant, 0, "ill", None)]


def test_a_truth_about_a_key_that_comes_later_moves_to_the_newer_prediction(state):
    store = FeedbackStore(state)
    rows = [predicted(f"p-{n}", 0, n * 100.0, key="k-1") for n in (1, 2)]
    store.record(by_key("k-1", "[1]", 150.0), 160.0)
    matched(store, rows)
    assert store.record(by_key("k-1", "[0]", 250.0), 260.0) == "amended"
    matched(store, rows)
    assert labels(store) == [("p-2", 0, 0, None)]


def test_feedback_that_was_only_said_again_stays_with_its_prediction(state):
    store = FeedbackStore(state)
    rows = [predicted(f"p-{n}", 0, n * 100.0, key="k-1") for n in (1, 2)]
    store.record(by_key("k-1", "[1]"), 150.0)
    matched(store, rows)
    assert store.record(by_key("k-1", "[1]"), 250.0) == "repeated"
    matched(store, rows)
    assert labels(store) == [("p-1", 0, 1, None)]


def test_several_items_about_one_row_make_one_label_of_the_newest(state):
    store = FeedbackStore(state)
    rows = [predicted("p-1", row, key=f"k-{row}") for row in (0, 1)]
    store.record_all(
        [
            about("p-1", "[1, 1]", 200.0),
            about("p-1", "[0]", 300.0, row=1),
            by_key("k-1", reward=0.5, at=250.0),
        ],
        400.0,
    )
    assert matched(store, rows).matched == 3
    assert labels(store) == [("p-1", 0, 1, None), ("p-1", 1, 0, 0.5)]
    summary = store.summary("risk", 0.0, 1e10, {("a@1",): 4})
    assert summary.by_variants == (Coverage(("a@1",), 4, 2, 0, 0.5, 100.0, 100.0),)


def test_what_is_not_there_is_looked_for_again_and_given_up_after_the_horizon(state):
    store = FeedbackStore(state)
    store.record_all([about("p-1", "[1]"), by_key("k-1", "[1]", 50.0)], 200.0)
    late = [predicted("p-1"), predicted("p-2", key="k-1")]
    run = matched(store, [late[1]], now_s=200.0)
    assert (run.matched, run.missed, run.unmatched) == (0, 2, 0)
    assert matched(store, late, now_s=201.0).matched == 0
    assert {one["why"] for one in store.all()} == {
        "no prediction has its id", "all predictions with its key are newer"
    }  # fmt: skip
    run = matched(store, late, now_s=300.0)
    assert (run.matched, run.missed) == (1, 1)
    run = matched(store, [], now_s=200.0 + 2 * DAY_S)
    assert (run.matched, run.unmatched) == (0, 1)
    assert [one["state"] for one in store.all()] == ["matched", "unmatched"]
    assert store.counts("risk")["given up"] == 1
    # Whoever says something else of it has it looked for again.
    assert store.record(by_key("k-1", "[0]", 120.0), 1e6) == "amended"
    assert matched(store, late, now_s=1e6).matched == 1


def test_late_labels_are_kept_and_counted(state):
    store = FeedbackStore(state)
    store.record_all([about("p-1", "[1]", 100.0 + 2 * DAY_S), about("p-2", "[1]", 150.0)], 1e6)
    run = matched(store, [predicted("p-1"), predicted("p-2")], now_s=1e6)
    assert (run.matched, run.late) == (2, 1)
    assert store.counts("risk")["late"] == 1
    assert [one.late for one in store.labelled("risk", 0.0, 1e10)] == [True, False]
    assert store.summary("risk", 0.0, 1e10, {}).by_variants[0].late == 1


@pytest.mark.parametrize(
    ("item", "why"),
    [
        (about("p-1", "[1, 0, 1]"), "its truth has 3 values, and the request had 2 rows"),
        (about("p-1", "[1]", row=2), "its prediction has no row 2"),
        (about("p-1", "[null, null]"), "its truth says nothing"),
        (Feedback("risk", None, "[1]"), "it names no prediction"),
    ],
)
def test_feedback_that_fits_no_row_is_given_up_with_its_reason(state, item, why):
    store = FeedbackStore(state)
    store.record(item, 200.0)
    matched(store, [predicted("p-1", row) for row in (0, 1)])
    (one,) = store.all()
    assert (one["state"], one["why"]) == ("unmatched", why)
    assert labels(store) == []


def test_what_changed_while_it_was_matched_waits(state):
    store = FeedbackStore(state)
    store.record(about("p-1", "[1]"), 200.0)
    (seen,) = store.pending("risk", 9, due_s=200.0)
    store.record(about("p-1", "[0]"), 201.0)
    assert store.match([Match(seen, (predicted("p-1"),)), Miss(seen, None)]) == 0
    assert labels(store) == []
    assert matched(store, [predicted("p-1")]).matched == 1
    assert labels(store) == [("p-1", 0, 0, None)]


def test_an_amendment_takes_the_place_of_a_matched_truth_at_once(state):
    store = FeedbackStore(state)
    store.record(about("p-1", "[1]"), 200.0)
    matched(store, [predicted("p-1")])
    store.record(about("p-1", "[0]"), 201.0)
    assert labels(store) == [("p-1", 0, 0, None)]


def test_labels_are_read_page_by_page(state, monkeypatch):
    monkeypatch.setattr(feedback_store, "PAGE", 2)
    store = FeedbackStore(state)
    rows = [predicted(f"p-{n}", 0, 100.0 + n // 3, key=f"k-{n}") for n in range(8)]
    several = [by_key("k-4", reward=1.0), about("p-4", row=0, reward=0.5)]
    store.record_all([*(about(f"p-{n}", f"[{n}]") for n in range(8)), *several], 200.0)
    assert matched(store, rows).matched == 10
    assert [one[2] for one in labels(store)] == list(range(8))
    within = [one.truth for one in store.labelled("risk", 101.0, 102.0)]
    assert within == [3, 4, 5]


def test_the_summary_tells_coverage_and_delay_by_variants(state):
    store = FeedbackStore(state)
    rows = [
        PredictedRow(f"p-{n}", 0, 1000.0, ("a@1",) if n < 11 else ("b@2",), 1) for n in range(12)
    ]
    store.record_all([about(f"p-{n}", "[1]", 1000.0 + n) for n in range(12)], 5000.0)
    matched(store, rows, now_s=5000.0)
    summary = store.summary("risk", 1000.0, 1001.0, {("a@1",): 22, ("c@1",): 5})
    # Of the delays 0, 1, …, 10 the median is 5, and the point nine of the way is 9.
    assert summary.by_variants == (
        Coverage(("a@1",), 22, 11, 0, 0.5, 5.0, 9.0),
        Coverage(("b@2",), 0, 1, 0, None, 11.0, 11.0),
        Coverage(("c@1",), 5, 0, 0, 0.0, None, None),
    )
    assert summary.counts == {"stored": 12, "matched": 12, "late": 0}
    assert store.summary("risk", 0.0, 1000.0, {}).by_variants == ()
    assert store.received() == [Received("risk", (), 12, 12, 0, None, 0, 12, 0)]


def test_how_late_labels_came_and_how_many_rows_have_one(state):
    store = FeedbackStore(state)
    assert store.arrivals("risk", 10) == {}
    assert store.labelled_count("risk", 0.0, 1e10) == 0
    store.record_all([about("p-1", '["ill", "well"]', at=110.0), about("p-2", reward=1.0)], 130.0)
    store.record_all([about("p-3", '["ill"]'), by_key("k-3", '"well"')], 150.0)
    rows = [
        predicted("p-1", 0, 100.0), predicted("p-1", 1, 100.0), predicted("p-2", 0, 101.0),
        PredictedRow("p-3", 0, 120.0, ("b@2",), "ill", key="k-3"),
    ]  # fmt: skip
    matched(store, rows)
    # By when they were received, whenever they were known; a row that is labelled twice is one.
    assert store.arrivals("risk", 10) == {("a@1",): [30.0, 30.0], ("b@2",): [30.0, 30.0]}
    assert store.arrivals("risk", 3) == {("a@1",): [30.0], ("b@2",): [30.0, 30.0]}
    assert store.labelled_count("risk", 0.0, 1e10) == 3
    assert store.labelled_count("risk", 100.0, 120.0) == 2
    assert store.labelled_count("risk", 120.5, 1e10) == 0


def test_nothing_is_there_before_anything_is_kept(state, tmp_path):
    store = FeedbackStore(state)
    assert store.pending("risk", 9, due_s=0.0) == []
    assert store.match([]) == 0
    assert labels(store) == []
    assert store.summary("risk", 0.0, 1.0, {}).by_variants == ()
    assert store.counts("risk") == {}
    assert store.log(1) == []


# Databases of former versions


def add_old_rows(connection):
    for number, name, truth, reward in (
        (1, "'p-1'", "'[1]'", "NULL"), (4, "'p-2'", "NULL", "0.5"), (5, "NULL", "'[0]'", "NULL"),
    ):  # fmt: skip
        connection.exec_driver_sql(
            "INSERT INTO feedback (number, endpoint, prediction_id, variants, truth, reward, "
            "request_id, received_at_s, written_bytes) VALUES "
            f"({number}, 'risk', {name}, '[\"a@1\"]', {truth}, {reward}, 'r', {number}0.0, 100)"
        )


@pytest.fixture
def old(state, monkeypatch):
    """A database as the version before made it, with feedback in it."""
    steps = Path(revision.__file__).parent / "migrations"

    def to_first(connection):
        config = Config()
        config.set_main_option("script_location", str(steps))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    with monkeypatch.context() as before:
        before.setattr(revision, "upgrade", to_first)
        before.setattr(revision, "KNOWN", ("0001",))
        before.setattr(database.takeover, "fill", lambda *_: None)
        open_database(place_of(state), lambda: 0.0).write(add_old_rows)
    return state


def test_an_old_database_is_read_as_it_is(old):
    store = FeedbackStore(old)
    assert [(one["prediction_id"], one["truth"], one["state"]) for one in store.all()] == [
        ("p-1", [1], "pending"), ("p-2", None, "pending"), (None, [0], "pending")
    ]  # fmt: skip
    assert store.received() == [Received("risk", ("a@1",), 3, 2, 1, 0.5, 3)]
    assert store.counts("risk") == {}
    assert store.pending("risk", 9, due_s=1e9) == []


def test_an_old_database_is_upgraded_with_all_that_is_in_it(old):
    store = FeedbackStore(old)
    before = [
        (one["number"], one["prediction_id"], one["truth"], one["reward"], one["received_at_s"])
        for one in store.page(None, after=0, limit=9)
    ]
    assert store.record(about("p-1", "[1]"), 100.0) == "repeated"
    assert store.record(about("p-2", "[1]", 30.0), 100.0) == "completed"
    assert store.record(about("p-3", "[1]"), 100.0) == "stored"
    rows = store.page(None, after=0, limit=9)
    after = [
        (one["number"], one["prediction_id"], one["truth"], one["reward"], one["received_at_s"])
        for one in rows
    ]
    assert after == [
        before[0],
        (4, "p-2", [1], 0.5, 40.0),
        before[2],
        (6, "p-3", [1], None, 100.0),
    ]
    assert [line["outcome"] for line in store.log(4)] == ["stored", "completed"]
    assert store.counts("risk") == {
        "stored": 4, "repeated": 1, "completed": 1, "pending": 3, "unmatched": 1, "late": 0
    }  # fmt: skip
    assert matched(store, [predicted("p-1", at_s=1.0)]).matched == 1


def test_old_rows_and_new_ones_have_numbers_of_their_own(old):
    store = FeedbackStore(old)
    store.record_all([about(f"p-{n}", "[1]") for n in range(10)], 1.0)
    numbers = [one["number"] for one in store.page(None, after=0, limit=99)]
    assert numbers == [1, 4, *range(5, 14)]
