"""Registries and state on file systems that know no hard links."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from serve_app.errors import RegistryFailed
from serve_app.registry import exclusive
from serve_app.registry.exclusive import STALE_S
from serve_app.registry.files import Files
from serve_app.storage.snapshots import SnapshotStore

REFUSALS = ("EPERM", "EOPNOTSUPP", "ENOTSUP", "ENOSYS", "EMLINK", "EINVAL", "EXDEV", "EACCES")
WRITERS = 8


def without_links(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    number = getattr(errno, name)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize("name", REFUSALS)
def test_a_file_is_created_once_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    without_links(monkeypatch, name)
    files = Files(str(tmp_path))
    assert files.create("a/b", b"first")
    assert not files.create("a/b", b"second")
    assert files.read("a/b") == b"first"
    assert files.names("a") == ["b"]


@pytest.mark.parametrize("name", REFUSALS)
def test_the_state_store_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    without_links(monkeypatch, name)
    SnapshotStore(str(tmp_path / "state")).save(1, "hash", {"version": 1})
    SnapshotStore(str(tmp_path / "state")).save(2, "hash", {"version": 2})
    assert SnapshotStore(str(tmp_path / "state")).latest() == {"version": 2}
    assert not [path for path in (tmp_path / "state").iterdir() if path.name.startswith(".")]


def test_of_many_who_create_the_same_file_at_the_same_time_one_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch, "EPERM")
    files = Files(str(tmp_path))
    for turn in range(20):
        together = threading.Barrier(WRITERS)

        def create(writer: int, turn: int = turn, together: threading.Barrier = together) -> bool:
            together.wait()
            return files.create(f"a/{turn}", bytes([writer]))

        with ThreadPoolExecutor(WRITERS) as pool:
            created = list(pool.map(create, range(WRITERS)))
        assert created.count(True) == 1
        assert files.read(f"a/{turn}") == bytes([created.index(True)])
    assert files.names("a") == sorted(str(turn) for turn in range(20))


def test_a_reservation_of_somebody_who_died_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch, "EPERM")
    reservation = tmp_path / ".claim.reserved"
    reservation.touch()
    long_ago = reservation.stat().st_mtime - 2 * STALE_S
    os.utime(reservation, (long_ago, long_ago))
    assert Files(str(tmp_path)).create("claim", b"mine")
    assert (tmp_path / "claim").read_bytes() == b"mine"
    assert not reservation.exists()


def reserved(folder: Path, *, by: str, seconds_ago: float) -> Path:
    """A reservation of `claim` with the file of somebody, made some seconds ago."""
    reservation = folder / ".claim.reserved"
    reservation.mkdir()
    file = reservation / by
    file.write_bytes(by.encode())
    made_s = file.stat().st_mtime - seconds_ago
    os.utime(file, (made_s, made_s))
    return reservation


def test_the_file_of_somebody_who_died_with_the_name_is_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch, "EPERM")
    reservation = reserved(tmp_path, by="dead", seconds_ago=2 * STALE_S)
    assert Files(str(tmp_path)).create("claim", b"mine")
    assert (tmp_path / "claim").read_bytes() == b"mine"
    assert (tmp_path / "dead").read_bytes() == b"dead"
    assert not reservation.exists()


def test_who_holds_a_name_that_was_looked_at_as_another_s_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two see a dead one; the first takes its place before the second has acted on it."""
    without_links(monkeypatch, "EPERM")
    reservation = reserved(tmp_path, by="dead", seconds_ago=2 * STALE_S)
    mine = tmp_path / "mine"
    mine.touch()
    looked: list[list[Path]] = []
    real = Path.iterdir

    def overtaken(folder: Path) -> Any:
        seen = list(real(folder))
        if folder == reservation and not looked:
            looked.append(seen)
            # Meanwhile another one takes the dead one's file away and holds the name itself.
            seen[0].rename(tmp_path / "dead")
            (reservation / "living").write_bytes(b"living")
        return seen

    monkeypatch.setattr(Path, "iterdir", overtaken)
    exclusive._wait(reservation, mine)
    assert looked
    assert [one.name for one in real(reservation)] == ["living"]


def test_who_was_taken_for_dead_and_comes_back_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch, "EPERM")
    stood_still: list[Path] = []
    real = Path.rename

    def rename(file: Path, to: Path) -> Path:
        if to == tmp_path / "claim" and not stood_still:
            stood_still.append(file)
            long_ago = file.stat().st_mtime - 2 * STALE_S
            os.utime(file, (long_ago, long_ago))
            assert Files(str(tmp_path)).create("claim", b"another's")
        return real(file, to)

    monkeypatch.setattr(Path, "rename", rename)
    assert not Files(str(tmp_path)).create("claim", b"mine")
    assert stood_still
    assert [one.name for one in tmp_path.iterdir()] == ["claim"]
    assert (tmp_path / "claim").read_bytes() == b"another's"


def test_what_is_wrong_besides_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_links(monkeypatch, "EPERM")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(RegistryFailed, match="No space left on device"):
        Files(str(tmp_path)).create("claim", b"mine")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_synchronised_is_no_reason_to_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def refuse(descriptor: int) -> None:
        if os.fstat(descriptor).st_mode & 0o040000:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", refuse)
    assert Files(str(tmp_path)).create("a/claim", b"mine")
