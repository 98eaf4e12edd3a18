"""What every store keeps, on SQLite and on a real PostgreSQL server."""

import itertools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve_app.core.access import KeyRecord
from serve_app.core.events import Event
from serve_app.core.feedback import Feedback, Received
from serve_app.errors import Conflict, RegistryFailed
from serve_app.storage import database, feedback_retention, revision, snapshot_rows
from serve_app.storage import feedback as feedback_store
from serve_app.storage.database import open_database
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.keys import KeyStore
from serve_app.storage.place import place_of
from serve_app.storage.snapshots import SnapshotStore
from serve_app.storage.tables import metadata, snapshots
from tests.contract import postgres
from tests.contract.storage_writer import body_of, claim, tell

WRITER = Path(__file__).with_name("storage_writer.py")
KILLS = 6
MAX_LINES = 12


# Snapshots


def test_nothing_is_there_before_anything_is_kept(state, tmp_path):
    assert SnapshotStore(state).latest() is None
    assert FeedbackStore(state).received() == []
    assert list(FeedbackStore(state).all()) == []
    assert EventLog(state).newest() == []
    assert list(tmp_path.iterdir()) == []


def test_the_newest_snapshot_is_read_by_whoever_comes_next(state):
    store = SnapshotStore(state)
    store.save(1, "hash", {"version": 1})
    store.save(2, "hash", {"version": 2, "text": "ü\0\ud800"})
    assert SnapshotStore(state).latest() == {"version": 2, "text": "ü\0\ud800"}


def test_a_version_is_written_once(state):
    SnapshotStore(state).save(1, "hash", {"by": "first"})
    with pytest.raises(Conflict) as caught:
        SnapshotStore(state).save(1, "hash", {"by": "second"})
    assert caught.value.details["version"] == 1
    assert SnapshotStore(state).latest() == {"by": "first"}


def test_old_snapshots_are_forgotten(state, monkeypatch):
    monkeypatch.setattr(snapshot_rows, "KEPT", 5)
    store = SnapshotStore(state)
    for version in range(1, 9):
        store.save(version, "hash", {"version": version})
    with pytest.raises(Conflict):
        store.save(4, "hash", {"version": 4})
    store.save(3, "hash", {"version": 3})
    assert store.latest() == {"version": 8}


def test_of_processes_that_begin_at_once_and_write_one_version_one_succeeds(
    state, tmp_path_factory, processes
):
    won = tmp_path_factory.mktemp("won")
    processes(claim, *[(state, 1, str(won))] * 3)
    assert len(list(won.iterdir())) == 1


# Feedback


def about(prediction_id="p-1", **more):
    return Feedback("risk", prediction_id, **{"variants": ("a@1",), "request_id": "r-1", **more})


def test_feedback_is_read_by_whoever_comes_next(state):
    store = FeedbackStore(state)
    assert store.record(about(truth_json='["krank", null, 2]', reward=0.5), 17.25) == "stored"
    assert list(FeedbackStore(state).all()) == [
        {
            "endpoint": "risk",
            "prediction_id": "p-1",
            "key": None,
            "row": None,
            "variants": ["a@1"],
            "truth": ["krank", None, 2],
            "reward": 0.5,
            "request_id": "r-1",
            "received_at_s": 17.25,
            "known_at_s": 17.25,
            "state": "pending",
            "why": "",
        }
    ]


def test_the_same_again_counts_once_and_a_new_word_takes_the_place_of_the_last(state):
    store = FeedbackStore(state)
    assert store.record(about(reward=1.0), 1.0) == "stored"
    assert store.record(about(reward=1.0), 2.0) == "repeated"
    assert store.record(about(reward=0.0, request_id="r-2"), 3.0) == "amended"
    (one,) = store.page(None, after=0, limit=9)
    assert (one["reward"], one["received_at_s"]) == (0.0, 1.0)
    log = store.log(one["number"])
    assert [(line["outcome"], line["reward"]) for line in log] == [
        ("stored", 1.0),
        ("amended", 0.0),
    ]
    assert store.counts("risk") == {
        "stored": 1, "repeated": 1, "amended": 1, "pending": 1, "late": 0
    }  # fmt: skip


@pytest.mark.parametrize("turned", [False, True])
def test_a_truth_that_comes_after_a_reward_completes_it(state, turned):
    store = FeedbackStore(state)
    parts = [{"reward": 1.0}, {"truth_json": '["ill"]'}]
    first, second = reversed(parts) if turned else parts
    assert store.record(about(**first), 1.0) == "stored"
    assert store.record(about(**second), 2.0) == "completed"
    assert store.record(about(**first, **second), 3.0) == "repeated"
    (one,) = store.all()
    assert (one["truth"], one["reward"]) == (["ill"], 1.0)


