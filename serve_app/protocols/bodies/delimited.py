"""Rows as comma-separated values and as lines of JSON."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from typing import IO, Any, AnyStr

import numpy as np

from serve_app.core.messages import RawColumns
from serve_app.core.signature import Column
from serve_app.core.violations import shortened, value_text
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.bodies import column_names, csv_header, json_body, rows
from serve_app.protocols.dialect import Call

_MAX_LINE_BYTES = 1024 * 1024
"""What a reader in C makes cells of without letting other threads have their turn."""
_LINES_PER_ROW = 20
"""So many lines may a body have for each row that it may hold, blank ones and those in quotes."""
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def read_csv(call: Call, *, header: bool | None) -> tuple[RawColumns, int]:
    """The columns of a CSV body and the number of its rows; an empty cell is null.

    `header` says whether the first line is one, whatever stands there; with none, what stands
    there tells (`csv_header`). Without a header, the cells are in the order of the columns.

    Raises:
        BadEncoding: it is not UTF-8 or no CSV, or a row has not one cell per name of its header.
        InvalidInput: a row has not one cell per column, a cell is no number
            where one is needed, or nobody can tell whether the first line is a header.
        TooLarge: more than `max_rows` rows.
    """
    columns, max_rows = call.columns, call.max_rows
    try:
        filled = (line for line in csv.reader(text_of(call.body, max_rows)) if line)
        lines = list(itertools.islice(filled, max_rows + 1))
        more = sum(1 for _ in filled)
    except csv.Error as error:
        raise BadEncoding(f"the body is not CSV: {error}") from None
    if not lines:
        raise BadEncoding("the body is empty; send one line of values per row")
    json_body.check_rows(len(lines) + more - (header is not False), max_rows)
    if header is None:
        header = csv_header.names_columns(lines, columns, _fits, any_names=call.knows_no_names)
    known = {column.name: column for column in columns}
    first = [_name(cell, known) for cell in lines[0]]
    names = column_names.bound(first, call) if header else call.names
    content = lines[1:] if header else lines
    json_body.check_rows(len(content), max_rows)
    if header and len(set(first)) < len(first):
        raise BadEncoding("the header names a column twice")
    for row, cells in enumerate(content):
        if len(cells) != len(names):
            msg = f"row {row} has {len(cells)} cells, but there are {len(names)} columns"
            broken = BadEncoding if header else InvalidInput
            raise broken(msg, row=row, expected=len(names), got=len(cells))
    by_name: dict[str, list[Any]] = {name: [] for name in names}
    for name, texts in zip(names, zip(*content, strict=True), strict=False):
        by_name[name] = [cell_value(text, known.get(name), row) for row, text in enumerate(texts)]
    return by_name, len(content)


def read_lines(body: bytes, names: Sequence[str], max_rows: int) -> tuple[RawColumns, int]:
    """The columns of a body with a JSON object or list per line, and the number of its rows.

    Raises:
        BadEncoding: a line is neither.
        TooLarge: more than `max_rows` lines.
    """
    check_lines(body, max_rows)
    lines = _filled(io.BytesIO(body), max_rows)
    if not lines:
        raise BadEncoding("the body is empty; send one line of JSON per row")
    instances: list[Any] = []
    for number, line in enumerate(lines):
        try:
            instances.append(features(json_body.parse_any(line, nan=True)))
        except BadEncoding as error:
            raise BadEncoding(f"line {number}: {error.message}", line=number) from None
    return rows.of_rows(instances, names), len(instances)


def read_libsvm(body: bytes, names: Sequence[str], max_rows: int) -> tuple[RawColumns, int]:
    """The columns of lines of `[label] index:value …` and their number; what is left out is null.

    Features are counted from 1, as LIBSVM counts them.

    Raises:
        BadEncoding: it is not UTF-8, or a line is none of that kind.
        InvalidInput: there is no such feature, or it stands twice.
        TooLarge: more than `max_rows` lines.
    """
    lines = [line.split() for line in _filled(text_of(body, max_rows), max_rows)]
    if not lines:
        raise BadEncoding("the body is empty; send one line of index:value pairs per row")
    by_name: dict[str, list[float | None]] = {name: [None] * len(lines) for name in names}
    for row, parts in enumerate(lines):
        for part in parts[0 if ":" in parts[0] else 1 :]:
            index, value = _pair(part, row)
            if not 1 <= index <= len(names) or by_name[names[index - 1]][row] is not None:
                number = shortened(str(index))
                msg = f"row {row}: feature {number} stands twice, or is none of 1 to {len(names)}"
                raise InvalidInput(msg, row=row, index=index if index.bit_length() < 64 else number)
            by_name[names[index - 1]][row] = value
    return by_name, len(lines)


def check_lines(body: bytes, max_rows: int) -> None:
    """Hold the number of lines, blank ones too, against a limit before they are looked at.

    Raises:
        TooLarge: there are very many more than `max_rows`.
    """
    lines = body.count(b"\n")
    if lines > _LINES_PER_ROW * max_rows:
        msg = f"the body has {lines} lines, but may hold no more than {max_rows} rows; split it"
        raise TooLarge(msg, lines=lines, max_rows=max_rows)


def text_of(body: bytes, max_rows: int) -> io.StringIO:
    """The lines of a body that may hold so many rows.

    Raises:
        BadEncoding: it is not UTF-8, or a line is very long.
        TooLarge: it has very many more lines.
    """
    check_lines(body, max_rows)
    ends = np.flatnonzero(np.frombuffer(body, dtype=np.uint8) == ord("\n"))
    longest = int(np.diff(ends, prepend=-1, append=len(body)).max())
    if longest > _MAX_LINE_BYTES:
        msg = f"a line of the body has {longest} bytes, above the limit of {_MAX_LINE_BYTES}"
        raise BadEncoding(msg, max_line_bytes=_MAX_LINE_BYTES)
    try:
        return io.StringIO(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        msg = f"the body is not UTF-8: byte {error.start} does not fit"
        raise BadEncoding(msg, position=error.start) from None


def _filled(lines: IO[AnyStr], max_rows: int) -> list[AnyStr]:
    """The lines that are not blank.

    Raises:
        TooLarge: there are more than `max_rows`.
    """
    filled = (line for line in lines if line.strip())
    first = list(itertools.islice(filled, max_rows + 1))
    json_body.check_rows(len(first) + sum(1 for _ in filled), max_rows)
    return first


def _pair(part: str, row: int) -> tuple[int, float]:
    index, _, value = part.partition(":")
    try:
        if "_" not in part:
            return int(index), float(value)
    except ValueError:
        pass
    raise BadEncoding(f"row {row}: {value_text(part)} is no index:value", row=row) from None


def features(row: Any) -> Any:
    """A row, which SageMaker's clients may put under `features`."""
    if isinstance(row, Mapping) and set(row) == {"features"} and isinstance(row["features"], list):
        return row["features"]
    return row


