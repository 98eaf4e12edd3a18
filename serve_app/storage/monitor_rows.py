"""What the monitor has to know again, as rows of a table."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select, update

from serve_app.errors import RegistryFailed
from serve_app.storage.database import open_database
from serve_app.storage.place import DatabaseLocation
from serve_app.storage.tables import monitor_state as table

TURN = "turn"


class MonitorRows:
    """Writes and reads the table; `clock` gives seconds since 1970."""

    def __init__(self, place: DatabaseLocation, clock: Callable[[], float]) -> None:
        self._database = open_database(place, clock)

    def save(self, name: str, body: str) -> None:
        """Replace the text of a name."""
        self._database.write(lambda connection: replace_state(connection, name, body))

    def keep_first(self, name: str, body: str) -> str:
        """The text of a name: the given one where there was none, whoever else does the same."""

        def keep(connection: Connection) -> str:
            known = connection.execute(select(table.c.body).where(table.c.name == name)).scalar()
            if known is not None:
                return str(known)
            connection.execute(insert(table).values(name=name, body=body))
            return body

        try:
            return self._database.write(keep)
        except RegistryFailed:
            # Another one was quicker, or it cannot be written at all: then this fails as well.
            known = self.load(name)
            if known is None:
                raise
            return known

    def load(self, name: str) -> str | None:
        """The text of a name, None where there is none."""
        body = select(table.c.body).where(table.c.name == name)
        return self._database.read(table, lambda c: c.execute(body).scalar())

    def begin_turn(self, name: str) -> bool:
        """Give the turn to a process; whether none ever had it."""

        def begin(connection: Connection) -> bool:
            # The row is never removed: whoever waits for it would miss the one that follows.
            taken = update(table).where(table.c.name == TURN).values(body=name)
            if connection.execute(taken).rowcount:
                return False
            connection.execute(insert(table).values(name=TURN, body=name))
            return True

        return self._database.write(begin)

    def turn_of(self) -> str | None:
        """Whose turn it is, None where it was nobody's yet."""
        return self.load(TURN)


def has_turn(connection: Connection, name: str) -> bool:
    """Whether it is the turn of a process, until the end of a transaction of the caller's."""
    row = select(table.c.body).where(table.c.name == TURN).with_for_update()
    body = connection.execute(row).scalar()
    if body is None:
        # The database is a new one: nobody else was there first.
        connection.execute(insert(table).values(name=TURN, body=name))
    return body in {name, None}


def replace_state(connection: Connection, name: str, body: str) -> None:
    """Replace the text of a name, in a transaction of the caller's."""
    connection.execute(delete(table).where(table.c.name == name))
    connection.execute(insert(table).values(name=name, body=body))
