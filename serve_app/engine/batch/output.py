"""Where the output of a job stands: a folder, or below a URL of an object store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

import fsspec

from serve_app.batch.committed import Committed
from serve_app.batch.job import Job
from serve_app.engine.batch.folder import OutputFolder
from serve_app.engine.batch.objects import OutputObjects
from serve_app.errors import InvalidInput

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_STORE = "s3://"


class OutputPlace(Protocol):
    """Takes what attempts write, and commits each shard once; raises OSError where it cannot."""

    @property
    def root(self) -> Path | str:
        """Where it is."""
        ...

    def claim(self) -> None:
        """Make the place this job's. Raises Conflict: it is another's."""
        ...

    def is_claimed(self) -> bool:
        """Whether this process sees that it is this job's."""
        ...

    def temporary(self, shard: int, attempt: int) -> tuple[Path, Path]:
        """The files into which an attempt writes its output and its quarantine."""
        ...

    def output_name(self, shard: int) -> str:
        """What the output of a shard is called."""
        ...

    def quarantine_name(self, shard: int) -> str:
        """What its quarantine is called."""
        ...

    def commit(self, mine: Committed) -> Committed:
        """Commit a shard whose files are whole; gives whose attempt was the first."""
        ...

    def committed(self, shard: int) -> Committed | None:
        """What was committed of a shard; none where nothing was."""
        ...

    def settle(self, done: Committed) -> bool:
        """Put what was committed in its place; whether all of it is there then."""
        ...

    def discard(self, shard: int) -> None:
        """Forget what was committed of a shard, since it is gone or changed."""
        ...

    def sweep(self, shard: int | None = None) -> None:
        """Remove what attempts left behind: of one shard, or of all."""
        ...

    def finish(self, manifest: dict[str, Any]) -> None:
        """Say that the output is whole."""
        ...

    def is_finished(self) -> bool:
        """Whether the output is whole."""
        ...


def output_of(job: Job, name: str) -> OutputPlace:
    """The place of a job's output."""
    form = job.options.format
    if job.out.startswith(_STORE):
        return OutputObjects(job.out, name, form)
    return OutputFolder(Path(job.out), name, form)


def place_named(out: str) -> str:
    """The place of output that is meant: a folder of this machine, or a URL of a store.

    Raises:
        InvalidInput: output cannot be written there.
    """
    plain = out.removeprefix("file://")
    if not _URL.match(plain):
        return str(Path(plain).resolve())
    if not out.startswith(_STORE) or not out.removeprefix(_STORE).strip("/"):
        msg = (
            f"{out}: output is written to a folder of this machine or to a storage that speaks "
            f"S3 ({_STORE}bucket/folder); copy it elsewhere afterwards"
        )
        raise InvalidInput(msg)
    try:
        files, below = fsspec.url_to_fs(out.rstrip("/"))
    except ImportError as error:
        raise InvalidInput(f"{out} cannot be written: {error}") from None
    named: str = files.unstrip_protocol(below)
    return named
