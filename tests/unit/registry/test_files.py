from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from serve_app.errors import RegistryFailed
from serve_app.registry.files import Files

if TYPE_CHECKING:
    from pathlib import Path

WRITERS = 8


@pytest.fixture(params=["folder", "file", "memory", "any other filesystem"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    urls = {
        "folder": str(tmp_path / "root"),
        "file": (tmp_path / "root").as_uri(),
        "memory": f"memory://{uuid4().hex}",
        "any other filesystem": f"dir::{tmp_path.as_uri()}",
    }
    return Files(urls[request.param])


def test_a_file_is_created_once_and_stays_as_it_is(files: Files) -> None:
    assert files.create("a/b/c.bin", b"first")
    assert not files.create("a/b/c.bin", b"second")
    assert files.read("a/b/c.bin") == b"first"
    assert files.exists("a/b/c.bin")


def test_an_empty_file_is_a_file(files: Files) -> None:
    assert files.create("a/empty", b"")
    assert not files.create("a/empty", b"x")
    assert files.read("a/empty") == b""


def test_what_is_not_there_is_none_and_has_no_names(files: Files) -> None:
    assert files.read("a/b") is None
    assert not files.exists("a/b")
    assert files.names("a") == []


def test_a_folder_is_not_a_file(files: Files) -> None:
    files.create("a/b", b"")
    assert files.read("a") is None
    assert not files.exists("a")


def test_names_are_those_of_files_and_folders_and_of_nothing_left_behind(files: Files) -> None:
    files.create("a/z", b"")
    files.create("a/b/c", b"")
    files.create("a/z", b"again")
    assert files.names("a") == ["b", "z"]
    assert files.names("a/z") == []


@pytest.mark.parametrize("url", ["plain", "memory"])
def test_of_many_who_create_the_same_file_at_the_same_time_one_succeeds(
    url: str, tmp_path: Path
) -> None:
    files = Files(str(tmp_path) if url == "plain" else f"memory://{uuid4().hex}")
    together = threading.Barrier(WRITERS)

    def create(writer: int) -> bool:
        together.wait()
        return files.create("a/claim", bytes([writer]))

    with ThreadPoolExecutor(WRITERS) as pool:
        created = list(pool.map(create, range(WRITERS)))
    assert created.count(True) == 1
    assert files.read("a/claim") == bytes([created.index(True)])


def test_what_somebody_else_deleted_or_wrote_is_seen_at_once(tmp_path: Path) -> None:
    files = Files(str(tmp_path))
    files.create("a/1", b"")
    assert files.names("a") == ["1"]
    (tmp_path / "a" / "2").write_bytes(b"")
    (tmp_path / "a" / "1").unlink()
    assert files.names("a") == ["2"]


def test_a_file_that_stands_where_a_folder_should_be_is_reported_with_its_path(
    tmp_path: Path,
) -> None:
    (tmp_path / "model").write_bytes(b"")
    files = Files(str(tmp_path))
    with pytest.raises(RegistryFailed, match="the registry cannot use") as failed:
        files.create("model/1/.claim", b"")
    assert failed.value.details["path"] == str(tmp_path / "model/1/.claim")
    assert isinstance(failed.value.__cause__, OSError)


def test_a_url_that_no_filesystem_understands_is_reported_with_it() -> None:
    with pytest.raises(RegistryFailed, match="the registry cannot use nonsense://") as failed:
        Files("nonsense://somewhere")
    assert failed.value.details == {"path": "nonsense://somewhere"}


def test_others_may_read_what_was_created(tmp_path: Path) -> None:
    Files(str(tmp_path)).create("a", b"x")
    (tmp_path / "ordinary").write_bytes(b"x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "ordinary").stat().st_mode
