"""Reads feedback, also from databases of former versions that nobody has written to since."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, case, func, inspect, literal, null, select
from sqlalchemy.sql.elements import ColumnElement

from serve_app.core.feedback import Received
from serve_app.storage.database import Database
from serve_app.storage.tables import feedback as table
from serve_app.storage.tables import feedback_log as log

_FIELDS = (
    table.c.number, table.c.endpoint, table.c.prediction_id, table.c.key, table.c.row,
    table.c.variants, table.c.truth, table.c.reward, table.c.request_id, table.c.received_at_s,
    table.c.first_at_s, table.c.state, table.c.why,
)  # fmt: skip
_STATES = ("pending", "matched", "unmatched")


class FeedbackReader:
    """Reads what stands, and the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def received(self, endpoint: str | None) -> list[Received]:
        """How much there is, by endpoint and variants.

        Raises:
            RegistryFailed: the database cannot be read.
        """

        def read(connection: Connection) -> Sequence[Row[Any]]:
            state = _known(_columns(connection), table.c.state)
            counts = select(
                table.c.endpoint,
                table.c.variants,
                func.count().label("total"),
                func.count(table.c.truth).label("truths"),
                func.count(table.c.reward).label("rewards"),
                func.avg(table.c.reward).label("mean"),
                *(func.count(case((state == one, 1))).label(one) for one in _STATES),
            ).group_by(table.c.endpoint, table.c.variants)
            if endpoint is not None:
                counts = counts.where(table.c.endpoint == endpoint)
            return connection.execute(counts).all()

        return [
            Received(
                row.endpoint,
                tuple(json.loads(row.variants)),
                row.total,
                row.truths,
                row.rewards,
                row.mean,
                row.pending,
                row.matched,
                row.unmatched,
            )
            for row in self._database.read(table, read) or []
        ]

    def page(self, endpoint: str | None, after: int, limit: int) -> Sequence[Row[Any]]:
        """Up to so many rows that come after a number.

        Raises:
            RegistryFailed: the database cannot be read.
        """

        def read(connection: Connection) -> Sequence[Row[Any]]:
            names = _columns(connection)
            fields = [_known(names, column).label(column.name) for column in _FIELDS]
            rows = select(*fields).where(table.c.number > after)
            if endpoint is not None:
                rows = rows.where(table.c.endpoint == endpoint)
            return connection.execute(rows.order_by(table.c.number).limit(limit)).all()

        return self._database.read(table, read) or []

    def log(self, number: int) -> Sequence[Row[Any]]:
        """The log of the prediction of a number.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        rows = select(log).where(log.c.number == number).order_by(log.c.id)
        return self._database.read(log, lambda c: c.execute(rows).all()) or []


def _columns(connection: Connection) -> set[str]:
    """The columns that the table has in this database."""
    return {one["name"] for one in inspect(connection).get_columns(table.name)}


def _known(names: set[str], column: Column[Any]) -> ColumnElement[Any]:
    """A column, or what it would say of the rows of a database that has no such column yet."""
    if column.name in names:
        return column
    if column is table.c.state:
        return literal("pending")
    if column is table.c.why:
        return literal("")
    return table.c.received_at_s if column is table.c.first_at_s else null()
