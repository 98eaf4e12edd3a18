"""Output as text: CSV and JSON lines. Numbers have the digits that answers to requests have."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import IO, Any, Protocol

import numpy as np
import orjson

from serve_app.batch.job import Format
from serve_app.engine.batch.tables import OutputRows

_JSON = orjson.OPT_SERIALIZE_NUMPY


class Writer(Protocol):
    """Writes rows of output to a file, one after the other."""

    def write(self, rows: OutputRows) -> None:
        """Write rows; all have the same columns."""
        ...

    def close(self) -> None:
        """Write what is left; the file stays open."""
        ...


def writer_of(kind: Format, file: IO[bytes], empty: OutputRows) -> Writer:
    """A writer of a format; `empty` has the columns and types, and no rows."""
    if kind == "parquet":
        from serve_app.engine.batch.parquet_writer import ParquetWriter  # noqa: PLC0415 - an extra

        return ParquetWriter(file, empty)
    return JsonLines(file) if kind == "jsonl" else Csv(file, list(empty.columns))


class JsonLines:
    """One object per line."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, rows: OutputRows) -> None:
        """Write rows."""
        names = [orjson.dumps(name) + b":" for name in rows.columns]
        columns = [_json_texts(values) for values in rows.columns.values()]
        lines = (
            b",".join([name + text for name, text in zip(names, texts, strict=True)])
            for texts in zip(*columns, strict=True)
        )
        self._file.write(b"".join([b"{" + line + b"}\n" for line in lines]))

    def close(self) -> None:
        """Nothing is left."""


class Csv:
    """A header and one line per row; null is an empty cell."""

    def __init__(self, file: IO[bytes], names: Sequence[str]) -> None:
        self._file = file
        self._write_lines([names])

    def write(self, rows: OutputRows) -> None:
        """Write rows."""
        columns = [_cells(values) for values in rows.columns.values()]
        self._write_lines(zip(*columns, strict=True))

    def close(self) -> None:
        """Nothing is left."""

    def _write_lines(self, lines: Any) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        self._file.write(text.getvalue().encode("utf-8", "replace"))


def _json_texts(values: Any) -> list[bytes]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.ndim == 1:
        # As one, since that is quick; no number holds a comma.
        text = orjson.dumps(np.ascontiguousarray(values), option=_JSON)
        return text[1:-1].split(b",") if len(values) else []
    return [orjson.dumps(value, default=str) for value in _listed(values)]


def _cells(values: Any) -> list[str]:
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.ndim == 1:
        return ["" if text == b"null" else text.decode() for text in _json_texts(values)]
    return [_cell(value) for value in _listed(values)]


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    text = orjson.dumps(value, default=str).decode()
    if text == "null":
        return ""
    # What JSON has no word for was made text: dates, decimals.
    return orjson.loads(text) if text.startswith('"') else text


def _listed(values: Any) -> list[Any]:
    if isinstance(values, list):
        return values
    listed: list[Any] = values.tolist() if isinstance(values, np.ndarray) else values.to_pylist()
    return listed
