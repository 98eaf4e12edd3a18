"""The output of a job in an object store, in which every shard is committed once.

An attempt is written on this machine and sent whole below `_tmp`. Then one object under `_commits`
is created, on the condition that there is none (If-None-Match): of several attempts one can create
it. It names that attempt, the rows and the digests. Whoever sees it lets the store copy the objects
of the attempt that it names to their places, which changes nothing where they are there.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import fsspec

from serve_app.batch.committed import Committed
from serve_app.batch.job import SUFFIXES, Format
from serve_app.engine.batch.folder import COMMITS, JOB, MANIFEST, QUARANTINE, SUCCESS, TMP, part
from serve_app.errors import ConfigError, Conflict
from serve_app.registry.files import creation_on


class OutputObjects:
    """The objects of one job's output below a URL; raises OSError where the store refuses."""

    def __init__(self, url: str, job: str, form: Format) -> None:
        self.root = url
        self._job = job
        self._suffix = SUFFIXES[form]
        self._files, below = fsspec.url_to_fs(url)
        self._below = below.rstrip("/")
        self._create = creation_on(self._files)

    def claim(self) -> None:
        """Make the place this job's.

        Raises:
            Conflict: it holds other objects, or another job's output.
            ConfigError: the store replaces objects whose creation was to fail.
        """
        self._require_ours()
        content = json.dumps({"job": self._job}).encode() + b"\n"
        if not self._created(JOB, content):
            self._require_ours()
        elif self._created(JOB, content):
            self._remove(JOB)
            msg = (
                f"{self.root}: this store does not know conditional writes (If-None-Match), so "
                "that a shard could be committed twice; write to a folder, or to another store"
            )
            raise ConfigError(msg)

    def is_claimed(self) -> bool:
        """Whether the place is this job's."""
        try:
            owner = json.loads(self._read(JOB) or b"null")
        except ValueError:
            return False
        return bool(owner == {"job": self._job})

    def temporary(self, shard: int, attempt: int) -> tuple[Path, Path]:
        """Where an attempt writes its output and its quarantine, on this machine."""
        folder, name = self._scratch, f"{part(shard)}.{attempt}"
        return folder / f"{name}{self._suffix}", folder / f"{name}.quarantine.jsonl"

    def output_name(self, shard: int) -> str:
        """What the output of a shard is called."""
        return f"{part(shard)}{self._suffix}"

    def quarantine_name(self, shard: int) -> str:
        """What its quarantine is called."""
        return f"{QUARANTINE}/{part(shard)}.jsonl"

    def commit(self, mine: Committed) -> Committed:
        """Commit a shard whose files are whole; gives whose attempt was the first.

        Raises:
            ConfigError: a former commit cannot be read.
        """
        for written in self.temporary(mine.shard, mine.attempt):
            if written.exists():
                name = f"{TMP}/{written.name}"
                with self._named(name) as path:
                    self._files.put_file(str(written), path)
                written.unlink()
        if not self._created(_commit(mine.shard), mine.encode()):
            kept = self.committed(mine.shard)
            assert kept is not None  # noqa: S101 - nobody removes a commit while a job runs
            mine = kept
        self.settle(mine)
        return mine

    def committed(self, shard: int) -> Committed | None:
        """What was committed of a shard; none where nothing was.

        Raises:
            ConfigError: it cannot be read, or is another job's.
        """
        content = self._read(_commit(shard))
        if content is None:
            return None
        where = f"{self.root}/{_commit(shard)}"
        try:
            done = Committed.decode(content)
        except ValueError as error:
            raise ConfigError(f"{where} is damaged ({error}); remove it, and resume") from None
        if done.job != self._job:
            raise ConfigError(f"{where} is of another job, {done.job}; write somewhere else")
        return done

    def settle(self, done: Committed) -> bool:
        """Put the objects of a committed shard in their places; whether all are there then."""
        output, quarantine = self.temporary(done.shard, done.attempt)
        targets = [(output.name, self.output_name(done.shard), done.output.size)]
        if done.quarantine is not None:
            name = self.quarantine_name(done.shard)
            targets.append((quarantine.name, name, done.quarantine.size))
        placed = [self._placed(*one) for one in targets]
        return all(placed)

    def discard(self, shard: int) -> None:
        """Forget what was committed of a shard, since its objects are gone or changed."""
        for name in (_commit(shard), self.output_name(shard), self.quarantine_name(shard), SUCCESS):
            self._remove(name)

    def sweep(self, shard: int | None = None) -> None:
        """Remove what attempts left behind: of one shard, or of all."""
        start = "" if shard is None else f"{part(shard)}."
        for name in self._names(TMP):
            if name.startswith(start):
                self._remove(f"{TMP}/{name}")
        for file in self._scratch.glob(f"{start}*"):
            file.unlink(missing_ok=True)

    def finish(self, manifest: dict[str, Any]) -> None:
        """Say that the output is whole: first what it holds, then that it does."""
        body = (json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
        for name, content in ((MANIFEST, body), (SUCCESS, b"")):
            with self._named(name) as path:
                self._files.pipe_file(path, content)

    def is_finished(self) -> bool:
        """Whether the output is whole."""
        return self._size(SUCCESS) >= 0 and self._size(MANIFEST) >= 0

    @cached_property
    def _scratch(self) -> Path:
        folder = tempfile.mkdtemp(prefix=f"serve-app-{self._job}-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return Path(folder)

    def _require_ours(self) -> None:
        content = self._read(JOB)
        if content is None:
            names = self._names("")
            if not names:
                return
            msg = f"{self.root} holds other objects, such as {names[0]}; name an empty place"
            raise Conflict(msg)
        try:
            owner = json.loads(content).get("job")
        except (ValueError, AttributeError):
            owner = "nobody knows which"
        if owner != self._job:
            msg = (
                f"{self.root} holds the output of another job ({owner}): other rows, another "
                "version or other options; name another place"
            )
            raise Conflict(msg)

    def _placed(self, temporary: str, name: str, size: int) -> bool:
        if self._size(name) != size:
            with self._named(name) as path, suppress(FileNotFoundError):
                self._files.cp_file(f"{self._below}/{TMP}/{temporary}", path)
        return self._size(name) == size

    def _created(self, name: str, content: bytes) -> bool:
        with self._named(name) as path:
            return self._create(self._files, path, content)

    def _read(self, name: str) -> bytes | None:
        with self._named(name) as path:
            try:
                content: bytes = self._files.cat_file(path)
            except FileNotFoundError:
                return None
        return content

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
            yield path
        except OSError:
            raise
        except Exception as error:
            raise OSError(f"{self.root} cannot be used: {path}: {error}") from error


def _commit(shard: int) -> str:
    return f"{COMMITS}/{part(shard)}.json"
