"""Rows of a file as they are sent: tables as `register --data` reads them, and JSON."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from serve_app.errors import BadEncoding, InvalidInput

_JSON = frozenset({".json"})
_LINES = frozenset({".jsonl", ".ndjson"})
Row = dict[str, Any]
Types = tuple[Sequence[str], Sequence[str]]
"""The values of --dtypes and --na-values."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to be sent, and what their reader took for granted, in words."""

    rows: list[Any]
    notices: tuple[str, ...] = ()


def read_rows(path: Path, types: Types = ((), ()), texts: Sequence[str] = ()) -> Rows:
    """The rows of a CSV, TSV, Parquet, Feather, JSON or JSON-lines file; a gap is null.

    `texts` are the columns that the endpoint takes as text, so that 00501 stays what it is.

    Raises:
        BadEncoding: a JSON file holds no rows; says where.
        InvalidInput: another file cannot be read, or a column could mean several things.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    compressed = len(suffixes) == 2 and suffixes[1] in {".gz", ".bz2", ".xz", ".zst", ".zip"}
    kind = suffixes[0] if compressed else (suffixes or [""])[-1]
    if kind in _JSON | _LINES:
        return Rows(_of_json(path, lines=kind in _LINES))
    return _of_table(path, types, texts)


def without(rows: list[Any], target: str, path: str) -> tuple[list[Row], dict[str, list[Any]]]:
    """The rows without the columns of a target, and what stood there, by column.

    Raises:
        InvalidInput: a row has no such column, or no names at all.
    """
    names = [target] if any(isinstance(row, dict) and target in row for row in rows) else []
    names = names or [name.strip() for name in target.split(",")]
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            msg = f"--target {target}: row {number} of {path} names no columns"
            raise InvalidInput(msg)
        missing = [name for name in names if name not in row]
        if missing:
            where = path if number == 0 else f"row {number} of {path}"
            listed = ", ".join(map(repr, row))
            raise InvalidInput(f"--target: {where} has no column {missing[0]!r}; it has {listed}")
    if not rows:
        raise InvalidInput(f"{path} has no rows")
    truth = {name: [row[name] for row in rows] for name in names}
    return [{k: v for k, v in row.items() if k not in truth} for row in rows], truth


def _of_table(path: Path, types: Types, texts: Sequence[str]) -> Rows:
    # pandas takes a moment to import; who asks for help need not wait for it.
    from serve_app.models.declared import Declared, declared
    from serve_app.models.tables import Reading, header, read_table

    dtypes, na_values = types
    known = set(header(path))
    text = {name: Declared("string") for name in texts if name in known}
    words = tuple(word.strip() for one in na_values for word in one.split(",")) or None
    table = read_table(path, Reading({**text, **declared(dtypes)}, words))
    frame = table.frame
    columns = {str(name): _cells(frame[name]) for name in frame.columns}
    names = list(columns)
    rows = [dict(zip(names, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return Rows(rows, table.notices)


def _cells(series: Any) -> list[Any]:
    gaps = series.isna().tolist()
    return [
        None if gap else _written(value) for value, gap in zip(series.tolist(), gaps, strict=True)
    ]


def _written(value: Any) -> Any:
    """Dates and times as ISO 8601, decimals as text."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value) if isinstance(value, Decimal) else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _written(inner) for key, inner in value.items()}
    return [_written(one) for one in value] if hasattr(value, "__iter__") else str(value)


def _of_json(path: Path, *, lines: bool) -> list[Any]:
    import fsspec

    try:
        with fsspec.open(str(path), "rt", encoding="utf-8-sig", compression="infer") as file:
            text = file.read()
        if lines:
            return [_line(line, n) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
        body = json.loads(text)
    except (ValueError, OSError, EOFError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise BadEncoding(f"{path} cannot be read: {reason}") from None
    rows = body.get("instances") if isinstance(body, dict) else body
    if not isinstance(rows, list):
        msg = (
            f'{path} holds no list of rows: write [{{…}}, …], or {{"instances": [{{…}}, …]}}, or '
            "one row per line in a .jsonl file"
        )
        raise BadEncoding(msg)
    return rows


def _line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None
