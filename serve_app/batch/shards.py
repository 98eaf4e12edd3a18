"""How the files of a job are cut into shards, each of which is committed whole.

Parquet is cut between row groups; CSV between records, also where cells hold line ends; JSON
lines between lines. Text is read once from its beginning to its end for that, which gives its
digest, too.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import IO, Any

from serve_app.batch import csv_records
from serve_app.batch.away import reached
from serve_app.batch.csv_records import Record
from serve_app.batch.inputs import DELIMITERS, Input, Place, opened, sha256_of, unpacked
from serve_app.errors import InvalidInput, TooLarge

BOM = b"\xef\xbb\xbf"
MAX_LINE_BYTES = 16 * 1024 * 1024
_MOST_PACKED_SHARDS = 16
"""To begin a shard of a packed file, all before it is unpacked."""
_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Shard:
    """Rows of one file that are answered and committed together.

    `number` counts the shards of the whole job. Of text, the rows stand from byte `start` up to
    `stop`; of Parquet, in the row groups from `start` up to `stop`. `first_row` is the ordinal of
    the first of its `rows` in the file, from 0.
    """

    number: int
    file: int
    first_row: int
    rows: int
    start: int
    stop: int

    def to_json(self) -> dict[str, Any]:
        """The shard as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """The files of a job as they are now, and its shards."""

    inputs: tuple[Input, ...]
    shards: tuple[Shard, ...]

    @property
    def rows(self) -> int:
        """All rows that there are."""
        return sum(one.rows for one in self.inputs)


@dataclass(frozen=True, slots=True)
class _Cut:
    """Rows of a file that belong together, before they have a number."""

    rows: int
    start: int
    stop: int


IsHeader = Callable[[Record], bool]
"""Whether the first record of a file of `cells` is none, but names columns."""


def plan(
    places: list[Place],
    shard_rows: int,
    is_header: IsHeader | None = None,
    most_bytes: int = sys.maxsize,
) -> Plan:
    """Read files once and cut them into shards of about so many rows.

    The same files are always cut in the same way.

    Raises:
        InvalidInput: a file cannot be read, or is not what its name says.
        TooLarge: files that are packed hold more than `most_bytes` together.
    """
    inputs: list[Input] = []
    shards: list[Shard] = []
    for file, place in enumerate(places):
        if place.packed:
            most_bytes -= _check_packed(place, most_bytes)
        if place.kind == "parquet":
            one, cuts = _of_parquet(place, shard_rows)
        elif place.kind == "document":
            one, cuts = _of_document(place)
        else:
            one, cuts = _of_text(place, shard_rows, is_header)
        inputs.append(one)
        first_row = 0
        for cut in cuts:
            shards.append(Shard(len(shards), file, first_row, cut.rows, cut.start, cut.stop))
            first_row += cut.rows
    return Plan(tuple(inputs), tuple(shards))


def records_of(file: IO[bytes], one: Input, start: int, stop: int) -> Iterator[Record]:
    """The records of a text file from one byte up to another; blank lines are none.

    Raises:
        InvalidInput: a line is longer than any row.
    """
    file.seek(start)
    return _records(_lines(file, one.path, stop - start), one, start)


def _records(lines: Iterator[bytes], one: Input | Place, start: int) -> Iterator[Record]:
    if one.kind == "jsonl":
        return _of_lines(lines, start)
    return csv_records.records(lines, start, DELIMITERS[one.kind])


def header_of(record: Record | None, place: Place) -> tuple[str, ...]:
    """The names that the first record of a CSV file gives its columns, as they stand there.

    Raises:
        InvalidInput: it cannot be read, or names a column twice.
    """
    if record is None:
        raise InvalidInput(f"{place.path} is empty; the first line names the columns")
    try:
        if record.broken:
            raise ValueError(record.broken)
        names = csv_records.cells(record.content, DELIMITERS[place.kind])
    except ValueError as error:
        raise InvalidInput(f"{place.path}: the header cannot be read: expected {error}") from None
    stripped = tuple(name.strip() for name in names)
    twice = [name for name in dict.fromkeys(stripped) if stripped.count(name) > 1]
    if twice:
        raise InvalidInput(f"{place.path}: the header names {twice[0]!r} twice")
    return tuple(names)


