"""Rows of the log as files for other programs: CSV and Parquet."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from serve_app.errors import InvalidInput
from serve_app.storage.records.files import named
from serve_app.storage.records.forms import conformed

_WRITERS: dict[str, Callable[[Path, pa.Schema], Any]] = {
    ".csv": arrow_csv.CSVWriter,
    ".parquet": pq.ParquetWriter,
}


def check_kind(path: Path) -> None:
    """Let only names of files pass that can be written.

    Raises:
        InvalidInput: it is another kind.
    """
    if path.suffix.lower() not in _WRITERS:
        raise InvalidInput(f"{path}: records are written as {' or '.join(_WRITERS)}")


def write(reader: pa.RecordBatchReader, path: Path) -> int:
    """Write a stream of rows to a file, whole or not at all; how many rows.

    In a CSV lists are written as JSON.

    Raises:
        InvalidInput: it is no kind of file that can be written.
        RecordsFailed: it cannot be written there.
    """
    check_kind(path)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with named(str(path)):
        try:
            rows = _written(reader, unfinished, path.suffix.lower())
            unfinished.replace(path)
        finally:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
    return rows


def _written(reader: pa.RecordBatchReader, path: Path, kind: str) -> int:
    schema = reader.schema
    if kind == ".csv":
        schema = pa.schema([(one.name, _flat(one.type)) for one in schema])
    rows = 0
    with _WRITERS[kind](path, schema) as writer:
        for batch in reader:
            writer.write_batch(conformed(batch, schema))
            rows += batch.num_rows
    return rows


def _flat(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_nested(kind) or pa.types.is_null(kind) else kind
