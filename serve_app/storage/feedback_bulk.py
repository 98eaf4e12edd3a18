"""Many rows at once: in one statement on PostgreSQL, where many would cost a multiple."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Double, Table, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement

AT_ONCE = 500
_Rows = Sequence[Mapping[str, Any]]


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values, so many at once as `among` takes."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def among(
    connection: Connection, column: Column[Any], values: Sequence[Any]
) -> ColumnElement[bool]:
    """Whether a column has one of the values.

    PostgreSQL compares every row with every value of a long list, and looks up each value of an
    array that it is joined with.
    """
    if not _has_arrays(connection):
        return column.in_(values)
    return column.in_(select(_each(column, values)))


def insert_all(connection: Connection, table: Table, rows: _Rows) -> None:
    """Add rows, all of which have the same columns."""
    if not rows:
        return
    if not _has_arrays(connection):
        connection.execute(insert(table), rows)
        return
    names = list(rows[0])
    connection.execute(insert(table).from_select(names, _as_select(table, rows, names)))


def update_all(connection: Connection, table: Table, rows: _Rows, key: str) -> None:
    """Change the rows that a column identifies, in the same other columns."""
    if not rows:
        return
    names = [name for name in rows[0] if name != key]
    if not _has_arrays(connection):
        change = update(table).where(table.c[key] == bindparam("key_of_row"))
        change = change.values({name: bindparam(name) for name in names})
        connection.execute(change, [{**row, "key_of_row": row[key]} for row in rows])
        return
    given = _as_select(table, rows, [key, *names]).subquery("given")
    change = update(table).where(table.c[key] == given.c[key])
    connection.execute(change.values({name: given.c[name] for name in names}))


def _has_arrays(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _as_select(table: Table, rows: _Rows, names: Sequence[str]) -> Any:
    """The rows as what a statement can select from."""
    return select(
        *(_each(table.c[name], [row[name] for row in rows]).label(name) for name in names)
    )


def _each(column: Column[Any], values: Sequence[Any]) -> Any:
    given = list(values)
    if isinstance(column.type, Double):
        # An array takes numbers of one kind, and whole ones may stand among the others.
        given = [None if value is None else float(value) for value in values]
    return func.unnest(bindparam(None, given, ARRAY(column.type)))
