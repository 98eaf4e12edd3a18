"""The last snapshot is there on full and read-only disks, and beside a damaged database."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from serve_app.core.events import Event
from serve_app.core.feedback import Feedback
from serve_app.errors import RegistryFailed
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.snapshots import SnapshotStore

AT_S = 1_767_225_600.0  # 2026-01-01, midnight
GARBAGE = b"this is no database at all" * 1000


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def store(state):
    return SnapshotStore(str(state), clock=lambda: AT_S)


@pytest.fixture
def database(state, store):
    """The database file, with two snapshots in it."""
    for version in (1, 2):
        store.save(version, "hash", {"version": version})
    return state / "serve-app.db"


def sources(caplog):
    return [
        getattr(record, "source", None) for record in caplog.records if record.levelname == "INFO"
    ]


def damage(database):
    for name in ("-wal", "-shm"):
        database.with_name(database.name + name).unlink(missing_ok=True)
    database.write_bytes(GARBAGE)


def test_a_url_names_the_file(tmp_path):
    url = f"sqlite:///{tmp_path}/deep/state 1.db"
    SnapshotStore(url).save(1, "hash", {"version": 1})
    assert SnapshotStore(url).latest() == {"version": 1}
    assert (tmp_path / "deep" / "state 1.db").exists()


def test_where_a_snapshot_came_from_is_logged(database, state, caplog):
    caplog.set_level("INFO")
    assert SnapshotStore(str(state)).latest() == {"version": 2}
    assert sources(caplog) == [str(database)]


def test_beside_a_damaged_database_the_last_good_snapshot_is_read(database, state, caplog):
    damage(database)
    caplog.set_level("INFO")
    assert SnapshotStore(str(state)).latest() == {"version": 2}
    assert sources(caplog) == [f"{database}.last-snapshot"]
    assert "damaged" in caplog.text
    assert database.read_bytes() == GARBAGE


def test_a_damaged_database_is_set_aside_by_the_next_write(database, state, store, caplog):
    damage(database)
    store.save(3, "hash", {"version": 3})
    aside = state / "serve-app.db.damaged-20260101T000000Z"
    assert aside.read_bytes() == GARBAGE
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.set_aside_as == str(aside)
    (state / "serve-app.db.last-snapshot").unlink()
    assert SnapshotStore(str(state)).latest() == {"version": 3}
    with sqlite3.connect(database) as connection:
        versions = connection.execute("SELECT version FROM snapshots ORDER BY 1").fetchall()
    assert versions == [(2,), (3,)]
    connection.close()


@pytest.mark.parametrize(
    "write",
    [
        lambda state: FeedbackStore(state, clock=lambda: AT_S).record(Feedback("e"), 1.0),
        lambda state: EventLog(state, clock=lambda: AT_S).append(Event(1.0, "a", "b", "c")),
    ],
)
def test_whatever_is_written_first_begins_the_fresh_file_with_the_last_snapshot(
    database, state, write
):
    damage(database)
    write(str(state))
    (state / "serve-app.db.last-snapshot").unlink()
    assert SnapshotStore(str(state)).latest() == {"version": 2}
    assert (state / "serve-app.db.damaged-20260101T000000Z").exists()


def test_a_database_that_is_damaged_inside_is_set_aside_too(database, state, store):
    store.save(3, "hash", {"version": 3, "long": "x" * 100_000})
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    content = bytearray(database.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    damage(database)
    database.write_bytes(content)
    assert SnapshotStore(str(state)).latest()["version"] == 3
    store.save(4, "hash", {"version": 4})
    assert SnapshotStore(str(state)).latest() == {"version": 4}
    assert (state / "serve-app.db.damaged-20260101T000000Z").read_bytes() == content


def test_a_second_damaged_file_gets_a_name_of_its_own(database, state, store):
    for version in (3, 4):
        damage(database)
        store.save(version, "hash", {"version": version})
    kept = sorted(path.name for path in state.iterdir() if "damaged" in path.name)
    assert kept == [f"serve-app.db.damaged-20260101T000000Z{end}" for end in ("", "-2")]


def test_of_many_who_find_the_damage_at_once_one_sets_it_aside(database, state):
    damage(database)
    stores = [SnapshotStore(str(state), clock=lambda: AT_S) for _ in range(6)]
    together = threading.Barrier(len(stores))

    def write(number):
        together.wait()
        stores[number].save(number + 3, "hash", {"version": number + 3})

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(write, range(len(stores))))
    assert len([path for path in state.iterdir() if "damaged" in path.name]) == 1
    with sqlite3.connect(database) as connection:
        versions = connection.execute("SELECT version FROM snapshots ORDER BY 1").fetchall()
    connection.close()
    assert versions == [(version,) for version in range(2, 9)]


def test_with_nothing_left_a_damaged_database_counts_as_empty(database, state, caplog):
    damage(database)
    (state / "serve-app.db.last-snapshot").write_text("{")
    store = SnapshotStore(str(state))
    assert store.latest() is None
    assert "cannot be read" in caplog.text
    store.save(1, "hash", {"version": 1})
    assert SnapshotStore(str(state)).latest() == {"version": 1}


def test_what_a_process_has_seen_it_remembers(database, state, store, caplog):
    assert store.latest() == {"version": 2}
    damage(database)
    (state / "serve-app.db.last-snapshot").unlink()
    caplog.set_level("INFO")
    assert store.latest() == {"version": 2}
    assert sources(caplog)[-1] == "the memory of this process"


@pytest.mark.parametrize("change", [lambda text: text[:-5], lambda text: text.replace("2", "9")])
def test_a_last_good_snapshot_that_was_changed_is_not_believed(database, state, change, caplog):
    last = state / "serve-app.db.last-snapshot"
    last.write_text(change(last.read_text()))
    database.unlink()
    assert SnapshotStore(str(state)).latest() is None
    assert "last good snapshot cannot be read" in caplog.text


def test_the_newest_is_taken_wherever_it_is(database, state):
    former = database.read_bytes()
    SnapshotStore(str(state)).save(3, "hash", {"version": 3})
    database.write_bytes(former)
    assert SnapshotStore(str(state)).latest() == {"version": 3}


def test_a_body_that_is_no_json_is_passed_over(database, state, caplog):
    with sqlite3.connect(database) as connection:
        connection.execute("INSERT INTO snapshots VALUES (3, 'hash', '{\"version\"')")
    connection.close()
    assert SnapshotStore(str(state)).latest() == {"version": 2}
    assert "a stored snapshot is damaged" in caplog.text


LIMITED = """
import json, resource, sys
from serve_app.core.feedback import Feedback
from serve_app.errors import RegistryFailed
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.snapshots import SnapshotStore
# Every write of a file fails from here on, as it does on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
store = SnapshotStore(sys.argv[1])
read = [store.latest()]
try:
    store.save(3, "hash", {"version": 3})
    failure = None