def write_csv(values: Sequence[Any]) -> bytes:
    """One line per value; of lists, their values with commas between."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows(value if isinstance(value, list) else [value] for value in values)
    return text.getvalue().encode()


def write_lines(values: Sequence[Any]) -> bytes:
    """One JSON value per line."""
    return b"".join(json_body.dump(value) + b"\n" for value in values)


def _fits(text: str, column: Column) -> bool:
    """Whether a cell can be read as a value of a column."""
    try:
        cell_value(text, column, 0)
    except InvalidInput:
        return False
    return True


def _name(cell: str, known: Mapping[str, Column]) -> str:
    """A name in a header; blanks around it count where a column is called so."""
    return cell if cell in known else cell.strip()


def cell_value(text: str, column: Column | None, row: int) -> Any:
    """A cell of CSV as a value of its column's type; an empty one is null.

    Raises:
        InvalidInput: it is no number where one is needed.
    """
    if text == "":
        return None
    if column is None or not column.is_numeric:
        # What texts of dates and decimals say is the schema's business.
        return text
    plain = text.strip()
    if column.dtype == "bool" and plain.lower() in _TRUTHS:
        return _TRUTHS[plain.lower()]
    if "_" not in plain:  # which Python reads, and nobody else
        # 3.0 stands for an integer where one is needed; the schema decides about 3.5.
        for read in (int, float) if "int" in column.dtype else (float,):
            with contextlib.suppress(ValueError):
                return read(plain)
    msg = f"row {row}, column {shortened(column.name)!r}: {value_text(text)} is no {column.dtype}"
    raise InvalidInput(msg, row=row, column=column.name)
