"""Puts the output of a job in the words of another system where that system's clients look.

Shards are committed in the job's own place first. Each file is put whole: on a disk by a rename,
in an object store by one upload, and again where a process died before it could say so.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO

import fsspec
import orjson

from serve_app.batch.away import reached
from serve_app.batch.committed import Committed
from serve_app.batch.job import Job
from serve_app.batch.rendering import Instances, Transform
from serve_app.core.disk import sync, sync_folder
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.errors import ServerFault
from serve_app.registry.exclusive import temporary_beside

_INVALID_ARGUMENT = 3
"""The code of google.rpc for what a client has to mend."""
_DIGITS = 4
"""So many digits have the numbers of files."""
Write = Callable[[IO[bytes]], None]


def deliver(
    job: Job, folder: OutputPlace, commits: Sequence[Committed], files: Sequence[int]
) -> None:
    """Put the output of a job where it is wanted; `files` says of each commit which it is of.

    Raises:
        ServerFault: it cannot be written there; says why.
        StoreAway: the storage does not answer now.
    """
    rendering = job.options.rendering
    try:
        if isinstance(rendering, Transform):
            with reached(rendering.destination):
                _transformed(job, rendering, folder, list(zip(files, commits, strict=True)))
        elif isinstance(rendering, Instances):
            with reached(rendering.destination):
                _predictions(rendering, folder, commits)
    except (OSError, ValueError, ImportError) as error:
        where = "" if rendering is None else rendering.destination
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"the output cannot be written below {where}: {reason}; mend that, and resume"
        raise ServerFault(msg) from error


def transformed_path(rendering: Transform, path: str) -> str:
    """Where the answers to a file of the input stand."""
    name = path.removeprefix(rendering.base).lstrip("/")
    return f"{rendering.destination.rstrip('/')}/{name}.out"


def _transformed(
    job: Job,
    rendering: Transform,
    folder: OutputPlace,
    commits: Sequence[tuple[int, Committed]],
) -> None:
    for position, one in enumerate(job.inputs):
        names = [folder.output_name(done.shard) for file, done in commits if file == position]
        _put(transformed_path(rendering, one.path), _joined(folder, names), folder.scratch)


def _predictions(rendering: Instances, folder: OutputPlace, commits: Sequence[Committed]) -> None:
    place = rendering.destination.rstrip("/")
    answered = [folder.output_name(done.shard) for done in commits if done.rows_ok]
    for number, name in enumerate(answered, 1):
        target = f"{place}/predictions_{number:0{_DIGITS}d}.jsonl"
        _put(target, _joined(folder, [name]), folder.scratch)
    failed = [folder.quarantine_name(done.shard) for done in commits if done.quarantine is not None]
    for number, name in enumerate(failed, 1):
        _put(f"{place}/errors_{number:0{_DIGITS}d}.jsonl", _errors(folder, name), folder.scratch)


def _joined(folder: OutputPlace, names: Iterable[str]) -> Write:
    def write(target: IO[bytes]) -> None:
        for name in names:
            with folder.opened(name) as source:
                shutil.copyfileobj(source, target)

    return write


def _errors(folder: OutputPlace, name: str) -> Write:
    """Instances that could not be answered, each with what is wrong as Google's systems say it."""

    def write(target: IO[bytes]) -> None:
        with folder.opened(name) as lines:
            for row in map(json.loads, lines):
                first = row["violations"][0] if row["violations"] else {"expected": row["stage"]}
                column = f"column {first['column']!r}: " if first.get("column") else ""
                seen = f", got {first['seen']}" if first.get("seen") else ""
                message = f"{column}expected {first['expected']}{seen}"
                error = {"code": _INVALID_ARGUMENT, "message": message}
                target.write(orjson.dumps({"instance": _instance(row), "error": error}) + b"\n")

    return write


def _instance(row: dict[str, object]) -> object:
    try:
        return json.loads(str(row["raw"])) if row["raw_is_whole"] else row["raw"]
    except ValueError:
        return row["raw"]


def _put(place: str, write: Write, scratch: Path) -> None:
    """Write a file that is there whole or not at all.

    To a storage elsewhere it is sent once it is whole here: what is written there as it comes is
    put there too where writing fails.
    """
    files, path = fsspec.url_to_fs(place)
    target = Path(path) if _is_local(files) else scratch / "delivered"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(target)
    try:
        with temporary.open("xb") as file:
            write(file)
        if _is_local(files):
            sync(temporary)
            temporary.replace(target)
            sync_folder(target.parent)
        else:
            files.put_file(str(temporary), path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_local(files: object) -> bool:
    protocol = getattr(files, "protocol", ())
    return "file" in ((protocol,) if isinstance(protocol, str) else protocol)
