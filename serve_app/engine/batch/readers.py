"""The rows of a shard, block by block: CSV and JSON lines here, Parquet in `parquet_rows`.

Cells become values by the rules by which bodies of requests do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from serve_app.batch import csv_records
from serve_app.batch.bad_rows import BadRow, Broken
from serve_app.batch.csv_records import Record
from serve_app.batch.inputs import DELIMITERS, Input, unpacked
from serve_app.batch.shards import Shard, records_of
from serve_app.core.messages import MISSING
from serve_app.core.signature import Column
from serve_app.engine.batch.block import Block, Wanted
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.bodies import delimited, json_body


def blocks(one: Input, shard: Shard, wanted: Wanted, batch_rows: int) -> Iterator[Block]:
    """The rows of a shard, so many at a time.

    Raises:
        InvalidInput: the file cannot be read.
    """
    if one.kind == "parquet":
        from serve_app.engine.batch import parquet_rows  # noqa: PLC0415 - pyarrow is an extra

        yield from parquet_rows.blocks(one, shard, wanted, batch_rows)
        return
    read = _of_lines if one.kind == "jsonl" else _of_csv
    with unpacked(one) as file:
        records = records_of(file, one, shard.start, shard.stop)
        first_row = shard.first_row
        while some := list(itertools.islice(records, batch_rows)):
            yield read(some, one, first_row, wanted)
            first_row += len(some)


def _of_csv(records: list[Record], one: Input, first_row: int, wanted: Wanted) -> Block:
    names = one.columns or ()
    delimiter = DELIMITERS[one.kind]
    rows: list[list[str]] = []
    bad: list[BadRow] = []
    good: list[int] = []
    for place, record in enumerate(records):
        try:
            if record.broken is not None:
                raise ValueError(record.broken)
            cells = csv_records.cells(record.content, delimiter)
            if len(cells) != len(names):
                lines = record.content.count(b"\n", 0, -1)
                msg = f"{len(names)} cells, as the header has; there are {len(cells)}"
                raise ValueError(f"{msg} in {lines + 1} lines" if lines else msg)
        except ValueError as error:
            bad.append(_unreadable(record, one, first_row + place, str(error)))
            continue
        rows.append(cells)
        good.append(place)
    by_name = dict(zip(names, zip(*rows, strict=True), strict=True)) if rows else {}
    columns = {
        column.name: cell_values(by_name.get(column.name, ()), column) for column in wanted.columns
    }
    kept = {name: list(by_name.get(name, ())) for name in wanted.kept}
    return _block(records, good, first_row, (columns, kept), bad)


def cell_values(texts: Sequence[str], column: Column) -> list[Any]:
    """Cells of CSV as values of a column; what is none stays text, which the schema refuses."""
    if not column.is_numeric:
        return [None if text == "" else text for text in texts]
    if column.dtype != "bool" and not any("_" in text for text in texts):
        read = int if "int" in column.dtype else float
        with suppress(ValueError):
            return [None if text == "" else read(text) for text in texts]
    return [_cell_value(text, column) for text in texts]


def _cell_value(text: str, column: Column) -> Any:
    try:
        return delimited.cell_value(text, column, 0)
    except InvalidInput:
        return text


def _of_lines(records: list[Record], one: Input, first_row: int, wanted: Wanted) -> Block:
    rows: list[dict[str, Any]] = []
    bad: list[BadRow] = []
    good: list[int] = []
    names = [column.name for column in wanted.columns]
    for place, record in enumerate(records):
        try:
            rows.append(_row(record.content, names))
        except (BadEncoding, InvalidInput, TooLarge) as error:
            bad.append(_unreadable(record, one, first_row + place, error.message))
            continue
        good.append(place)
    columns = {name: [row.get(name, MISSING) for row in rows] for name in names}
    kept = {name: [row.get(name) for row in rows] for name in wanted.kept}
    return _block(records, good, first_row, (columns, kept), bad)


def json_value(content: bytes) -> Any:
    """The JSON that a record is.

    Raises:
        BadEncoding: it is none; says what was expected.
    """
    try:
        return json_body.parse_any(content.strip(), nan=True)
    except BadEncoding as error:
        reason = error.message.removeprefix("the body is ").removeprefix("not JSON: ")
        raise BadEncoding(f"JSON that can be read; {reason}") from None


def _row(line: bytes, names: Sequence[str]) -> dict[str, Any]:
    row = delimited.features(json_value(line))
    if isinstance(row, list):
        if len(row) != len(names):
            raise InvalidInput(f"{len(names)} values, one per column; there are {len(row)}")
        return dict(zip(names, row, strict=True))
    if not isinstance(row, dict):
        # Not which value: a job may have to keep values to itself.
        raise BadEncoding("an object or a list of values; this is a value alone")
    return row


def _unreadable(record: Record, one: Input, row: int, reason: str) -> BadRow:
    broken = (Broken(rule="parse", expected=reason),)
    raw = record.content.decode("utf-8", "replace").rstrip("\r\n")
    return BadRow(one.path, row, "parse", broken, record.offset, raw)


def _block(
    records: list[Record],
    good: list[int],
    first_row: int,
    values: tuple[dict[str, list[Any]], dict[str, Any]],
    bad: list[BadRow],
) -> Block:
    columns, kept = values
    return Block(
        ordinals=[first_row + place for place in good],
        columns=columns,
        kept=kept,
        raw=lambda row: records[good[row]].content.decode("utf-8", "replace").rstrip("\r\n"),
        offsets=[records[place].offset for place in good],
        bad=tuple(bad),
    )
