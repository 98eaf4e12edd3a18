"""Rows out of the JSON that MLflow keeps an input example in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Example:
    """A few rows by column, with None for gaps; `names` are None where the rows had none."""

    names: tuple[str, ...] | None
    columns: tuple[tuple[Any, ...], ...]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.columns[0]) if self.columns else 0


def example(content: Any) -> Example:
    """The rows of an input example: of a frame, an array, records, or columns by name.

    Raises:
        InvalidInput: they are no rows of a table.
    """
    if isinstance(content, Mapping) and {"columns", "data"} <= content.keys():
        names, rows = _listed(content["columns"]), _listed(content["data"])
        return _of_rows(tuple(map(str, names)), rows)
    if isinstance(content, Mapping) and set(content) == {"inputs"}:
        # As MLflow 1 and the example of its server wrap arrays.
        return example(content["inputs"])
    if isinstance(content, Mapping):
        return _of_columns(content)
    rows = _listed(content)
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = list(dict.fromkeys(name for row in rows for name in row))
        return _of_rows(tuple(names), [[row.get(name) for name in names] for row in rows])
    return _of_rows(None, rows)


def _of_rows(names: tuple[str, ...] | None, rows: Sequence[Any]) -> Example:
    lists = [_listed(row) if names or isinstance(row, list) else [row] for row in rows]
    width = len(lists[0]) if names is None and lists else len(names or ())
    if any(len(row) != width for row in lists):
        raise _no_table()
    return Example(names, tuple(tuple(_cell(row[at]) for row in lists) for at in range(width)))


def _of_columns(content: Mapping[str, Any]) -> Example:
    names: list[str] = []
    columns: list[tuple[Any, ...]] = []
    for name, values in content.items():
        inner = _of_rows(None, _listed(values)).columns
        columns.extend(inner)
        names.extend([name] if len(inner) == 1 else [f"{name}_{at}" for at in range(len(inner))])
    if len({len(column) for column in columns}) > 1:
        raise _no_table()
    return Example(tuple(names), tuple(columns))


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _no_table()
    return value


def _cell(value: Any) -> Any:
    if not (value is None or isinstance(value, (bool, int, float, str))):
        raise _no_table()
    # Python's JSON reads NaN, which MLflow writes for some gaps and not for others.
    return None if value != value else value  # noqa: PLR0124


def _no_table() -> InvalidInput:
    return InvalidInput(
        "the input example holds no rows of a table (numbers, text and booleans by column); "
        "give --data"
    )
