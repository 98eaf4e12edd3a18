"""Snapshots survive those who wrote them."""

import multiprocessing

import pytest

from serve_app.engine.state import KEPT, SqliteState
from serve_app.errors import Conflict, RegistryFailed


@pytest.fixture
def store(tmp_path):
    return SqliteState(str(tmp_path / "state"))


def test_nothing_is_there_before_anything_is_kept(store, tmp_path):
    assert store.latest() is None
    assert not (tmp_path / "state").exists()


def test_the_newest_snapshot_is_found_by_whoever_opens_the_folder_next(store, tmp_path):
    store.save(1, "hash", {"version": 1})
    store.save(2, "hash", {"version": 2, "text": "ü"})
    assert SqliteState(str(tmp_path / "state")).latest() == {"version": 2, "text": "ü"}


def test_a_version_is_written_once(store):
    store.save(1, "hash", {"by": "first"})
    with pytest.raises(Conflict) as caught:
        store.save(1, "hash", {"by": "second"})
    assert caught.value.details["version"] == 1
    assert store.latest() == {"by": "first"}


def test_old_snapshots_are_forgotten(store, tmp_path):
    for version in range(1, KEPT + 11):
        store.save(version, "hash", {"version": version})
    assert store.latest() == {"version": KEPT + 10}
    store.save(1, "hash", {"version": 1})
    assert store.latest() == {"version": KEPT + 10}


def _claim(folder, version, won):
    try:
        SqliteState(folder).save(version, "hash", {"version": version})
    except Conflict:
        return
    won.put(version)


def test_of_two_processes_that_write_one_version_one_succeeds(tmp_path):
    context = multiprocessing.get_context("spawn")
    won = context.Queue()
    processes = [context.Process(target=_claim, args=(str(tmp_path), 1, won)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert won.get(timeout=5) == 1
    assert won.empty()


def test_a_damaged_file_is_named(store, tmp_path):
    store.save(1, "hash", {"version": 1})
    path = tmp_path / "state" / "snapshots.sqlite"
    path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(RegistryFailed, match=r"snapshots\.sqlite"):
        store.latest()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RegistryFailed, match="file/state"):
        SqliteState(str(tmp_path / "file" / "state")).save(1, "hash", {})