def _check_packed(place: Place, most_bytes: int) -> int:
    """The bytes that a packed file holds, before anything else is done with them.

    Raises:
        InvalidInput: it cannot be unpacked.
        TooLarge: they are more than so many.
    """
    held = 0
    with unpacked(place) as file:
        while block := file.read(_BLOCK_BYTES):
            held += len(block)
            if held > most_bytes:
                msg = (
                    f"{place.path} unpacks to more than is left of the {most_bytes >> 20:,} MiB "
                    "that may be submitted over HTTP: use serve-app jobs submit, or several jobs"
                )
                raise TooLarge(msg)
    return held


def _of_document(place: Place) -> tuple[Input, list[_Cut]]:
    one = replace(_input(place, _digest_of(place)), rows=1)
    return one, [_Cut(1, 0, place.size)]


def _digest_of(place: Place) -> str:
    with opened(place.path) as file:
        return sha256_of(file)


def _input(place: Place, sha256: str) -> Input:
    """A file of which nothing but its digest is known yet."""
    return Input(
        place.path, place.kind, place.size, place.stamp, sha256, rows=0, packed=place.packed
    )


def _of_text(place: Place, shard_rows: int, is_header: IsHeader | None) -> tuple[Input, list[_Cut]]:
    digest = hashlib.sha256()
    with unpacked(place) as file:
        start = len(BOM) if file.read(len(BOM)) == BOM else 0
        file.seek(start)
        digest.update(BOM[:start])
        size = sys.maxsize if place.packed else place.size - start
        lines = _digested(_lines(file, place.path, size), digest)
        records = _records(lines, place, start)
        columns: tuple[str, ...] | None = None
        if place.kind == "cells":
            first = next(records, None)
            if first is not None and is_header is not None and is_header(first):
                columns = header_of(first, place)
                start = first.offset + len(first.content)
            elif first is not None:
                records = itertools.chain((first,), records)
        elif place.kind != "jsonl":
            first = next(records, None)
            columns = header_of(first, place)
            start = 0 if first is None else first.offset + len(first.content)
        cuts = list(_cuts(records, start, shard_rows))
    if place.packed:
        cuts = _joined(cuts, _MOST_PACKED_SHARDS)
    sha256 = _digest_of(place) if place.packed else digest.hexdigest()
    one = replace(_input(place, sha256), rows=sum(cut.rows for cut in cuts), columns=columns)
    return one, cuts


def _joined(cuts: list[_Cut], most: int) -> list[_Cut]:
    """Cuts that follow each other, joined to so many at most."""
    each = -(-len(cuts) // most) or 1
    parts = [cuts[at : at + each] for at in range(0, len(cuts), each)]
    return [_Cut(sum(one.rows for one in some), some[0].start, some[-1].stop) for some in parts]


def _cuts(records: Iterator[Record], start: int, shard_rows: int) -> Iterator[_Cut]:
    while True:
        rows, stop = 0, start
        for record in itertools.islice(records, shard_rows):
            rows, stop = rows + 1, record.offset + len(record.content)
        if not rows:
            return
        yield _Cut(rows, start, stop)
        start = stop


def _of_parquet(place: Place, shard_rows: int) -> tuple[Input, list[_Cut]]:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    with opened(place.path) as file:
        digest = sha256_of(file)
        file.seek(0)
        try:
            with reached(place.path):
                footer = pq.ParquetFile(file)
            groups = [footer.metadata.row_group(j).num_rows for j in range(footer.num_row_groups)]
            columns = tuple(footer.schema_arrow.names)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InvalidInput(f"{place.path} cannot be read as Parquet: {error}") from None
    cuts: list[_Cut] = []
    start = rows = 0
    for stop, more in enumerate(groups, 1):
        rows += more
        if rows >= shard_rows or stop == len(groups):
            cuts.append(_Cut(rows, start, stop))
            start, rows = stop, 0
    one = replace(_input(place, digest), rows=sum(groups), columns=columns)
    return one, [cut for cut in cuts if cut.rows]


def _lines(file: IO[bytes], path: str, size: int) -> Iterator[bytes]:
    """The lines of so many bytes."""
    left = size
    while left > 0:
        line = file.readline(MAX_LINE_BYTES)
        if not line:
            return
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            msg = f"{path} has a line of more than {MAX_LINE_BYTES >> 20} MiB: these are no rows"
            raise InvalidInput(msg)
        left -= len(line)
        yield line


def _of_lines(lines: Iterator[bytes], offset: int) -> Iterator[Record]:
    for line in lines:
        if line.strip():
            yield Record(offset, line)
        offset += len(line)


def _digested(lines: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for line in lines:
        digest.update(line)
        yield line
