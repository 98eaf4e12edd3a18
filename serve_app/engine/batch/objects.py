"""The output of a job in an object store.

An attempt is written on this machine and sent whole below `_tmp`. What is created is sent on the
condition that there is none (If-None-Match). The store copies objects to their places.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, cast

import fsspec

from serve_app.batch.away import reached
from serve_app.batch.committed import Committed
from serve_app.batch.job import Format
from serve_app.engine.batch.output_place import JOB, TMP, OutputPlace, part
from serve_app.errors import ConfigError, ServeError
from serve_app.registry.files import creation_on


class OutputObjects(OutputPlace):
    """The objects of one job's output below a URL; raises OSError where the store refuses.

    While it does not answer, StoreAway is raised.
    """

    kind, contents = "place", "objects"
    unseen = "do all nodes of the cluster have the same AWS_ENDPOINT_URL and credentials?"

    root: str

    def __init__(self, url: str, job: str, form: Format) -> None:
        super().__init__(url, job, form)
        self._files, below = fsspec.url_to_fs(url)
        self._below = below.rstrip("/")
        self._create = creation_on(self._files)

    @cached_property
    def scratch(self) -> Path:
        """A folder of this machine that is gone with this object."""
        folder = tempfile.mkdtemp(prefix=f"serve-app-{self._job}-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def opened(self, name: str) -> IO[bytes]:
        """An object of the output, to read."""
        with self._named(name) as path:
            return cast("IO[bytes]", self._files.open(path, "rb"))

    def sweep(self, shard: int | None = None) -> None:
        """Remove what attempts left behind: of one shard, or of all."""
        start = "" if shard is None else f"{part(shard)}."
        for name in self._names(TMP):
            if name.startswith(start):
                self._remove(f"{TMP}/{name}")
        for file in self.scratch.glob(f"{start}*"):
            file.unlink(missing_ok=True)

    def _claimed(self) -> bool:
        if not super()._claimed():
            return False
        if super()._claimed():
            self._remove(JOB)
            msg = (
                f"{self.root}: this store does not know conditional writes (If-None-Match), so "
                "that a shard could be committed twice; write to a folder, or to another store"
            )
            raise ConfigError(msg)
        return True

    def _bring(self, mine: Committed) -> None:
        for written in self.temporary(mine.shard, mine.attempt):
            if written.exists():
                with self._named(f"{TMP}/{written.name}") as path:
                    self._files.put_file(str(written), path)
                written.unlink()

    def _placed(self, temporary: str, name: str, size: int) -> bool:
        if self._size(name) != size:
            with self._named(name) as path, suppress(FileNotFoundError):
                self._files.cp_file(f"{self._below}/{TMP}/{temporary}", path)
        return self._size(name) == size

    def _others(self) -> list[str]:
        return self._names("")

    def _read(self, name: str) -> bytes | None:
        with self._named(name) as path:
            try:
                content: bytes = self._files.cat_file(path)
            except FileNotFoundError:
                return None
        return content

    def _created(self, name: str, content: bytes) -> bool:
        with self._named(name) as path:
            return self._create(self._files, path, content)

    def _replace(self, name: str, content: bytes) -> None:
        with self._named(name) as path:
            self._files.pipe_file(path, content)

    def _remove(self, name: str) -> None:
        with self._named(name) as path, suppress(FileNotFoundError):
            self._files.rm_file(path)

    def _size(self, name: str) -> int:
        with self._named(name) as path:
            try:
                return int(self._files.info(path)["size"])
            except FileNotFoundError:
                return -1

    def _names(self, folder: str) -> list[str]:
        with self._named(folder) as path:
            try:
                listed = self._files.ls(path, detail=False)
            except FileNotFoundError:
                return []
        names = sorted(one.rstrip("/").rpartition("/")[2] for one in listed)
        return [name for name in names if name != path.rpartition("/")[2]]

    @contextmanager
    def _named(self, name: str) -> Iterator[str]:
        """The path of an object; what a store's own library raises names it."""
        path = f"{self._below}/{name}".rstrip("/")
        self._files.invalidate_cache()
        try:
            with reached(self.root):
                yield path
        except (OSError, ServeError):
            raise
        except Exception as error:
            raise OSError(f"{self.root} cannot be used: {path}: {error}") from error
