"""What is kept of API keys, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, delete, func, insert, select

from serve_app.storage.database import open_database
from serve_app.storage.place import DatabaseLocation
from serve_app.storage.tables import access_keys as table


class KeyRows:
    """Writes and reads the table; `clock` gives seconds since 1970."""

    def __init__(self, place: DatabaseLocation, clock: Callable[[], float]) -> None:
        self._database = open_database(place, clock)
        self._clock = clock

    def put(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Keep ids, principals and texts, each in place of what was kept of its id."""
        now_s = self._clock()
        values = [
            {"id": one, "principal": principal, "body": body, "changed_at_s": now_s}
            for one, principal, body in rows
        ]

        def replace(connection: Connection) -> None:
            ids = [one["id"] for one in values]
            connection.execute(delete(table).where(table.c.id.in_(ids)))
            connection.execute(insert(table), values)

        if values:
            self._database.write(replace)

    def all(self) -> list[str]:
        """The texts, in the order of the ids."""
        bodies = select(table.c.body).order_by(table.c.id)
        return self._database.read(table, lambda c: list(c.execute(bodies).scalars())) or []

    def stamp(self) -> tuple[int, float]:
        """How many there are, and when one was changed last: it differs after each change."""
        query = select(
            func.count(), func.coalesce(func.max(table.c.changed_at_s), 0.0)
        ).select_from(table)

        def read(connection: Connection) -> tuple[int, float]:
            row = connection.execute(query).one()
            return row[0], row[1]

        return self._database.read(table, read) or (0, 0.0)