def test_ids_are_those_of_an_endpoint_and_without_one_everything_is_kept(state):
    store = FeedbackStore(state)
    assert store.record(about(reward=1.0), 1.0) == "stored"
    assert store.record(Feedback("other", "p-1", reward=1.0), 1.0) == "stored"
    for _ in range(2):
        assert store.record(about(None, reward=1.0), 1.0) == "stored"
    assert [one["endpoint"] for one in store.all()] == ["risk", "other", "risk", "risk"]


def test_it_is_counted_by_endpoint_and_variants(state):
    store = FeedbackStore(state)
    store.record(about("p-1", reward=1.0), 1.0)
    store.record(about("p-2", reward=0.5, truth_json='["ill"]'), 1.0)
    store.record(about("p-3", truth_json='["well"]', variants=("a@1", "b@2")), 1.0)
    store.record(Feedback("age", "p-1", reward=3.0), 1.0)
    assert store.received() == [
        Received("age", (), 1, 0, 1, 3.0, pending=1),
        Received("risk", ("a@1",), 2, 1, 2, 0.75, pending=2),
        Received("risk", ("a@1", "b@2"), 1, 1, 0, None, pending=1),
    ]
    assert [one.endpoint for one in store.received("age")] == ["age"]
    assert [one["prediction_id"] for one in store.all("risk")] == ["p-1", "p-2", "p-3"]


def test_the_oldest_leave_first(state, monkeypatch):
    monkeypatch.setattr(feedback_retention, "KEPT", 3)
    store = FeedbackStore(state)
    for number in range(5):
        store.record(about(f"p-{number}", reward=1.0), 1.0)
        store.record(about(f"p-{number}", reward=1.0), 1.0)
    assert [one["prediction_id"] for one in store.all()] == ["p-2", "p-3", "p-4"]


@pytest.mark.parametrize("completed", [False, True])
def test_the_oldest_leave_when_all_are_too_long(state, monkeypatch, completed):
    monkeypatch.setattr(feedback_retention, "KEPT_BYTES", 200_000)
    monkeypatch.setattr(feedback_retention, "FORGOTTEN_AT_ONCE", 5)
    store = FeedbackStore(state)
    truth = '"' + "x" * 10_000 + '"'
    for number in range(60):
        if completed:
            store.record(about(f"p-{number}", reward=1.0), 1.0)
        store.record(about(f"p-{number}", truth_json=truth), 1.0)
    left = [one["prediction_id"] for one in store.all()]
    # Each truth is kept twice: as what stands, and as it came.
    assert 5 <= len(left) <= 10
    assert store.counts("risk")["forgotten"] == 60 - len(left)
    assert left == [f"p-{number}" for number in range(60 - len(left), 60)]


def test_whoever_reads_slowly_reads_everything_page_by_page(state, monkeypatch):
    monkeypatch.setattr(feedback_store, "PAGE", 3)
    store = FeedbackStore(state)
    for number in range(7):
        store.record(about(f"p-{number}", reward=1.0), 1.0)
    reading = store.all()
    first = next(reading)
    store.record(about("p-7", reward=1.0), 1.0)
    assert [first["prediction_id"], *(one["prediction_id"] for one in reading)] == [
        f"p-{number}" for number in range(8)
    ]


def test_who_answered_may_be_told_later(state):
    store = FeedbackStore(state)
    store.record(about(reward=1.0, variants=()), 1.0)
    assert store.record(about(truth_json="1", variants=("a@1",)), 2.0) == "completed"
    (received,) = store.received()
    assert received.variants == ("a@1",)


def test_ids_may_hold_any_character(state):
    store = FeedbackStore(state)
    assert store.record(about("nul\0", truth_json='"\\u0000"', request_id="\0"), 1.0) == "stored"
    assert store.record(about("nul\0", reward=1.0), 1.0) == "completed"
    (one,) = store.all()
    assert (one["truth"], one["reward"]) == ("\0", 1.0)


SQL = [
    "'; DROP TABLE feedback; --", "' OR '1'='1", '" OR ""="', "%", "_", "p%", "p_1", "\\", "\\'",
    "a' UNION SELECT * FROM snapshots --", "$$; SELECT pg_sleep(9); $$", ":id", "%s", "%(id)s", "?",
    "E'\\x27'", "/* */", "a\0' OR 1=1", "\u02bc OR 1=1", "\U0001f600' --", "'||(SELECT 1)||'",
]  # fmt: skip