except RegistryFailed as error:
    failure = error.message
read.append(store.latest())
print(json.dumps([read, failure]), flush=True)
"""


@pytest.mark.parametrize("open_elsewhere", [False, True])
def test_reading_works_where_nothing_can_be_written(database, state, open_elsewhere):
    other = sqlite3.connect(database)
    if open_elsewhere:
        other.execute("SELECT * FROM snapshots").fetchall()
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, state],
        capture_output=True, text=True, check=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    other.close()
    read, failure = json.loads(done.stdout)
    assert read == [{"version": 2}, {"version": 2}]
    assert str(database) in failure
    assert SnapshotStore(str(state)).latest() == {"version": 2}
    SnapshotStore(str(state)).save(3, "hash", {"version": 3})


@pytest.fixture
def open_folder():
    """A folder that every account may look into."""
    folder = Path(tempfile.mkdtemp(prefix="serve-app-"))
    folder.chmod(0o755)
    yield folder
    for inner in folder.iterdir():
        inner.chmod(0o755)
    shutil.rmtree(folder)


AS_NOBODY = """
import os, sys
from pathlib import Path
from serve_app.storage.sqlite_file import newest_snapshot
if os.geteuid() == 0:
    os.seteuid(65534)
print(newest_snapshot(Path(sys.argv[1]))[0])
"""


def test_reading_works_in_a_folder_that_is_read_only(open_folder):
    state = open_folder / "state"
    SnapshotStore(str(state)).save(2, "hash", {"version": 2})
    for path in (*state.iterdir(), state):
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, state / "serve-app.db"],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert done.stdout.strip() == "2", done.stderr


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RegistryFailed, match="file/state"):
        SnapshotStore(str(tmp_path / "file" / "state")).save(1, "hash", {})
    with pytest.raises(RegistryFailed, match="file"):
        FeedbackStore(str(tmp_path / "file")).record(Feedback("e"), 1.0)


def test_a_last_good_snapshot_that_cannot_be_written_stops_nobody(database, state, store, caplog):
    last = state / "serve-app.db.last-snapshot"
    last.unlink()
    last.mkdir()
    store.save(3, "hash", {"version": 3})
    assert "kept in the database alone" in caplog.text
    assert SnapshotStore(str(state)).latest() == {"version": 3}


def test_what_a_newer_version_made_is_read_and_left_alone(database, state):
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE serve_app_revision SET version_num = '9999'")
    connection.close()
    with pytest.raises(RegistryFailed, match="newer serve-app"):
        SnapshotStore(str(state)).save(3, "hash", {"version": 3})
    assert SnapshotStore(str(state)).latest() == {"version": 2}


def test_files_of_dead_writers_are_removed(database, state, store):
    left = state / ".serve-app.db.last-snapshot.0123"
    left.write_text("half")
    os.utime(left, (1, 1))
    young = state / ".serve-app.db.last-snapshot.4567"
    young.write_text("half")
    store.save(3, "hash", {"version": 3})
    assert not left.exists()
    assert young.exists()
