"""Files that a job reads: which they are, and whether they are still what they were."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import IO, Any, Literal, NamedTuple, cast

import fsspec
from fsspec.spec import AbstractBufferedFile

from serve_app.batch.away import reached
from serve_app.core.hosts import url_leads_nowhere
from serve_app.errors import Conflict, InvalidInput

Kind = Literal["parquet", "csv", "tsv", "jsonl", "cells", "document"]
"""How the rows of a file are written.

`cells` is CSV whose columns nobody has to name, and a `document` one record, whatever it holds;
no suffix stands for these two.
"""
KINDS: Mapping[str, Kind] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
DELIMITERS: Mapping[Kind, str] = {"csv": ",", "tsv": "\t", "cells": ","}
_GZIP = ".gz"
_MOST_FILES = 100_000
_BLOCK_BYTES = 1024 * 1024


class InputChanged(Conflict):
    """A file is another than it was when its job was submitted."""

    code = "input_changed"


@dataclass(frozen=True, slots=True)
class Input:
    """A file as it was when a job was submitted.

    `stamp` is what its file system says of its last change; `columns` are the names that the file
    gives its columns, None where every row names its own. `rows` are all that it has. Of one that
    is `packed` by gzip, size and digest are those of the file, and places of rows those within.
    """

    path: str
    kind: Kind
    size: int
    stamp: str
    sha256: str
    rows: int
    columns: tuple[str, ...] | None = None
    packed: bool = False

    def to_json(self) -> dict[str, Any]:
        """The file as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Input:
        """Read what `to_json` wrote."""
        columns = body["columns"]
        return cls(**{**body, "columns": None if columns is None else tuple(columns)})


@dataclass(frozen=True, slots=True)
class Place:
    """A file before it was read: where it is, how large, and when it was written."""

    path: str
    kind: Kind
    size: int
    stamp: str
    packed: bool = False


class Form(NamedTuple):
    """How the rows of a file are written, and whether all of it is packed by gzip."""

    kind: Kind
    packed: bool = False


def places(given: Sequence[str], out: str | None = None, form: Form | None = None) -> list[Place]:
    """The files that paths, folders, patterns and URLs name, each once, in order of their names.

    Of a folder all files of a known kind count, those in folders within too; names that begin
    with `_` or `.` do not, nor does what stands in the folder `out`. Where a `form` is given,
    every file is of that one, whatever its name.

    Raises:
        InvalidInput: one names nothing, or a file of no kind that is read.
    """
    known: dict[str, Place] = {}
    for text in given:
        for place in _places(text, form):
            known[place.path] = place
    if out is not None:
        known = {path: one for path, one in known.items() if not path.startswith(f"{out}/")}
    if not known:
        raise InvalidInput(f"{', '.join(given)}: there is nothing to read but what {out} holds")
    if len(known) > _MOST_FILES:
        raise InvalidInput(f"{len(known):,} files are more than {_MOST_FILES:,}; split the job")
    return [known[path] for path in sorted(known)]


@contextmanager
def unpacked(one: Input | Place) -> Iterator[IO[bytes]]:
    """The content of a file to be read from any place in it, without its gzip.

    To get to a place in one that is packed, all before it is unpacked.

    Raises:
        InvalidInput: it cannot be read; says why.
        StoreAway: its storage does not answer now.
    """
    with opened(one.path) as file:
        if not one.packed:
            yield file
            return
        try:
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=file, mode="rb"))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InvalidInput(f"{one.path} cannot be unpacked as gzip: {error}") from None


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """A file to be read from any place in it, as its bytes are stored.

    Raises:
        InvalidInput: it cannot be read; says why.
        StoreAway: its storage does not answer now.
    """
    try:
        with reached(path), fsspec.open(path, "rb") as file:
            # Files of storages read no lines of at most so many bytes.
            is_remote = isinstance(file, AbstractBufferedFile)
            yield cast("IO[bytes]", io.BufferedReader(cast("Any", file)) if is_remote else file)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None


def sha256_of(file: IO[bytes]) -> str:
    """The SHA-256 of all that comes from a file."""
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()


def check_unchanged(one: Input) -> None:
    """Return where a file is what it was when its job was submitted.

    A file that was only written again, with the same content, is.

    Raises:
        InputChanged: it is another, or gone.
        StoreAway: its storage does not answer now.
    """
    msg = f"{one.path} is another than it was when the job was submitted; submit a new job"
    try:
        (now,) = _places(one.path, Form(one.kind, one.packed))
    except (InvalidInput, ValueError) as error:
        raise InputChanged(f"{one.path} is gone; put it back, or submit a new job") from error
    if now.size != one.size:
        raise InputChanged(msg)
    if now.stamp != one.stamp:
        with opened(one.path) as file:
            if sha256_of(file) != one.sha256:
                raise InputChanged(msg)


def _places(text: str, form: Form | None = None) -> list[Place]:
    try:
        if "://" in text and url_leads_nowhere(text):
            raise InvalidInput(f"{text}: there are no files at this address; it is not asked")
        with reached(text):
            files, root = fsspec.url_to_fs(text)
            files.invalidate_cache()
            if any(sign in text for sign in "*?[") and not files.isfile(root):
                listed = files.glob(root, detail=True)
            elif files.isdir(root):
                listed = files.find(root, detail=True)
            else:
                return [_place(files, root, files.info(root), form or _form(root))]
    except FileNotFoundError:
        raise InvalidInput(f"{text}: there is no such file or folder") from None
    except (OSError, ValueError, ImportError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"{text} cannot be read: {reason}") from None
    visible = {path: info for path, info in listed.items() if _is_visible(path, root)}
    matched = [
        _place(files, path, info, one)
        for path, info in visible.items()
        if info["type"] == "file" and (one := form or _form_by_name(path)) is not None
    ]
    if not matched and form is not None:
        raise InvalidInput(f"{text} holds no file")
    if not matched:
        raise InvalidInput(f"{text} holds no file of these kinds: {_known_kinds()}")
    return matched


def _is_visible(path: str, root: str) -> bool:
    within = path.removeprefix(root).strip("/") or path.rpartition("/")[2]
    return not any(part.startswith(("_", ".")) for part in within.split("/"))


def _form(path: str) -> Form:
    form = _form_by_name(path)
    if form is None:
        raise InvalidInput(f"{path} is of no kind that a job reads: {_known_kinds()}")
    return form


def _form_by_name(path: str) -> Form | None:
    is_packed = _suffix(path) == _GZIP
    kind = KINDS.get(_suffix(without_gzip(path)))
    # Parquet packs its columns itself, and is not read from its beginning.
    return None if kind is None or (is_packed and kind == "parquet") else Form(kind, is_packed)


def without_gzip(name: str) -> str:
    """A name without the `.gz` that says how it is packed."""
    return name[: -len(_GZIP)] if name.lower().endswith(_GZIP) else name


def _known_kinds() -> str:
    return f"{', '.join(KINDS)}, and those of text packed by gzip ({_GZIP})"


def _suffix(path: str) -> str:
    name = path.rpartition("/")[2]
    return f".{name.rpartition('.')[2].lower()}" if "." in name else ""


def _place(files: Any, path: str, info: Mapping[str, Any], form: Form) -> Place:
    stamp = info.get("ETag") or info.get("mtime") or info.get("LastModified") or info.get("updated")
    where = path if "file" in _protocols(files) else files.unstrip_protocol(path)
    size, written = int(info.get("size") or 0), str(stamp or info.get("created") or "")
    return Place(where, form.kind, size, written, form.packed)


def _protocols(files: Any) -> tuple[str, ...]:
    protocol = files.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