@pytest.mark.parametrize("word", SQL)
def test_words_of_sql_are_text(state, word):
    """Whatever stands in an id or a filter means itself: nothing else is found, kept or lost."""
    store, log = FeedbackStore(state), EventLog(state)
    honest = about("p-1", truth_json="1")
    assert store.record(honest, 1.0) == "stored"
    log.append(Event(1.0, "ada", "declared", "p-1"))
    assert store.record(about(word, truth_json="2", request_id=word), 2.0) == "stored"
    assert store.record(about(word, reward=1.0), 3.0) == "completed"
    assert sorted(str(one["truth"]) for one in store.all()) == ["1", "2"]
    assert list(store.all(word)) == store.received(word) == []
    log.append(Event(2.0, word, "declared", word))
    assert [one.at_s for one in log.newest(subject=as_kept(state, word))] == [2.0]
    assert log.newest(kind=word) == []
    assert len(log.newest()) == 2
    keys = KeyStore(state)
    keys.put(KeyRecord(word.replace("\0", ""), "0" * 64, word.replace("\0", ""), ("predict",)))
    assert [one.principal for one in keys.all()] == [word.replace("\0", "")]


PARTS = st.tuples(st.sampled_from(["p", "q"]), st.none() | st.just("[1]"), st.none() | st.just(2.0))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(PARTS, max_size=8))
def test_in_the_end_everything_that_was_told_is_there_once(state, fresh_endpoint, parts):
    store, endpoint = FeedbackStore(state), fresh_endpoint()
    for identity, truth, reward in parts:
        store.record(Feedback(endpoint, identity, truth, reward), 1.0)
    kept = {one["prediction_id"]: (one["truth"], one["reward"]) for one in store.all(endpoint)}
    assert kept == {
        name: (
            next(([1] for i, t, _ in parts if i == name and t is not None), None),
            next((r for i, _, r in parts if i == name and r is not None), None),
        )
        for name in {identity for identity, _, _ in parts}
    }


@pytest.fixture
def fresh_endpoint():
    numbers = itertools.count()
    return lambda: f"endpoint-{next(numbers)}"


def test_processes_may_write_at_once(state, processes):
    # Half of what one tells, another one tells too.
    processes(tell, (state, 0), (state, 10), (state, 20))
    (received,) = FeedbackStore(state).received()
    assert received.total == 40


# Events


def test_events_come_back_newest_first(state):
    log = EventLog(state)
    first = log.append(
        Event(1.5, "ada", "declared", "risk", "a new model", None, {"weights": [1, 2]})
    )
    second = log.append(Event(0.5, "bob", "weights set", "risk\0", before=0, after=[]))
    assert EventLog(state).newest() == [
        Event(0.5, "bob", "weights set", as_kept(state, "risk\0"), "", 0, [], second.id),
        Event(1.5, "ada", "declared", "risk", "a new model", None, {"weights": [1, 2]}, first.id),
    ]
    assert first.id < second.id


def as_kept(state, text):
    """PostgreSQL keeps no character 0."""
    return text.replace("\0", "␀") if state.startswith("postgresql") else text


