"""Registries and state stores in every kind of place."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import fsspec
import pytest

from serve_app.registry.store import Registry
from tests.contract import postgres
from tests.contract.registries import PLACES, at_noon

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=PLACES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    memory = f"memory://{uuid4().hex}"
    places = {
        "folder": str(tmp_path / "registry"),
        "file": (tmp_path / "registry").as_uri(),
        "memory": memory,
        "any other filesystem": f"dir::{memory}",
    }
    yield places[request.param]
    fs, root = fsspec.url_to_fs(memory)
    if fs.exists(root):
        fs.rm(root, recursive=True)


@pytest.fixture
def registry(url: str) -> Registry:
    return Registry(url, now=at_noon, user="ada")


@pytest.fixture
def put(url: str) -> Callable[[str, bytes | None], None]:
    """Writes (or, given none, deletes) a file behind the registry's back."""
    fs, root = fsspec.url_to_fs(url)

    def put(file: str, content: bytes | None) -> None:
        path = f"{root}/{file}"
        if content is None:
            fs.rm_file(path)
        else:
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            fs.pipe_file(path, content)

    return put


@pytest.fixture(scope="session")
def server():
    with postgres.server() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def state(request, tmp_path):
    """A place that holds nothing yet: a folder, or the URL of a server."""
    if request.param == "postgresql":
        with postgres.database(request.getfixturevalue("server")) as url:
            yield url
    else:
        yield str(tmp_path / "state")


@pytest.fixture
def processes():
    """Starts functions in processes of their own, and waits until all have ended well."""
    context = multiprocessing.get_context("spawn")

    def run(function, *arguments):
        started = [context.Process(target=function, args=one) for one in arguments]
        for process in started:
            process.start()
        for process in started:
            process.join(60)
            assert process.exitcode == 0

    return run
