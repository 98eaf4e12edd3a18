"""Events as rows of a table that only grows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from serve_app.core.events import Event
from serve_app.storage.database import open_database
from serve_app.storage.place import DatabaseLocation
from serve_app.storage.tables import events


class EventRows:
    """Writes and reads the table of events; `clock` gives seconds since 1970."""

    def __init__(self, place: DatabaseLocation, clock: Callable[[], float]) -> None:
        self._database = open_database(place, clock)

    def append(self, event: Event) -> Event:
        """Add an event, and give it with its id.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        return replace(event, id=self._database.write(lambda c: _add(c, event)))

    def append_once(self, event: Event) -> bool:
        """Add an event unless there is one of its kind and subject; says whether it was added.

        Raises:
            RegistryFailed: the database cannot be written.
        """
        same = select(events.c.id).where(
            events.c.kind == event.kind, events.c.subject == event.subject
        )

        def add(connection: Connection) -> bool:
            known = connection.execute(same.limit(1)).first() is not None
            return not known and bool(_add(connection, event))

        return self._database.write(add)

    def newest(self, limit: int, kind: str | None, subject: str | None) -> list[Event]:
        """Up to so many events, the newest first.

        Raises:
            RegistryFailed: the database cannot be read.
        """
        rows = select(events).order_by(events.c.id.desc()).limit(limit)
        if kind is not None:
            rows = rows.where(events.c.kind == kind)
        if subject is not None:
            rows = rows.where(events.c.subject == subject)
        read = self._database.read(events, lambda connection: connection.execute(rows).all())
        return [_event(row) for row in read or []]


def _add(connection: Connection, event: Event) -> int:
    row = {
        "at_s": event.at_s,
        "who": event.who,
        "kind": event.kind,
        "subject": event.subject,
        "why": event.why,
        "before": _text(event.before),
        "after": _text(event.after),
    }
    added: int = connection.execute(insert(events).values(row).returning(events.c.id)).scalar_one()
    return added


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def _event(row: Row[Any]) -> Event:
    return Event(
        at_s=row.at_s,
        who=row.who,
        kind=row.kind,
        subject=row.subject,
        why=row.why,
        before=None if row.before is None else json.loads(row.before),
        after=None if row.after is None else json.loads(row.after),
        id=row.id,
    )
