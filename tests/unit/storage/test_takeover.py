"""What former versions kept in two files comes into the one database, once and whole."""

import sqlite3

import pytest

from serve_app.core.feedback import Feedback, Received
from serve_app.storage import takeover
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.snapshots import SnapshotStore

SNAPSHOTS = """
CREATE TABLE snapshots (version INTEGER PRIMARY KEY, declaration TEXT NOT NULL, body TEXT NOT NULL)
"""
FEEDBACK = """
CREATE TABLE feedback (
    number INTEGER PRIMARY KEY AUTOINCREMENT, endpoint TEXT NOT NULL, prediction_id TEXT,
    variants TEXT NOT NULL, truth TEXT, reward REAL, request_id TEXT NOT NULL,
    received_at_s REAL NOT NULL, UNIQUE (endpoint, prediction_id)
)
"""
ROWS = [(n, "risk", f"p-{n}", '["a@1"]', '["ill"]', 0.5, "r", float(n)) for n in range(1, 6)]


@pytest.fixture
def state(tmp_path):
    """A folder as a former version left it, killed before it could tidy up."""
    for name, table, insert, rows in (
        ("snapshots", SNAPSHOTS, "INSERT INTO snapshots VALUES (?, ?, ?)",
         [(7, "hash", '{"version": 7}'), (8, "hash", '{"version": 8}')]),
        ("feedback", FEEDBACK, f"INSERT INTO feedback VALUES ({', '.join('?' * 8)})", ROWS),
    ):  # fmt: skip
        connection = sqlite3.connect(tmp_path / f"{name}.sqlite")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(table)
        connection.executemany(insert, rows)
        connection.commit()
        # What is only in the write-ahead log counts as well.
        copies = {path: path.read_bytes() for path in tmp_path.glob(f"{name}.sqlite*")}
        connection.close()
        for path, content in copies.items():
            path.write_bytes(content)
    return tmp_path


def names(folder):
    return sorted(
        path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm"))
    )


def test_before_anything_is_written_the_former_files_are_read(state):
    assert SnapshotStore(str(state)).latest() == {"version": 8}
    assert FeedbackStore(str(state)).received() == [
        Received("risk", ("a@1",), 5, 5, 5, 0.5, pending=5)
    ]
    assert names(state) == ["feedback.sqlite", "snapshots.sqlite"]


def test_the_first_write_takes_everything_over(state):
    store = FeedbackStore(str(state))
    before = list(store.all())
    assert store.record(Feedback("risk", "p-6", reward=1.0), 6.0) == "stored"
    assert store.record(Feedback("risk", "p-1", reward=0.5), 6.0) == "repeated"
    assert list(store.all())[:5] == before
    assert [one["prediction_id"] for one in store.all()] == [f"p-{n}" for n in range(1, 7)]
    assert SnapshotStore(str(state)).latest() == {"version": 8}
    assert names(state) == ["feedback.sqlite.former", "serve-app.db", "snapshots.sqlite.former"]


def test_the_former_files_stay_whole_under_their_new_names(state):
    SnapshotStore(str(state)).save(9, "hash", {"version": 9})
    connection = sqlite3.connect(state / "feedback.sqlite.former")
    assert connection.execute("SELECT * FROM feedback ORDER BY number").fetchall() == ROWS
    connection.close()


def test_a_process_that_dies_on_the_way_has_changed_nothing(state, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(takeover, "fill", die)
        with pytest.raises(KeyboardInterrupt):
            SnapshotStore(str(state)).save(9, "hash", {"version": 9})
    assert SnapshotStore(str(state)).latest() == {"version": 8}
    with monkeypatch.context() as dying:
        dying.setattr(takeover, "retire", die)
        with pytest.raises(KeyboardInterrupt):
            SnapshotStore(str(state)).save(9, "hash", {"version": 9})
    SnapshotStore(str(state)).save(9, "hash", {"version": 9})
    assert SnapshotStore(str(state)).latest() == {"version": 9}
    assert len(list(FeedbackStore(str(state)).all())) == 5
    assert "feedback.sqlite.former" in names(state)


def test_a_damaged_former_file_is_kept_and_holds_nothing_up(state, caplog):
    for path in state.glob("snapshots.sqlite-*"):
        path.unlink()
    (state / "snapshots.sqlite").write_bytes(b"no database" * 100)
    assert SnapshotStore(str(state)).latest() is None
    SnapshotStore(str(state)).save(1, "hash", {"version": 1})
    assert "former version is damaged" in caplog.text
    assert (state / "snapshots.sqlite.former").read_bytes() == b"no database" * 100
    assert len(list(FeedbackStore(str(state)).all())) == 5


def test_many_rows_are_forgotten_by_their_size_as_well(state, monkeypatch):
    from serve_app.storage import feedback_retention

    monkeypatch.setattr(feedback_retention, "KEPT_BYTES", 300)
    monkeypatch.setattr(feedback_retention, "FORGOTTEN_AT_ONCE", 1)
    store = FeedbackStore(str(state))
    store.record(Feedback("risk", "p-6", reward=1.0), 6.0)
    assert [one["prediction_id"] for one in store.all()] == ["p-4", "p-5", "p-6"]
