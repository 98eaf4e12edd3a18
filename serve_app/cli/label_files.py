"""Labels as files hold them: rows of a CSV or of Parquet as items of feedback."""

from __future__ import annotations

import csv
import datetime as dt
import decimal
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from serve_app.core.violations import value_text
from serve_app.errors import InvalidInput
from serve_app.protocols.bodies.feedback_list import cell_value

_PARQUET = frozenset({".parquet", ".pq"})
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class LabelColumns:
    """Which column holds what."""

    key: str | None = None
    prediction_id: str | None = None
    row: str | None = None
    truth: str | None = None
    reward: str | None = None
    at: str | None = None

    def names(self) -> list[str]:
        """All that are named."""
        parts = (self.key, self.prediction_id, self.row, self.truth, self.reward, self.at)
        return [name for name in parts if name is not None]

    def check(self) -> None:
        """Return where rows can say what they are about, and something of it.

        Raises:
            UsageError: they cannot.
        """
        if self.key is None and self.prediction_id is None:
            raise click.UsageError("name the column of ids: --id COLUMN or --prediction-id COLUMN.")
        if self.truth is None and self.reward is None:
            raise click.UsageError("name what to send: --truth COLUMN, --reward COLUMN, or both.")
        if self.row is not None and self.prediction_id is None:
            raise click.UsageError("--row goes with --prediction-id; a key names one row.")


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A row as an item of feedback, which is empty where the row has no label."""

    place: str
    item: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be sent or kept: where it stands, and why."""

    place: str
    why: str


def rows_of(
    file: Path, columns: LabelColumns, labels: Sequence[Any]
) -> Iterator[LabelRow | BadRow]:
    """The rows of a file; `labels` are the endpoint's classes, by which words are told apart.

    Raises:
        InvalidInput: the file is of no kind that is read, or lacks a column.
    """
    suffix = file.suffix.lower()
    if suffix in _PARQUET:
        read = _of_parquet(file, columns)
    elif suffix in _DELIMITERS:
        read = _of_csv(file, columns, labels, _DELIMITERS[suffix])
    else:
        msg = f"{file}: labels are read from .csv, .tsv and .parquet"
        raise InvalidInput(msg)
    for place, values in read:
        if isinstance(values, str):
            yield BadRow(place, values)
            continue
        try:
            yield LabelRow(place, _item(values, columns))
        except InvalidInput as error:
            yield BadRow(place, error.message)


def _of_csv(
    file: Path, columns: LabelColumns, labels: Sequence[Any], delimiter: str
) -> Iterator[tuple[str, dict[str, Any] | str]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, delimiter=delimiter)
            header = next(reader, [])
            _check(file, columns, header)
            for cells in reader:
                if not cells:
                    continue
                place = f"line {reader.line_num}"
                if len(cells) != len(header):
                    yield place, f"it has {len(cells)} cells, but there are {len(header)} columns"
                    continue
                row: dict[str, Any] = {
                    name: cell if cell != "" else None
                    for name, cell in zip(header, cells, strict=True)
                }
                if columns.truth is not None and row[columns.truth] is not None:
                    row[columns.truth] = cell_value(row[columns.truth], labels)
                yield place, row
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not UTF-8: {error.reason}") from None
    except csv.Error as error:
        raise InvalidInput(f"{file} is no CSV: {error}") from None
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from None


def _of_parquet(file: Path, columns: LabelColumns) -> Iterator[tuple[str, dict[str, Any] | str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file)
        _check(file, columns, opened.schema_arrow.names)
        number = 0
        wanted = list(dict.fromkeys(columns.names()))
        for batch in opened.iter_batches(_ROWS_AT_ONCE, columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield f"row {number}", row
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidInput(f"{file} cannot be read as Parquet: {error}") from None


def _check(file: Path, columns: LabelColumns, names: Sequence[str]) -> None:
    missing = [name for name in columns.names() if name not in names]
    if missing:
        msg = (
            f"{file} has no column {', '.join(map(value_text, missing))}; it has "
            f"{', '.join(map(value_text, names[:20]))}"
        )
        raise InvalidInput(msg)


def _item(row: Mapping[str, Any], columns: LabelColumns) -> dict[str, Any]:
    """The item of a row; empty where it has neither a truth nor a reward.

    Raises:
        InvalidInput: it names no prediction, or a time or a number cannot be read.
    """
    truth = None if columns.truth is None else _plain(row[columns.truth])
    reward = None if columns.reward is None else _number(row[columns.reward], columns.reward)
    if truth is None and reward is None:
        return {}
    item = {
        "prediction_id": _name(row, columns.prediction_id),
        "key": _name(row, columns.key),
        "row": None if columns.row is None else _number(row[columns.row], columns.row),
        "truth": truth,
        "reward": reward,
        "label_at_s": None if columns.at is None else _seconds(row[columns.at], columns.at),
    }
    if item["prediction_id"] is None and item["key"] is None:
        named = [name for name in (columns.prediction_id, columns.key) if name is not None]
        raise InvalidInput(f"it names no prediction: {' and '.join(named)} is empty")
    return {name: value for name, value in item.items() if value is not None}


def _name(row: Mapping[str, Any], column: str | None) -> str | None:
    """An id as text; a whole number is the text of its digits, whatever holds it."""
    value = None if column is None else _plain(row[column])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _number(value: Any, column: str) -> int | float | None:
    if isinstance(value, str):
        for read in (int, float):
            try:
                return read(value)
            except ValueError:
                continue
        raise InvalidInput(f"{column!r} must be a number, got {value_text(value)}")
    plain = _plain(value)
    if isinstance(plain, float) and plain.is_integer():
        return int(plain)
    if plain is None or isinstance(plain, int | float):
        return plain
    raise InvalidInput(f"{column!r} must be a number, got {value_text(value)}")


def _plain(value: Any) -> Any:
    """A value as JSON has it; NaN is no value."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value


def _seconds(value: Any, column: str) -> float | None:
    """A moment as seconds since 1970; one without a zone is in UTC."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            pass
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            msg = f"{column!r} must be a time such as 2026-11-26T13:00:00Z, got {value_text(value)}"
            raise InvalidInput(msg) from None
    if isinstance(value, dt.datetime):
        zoned = value if value.tzinfo is not None else value.replace(tzinfo=dt.UTC)
        return zoned.timestamp()
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC).timestamp()
    return None if value is None else float(value)
