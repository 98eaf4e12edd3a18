"""A gateway that starts finds the last snapshot on its machine, whatever became of the store."""

import os
import stat

import pytest

from serve_app.core.snapshot import Snapshot
from serve_app.errors import RegistryFailed
from serve_app.storage.nearby import NearbySnapshots
from serve_app.storage.snapshots import SnapshotStore


def snapshot(version):
    return Snapshot(version, "hash")


class Away:
    """A store that cannot be read."""

    def latest(self):
        raise RegistryFailed("the state store cannot be used")


class Holding:
    """A store with a snapshot, or with none."""

    def __init__(self, version=None):
        self.body = None if version is None else snapshot(version).to_json()

    def latest(self):
        return self.body


def test_what_answered_here_is_read_while_the_store_is_away(tmp_path):
    NearbySnapshots(Holding(), tmp_path, "s").keep(snapshot(7))
    assert NearbySnapshots(Away(), tmp_path, "s").latest() == snapshot(7).to_json()


def test_nothing_is_made_up_where_nothing_was_kept(tmp_path):
    with pytest.raises(RegistryFailed):
        NearbySnapshots(Away(), tmp_path, "s").latest()
    assert NearbySnapshots(Holding(), tmp_path, "s").latest() is None


@pytest.mark.parametrize(("kept", "stored", "read"), [(7, 9, 9), (9, 7, 9), (9, None, 9)])
def test_the_newest_is_taken_wherever_it_is(tmp_path, kept, stored, read):
    near = NearbySnapshots(Holding(stored), tmp_path, "s")
    near.keep(snapshot(kept))
    assert near.latest()["version"] == read


def test_each_store_has_a_file_of_its_own_that_names_no_secret(tmp_path):
    NearbySnapshots(Holding(), tmp_path, "postgresql+psycopg://me:secret@a/b").keep(snapshot(7))
    assert NearbySnapshots(Holding(), tmp_path, "other").latest() is None
    assert "secret" not in "".join(path.name for path in tmp_path.iterdir())


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path, caplog):
    near = NearbySnapshots(Holding(3), tmp_path / "missing", "s")
    near.keep(snapshot(7))
    assert "not kept on this machine" in caplog.text
    assert near.latest()["version"] == 3


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff\x00", b'{"version": 7}\n{"version": 7}'])
def test_a_damaged_file_counts_as_none(tmp_path, damage):
    NearbySnapshots(Holding(), tmp_path, "s").keep(snapshot(7))
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage)
    assert NearbySnapshots(Holding(3), tmp_path, "s").latest()["version"] == 3


def test_a_damaged_database_whose_own_copy_is_lost_too_is_made_good(tmp_path):
    state = tmp_path / "state"
    store = SnapshotStore(str(state))
    store.save(4, "hash", snapshot(4).to_json())
    near = NearbySnapshots(store, tmp_path, str(state))
    near.keep(snapshot(4))
    for file in state.iterdir():
        file.write_bytes(os.urandom(4096))
    fresh = NearbySnapshots(SnapshotStore(str(state)), tmp_path, str(state))
    assert fresh.latest() == snapshot(4).to_json()


def test_others_cannot_read_it(tmp_path, monkeypatch):
    before = os.umask(0o077)
    try:
        NearbySnapshots(Holding(), tmp_path, "s").keep(snapshot(7))
    finally:
        os.umask(before)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