def test_events_are_selected_by_kind_subject_and_number(state):
    log = EventLog(state)
    for number in range(6):
        kind = ("declared", "weights set")[number % 2]
        log.append(Event(float(number), "ada", kind, ("risk", "age")[number // 3]))
    times = lambda events: [event.at_s for event in events]  # noqa: E731
    assert times(log.newest(2)) == [5, 4]
    assert times(log.newest(kind="declared")) == [4, 2, 0]
    assert times(log.newest(subject="age")) == [5, 4, 3]
    assert times(log.newest(1, kind="declared", subject="risk")) == [2]
    assert log.newest(kind="removed") == []


def test_an_event_is_kept_once_by_kind_and_subject(state):
    log = EventLog(state)
    assert log.append_once(Event(1.0, "ada", "registered", "a@1\0"))
    assert not EventLog(state).append_once(Event(2.0, "bob", "registered", "a@1\0"))
    assert log.append_once(Event(3.0, "bob", "deleted", "a@1\0"))
    assert log.append_once(Event(4.0, "bob", "registered", "a@2"))
    assert [event.at_s for event in log.newest()] == [4, 3, 1]


def test_feedback_is_read_a_page_at_a_time(state):
    store = FeedbackStore(state)
    for number in range(5):
        store.record(Feedback(("risk", "age")[number == 1], f"p-{number}", "1"), float(number))
    first = store.page("risk", after=0, limit=2)
    assert [one["prediction_id"] for one in first] == ["p-0", "p-2"]
    rest = store.page("risk", after=first[-1]["number"], limit=5)
    assert [one["prediction_id"] for one in rest] == ["p-3", "p-4"]
    assert store.page("risk", after=rest[-1]["number"], limit=5) == []


# A server


@pytest.fixture
def url(server):
    with postgres.database(server) as place:
        yield place


def test_connections_that_the_server_closed_are_opened_anew(server, url):
    snapshots, feedback = SnapshotStore(url), FeedbackStore(url)
    snapshots.save(1, "hash", {"version": 1})
    feedback.record(about(reward=1.0), 1.0)
    with psycopg.connect(**server, dbname="postgres") as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE application_name = 'serve-app'"
        ).fetchall()
    assert len(ended) == 2
    snapshots.save(2, "hash", {"version": 2})
    assert snapshots.latest() == {"version": 2}
    assert feedback.record(about(reward=1.0), 1.0) == "repeated"


def test_a_server_that_refuses_is_told_in_words_without_the_password(url, caplog):
    caplog.set_level("DEBUG")
    for wrong in (url.replace("p%40ss%2Fw%3Frd", "oh%40no"), f"{url}_gone"):
        with pytest.raises(RegistryFailed, match=r"postgresql://127\.0\.0\.1:\d+/test_") as refused:
            SnapshotStore(wrong).save(1, "hash", {})
        for secret in ("p@ss", "p%40ss", "oh@no", "oh%40no"):
            assert secret not in refused.value.message
            assert secret not in caplog.text


def test_who_holds_a_row_for_long_does_not_hold_others_for_ever(server, url, monkeypatch):
    monkeypatch.setattr(database, "STATEMENT_S", 1)
    store = SnapshotStore(url)
    store.save(1, "hash", {})
    name = url.rpartition("/")[2]
    with psycopg.connect(**server, dbname=name) as connection:
        connection.execute("LOCK TABLE snapshots IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(RegistryFailed, match="timeout"):
            store.save(2, "hash", {})
    store.save(2, "hash", {})


# All of them


def test_migrations_make_the_tables_that_the_code_expects(state):
    def differences(connection):
        options = {"version_table": revision.TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, metadata)

    SnapshotStore(state).save(1, "hash", {})
    assert open_database(place_of(state), lambda: 0.0).read(snapshots, differences) == []


def _killed(state, first, lines, pause):
    """Let the writer run for so many lines, kill it a little later, and give the last number."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, WRITER, state, str(first)],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )
    kept = first - 1
    for _ in range(lines):
        line = process.stdout.readline()
        assert line, "the writer died before it was killed"
        kept = int(line)
    for _ in range(pause):
        pass
    process.kill()
    rest = process.communicate(timeout=30)[0].split()
    return int(rest[-1]) if rest else kept


def test_whoever_is_killed_while_writing_leaves_whole_rows_and_a_store_that_goes_on(state):
    chance = random.Random(13)
    version = 0
    for _ in range(KILLS):
        lines, pause = chance.randrange(MAX_LINES), chance.randrange(1_000_000)
        kept = _killed(state, version + 1, lines, pause)
        latest = SnapshotStore(state).latest()
        version = 0 if latest is None else latest["version"]
        assert version >= kept
        assert latest is None or latest == body_of(version)
        truths = {one["prediction_id"]: one["truth"] for one in FeedbackStore(state).all()}
        assert all(truth == [identity.removeprefix("p-")] for identity, truth in truths.items())
        numbers = {event.after["number"] for event in EventLog(state).newest(10_000)}
        assert set(range(1, kept + 1)) <= numbers | _gaps(numbers, kept)
        version += 1
        SnapshotStore(state).save(version, "hash", body_of(version))
        assert SnapshotStore(state).latest() == body_of(version)


def _gaps(numbers, kept):
    """What was being written at a kill may be missing, which is one number per kill at most."""
    missing = set(range(1, kept + 1)) - numbers
    assert len(missing) <= 2 * KILLS
    return missing


def test_bodies_are_kept_as_they_are(state):
    body = json.loads('{"a": 1e22, "b": 0.1, "c": -0.0, "d": [], "f": 12345678901234567}')
    SnapshotStore(state).save(1, "hash", body)
    assert repr(SnapshotStore(state).latest()) == repr(body)


# API keys


def key(identity, **more):
    return KeyRecord(identity, "ab" * 32, "billing", ("predict",), **more)


def test_keys_are_kept_together_and_replaced_by_their_ids(state):
    store = KeyStore(state)
    assert (store.all(), store.stamp()) == ([], (0, 0.0))
    store.put(key("1"), key("2"))
    before = store.stamp()
    store.put(key("2", disabled_at_s=5.0), key("3"))
    assert KeyStore(state).all() == [key("1"), key("2", disabled_at_s=5.0), key("3")]
    assert store.stamp() != before


def test_keys_of_which_one_cannot_be_kept_change_nothing(state):
    store = KeyStore(state)
    store.put(key("1"))
    with pytest.raises(RegistryFailed):
        store.put(key("1", disabled_at_s=5.0), key("2"), key("2"))
    assert store.all() == [key("1")]
