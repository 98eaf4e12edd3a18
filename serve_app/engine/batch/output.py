"""Which place the output of a job has: a folder, or one below a URL of an object store."""

from __future__ import annotations

import re
from pathlib import Path

import fsspec

from serve_app.batch.job import Job
from serve_app.engine.batch.folder import OutputFolder
from serve_app.engine.batch.objects import OutputObjects
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.errors import InvalidInput

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_STORE = "s3://"


def output_of(job: Job, name: str) -> OutputPlace:
    """The place of a job's output.

    Raises:
        InvalidInput: this process has nothing that speaks to its storage.
    """
    form = job.options.format
    if job.out.startswith(_STORE):
        try:
            return OutputObjects(job.out, name, form)
        except ImportError as error:
            raise InvalidInput(f"{job.out} cannot be used: {error}") from None
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
