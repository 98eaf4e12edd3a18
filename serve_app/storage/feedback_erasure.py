"""Feedback about one subject, and what is too old: found, and removed for good."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, delete, inspect, select

from serve_app.storage import feedback_retention as retention
from serve_app.storage.database import Database, open_database
from serve_app.storage.feedback_bulk import among, parts
from serve_app.storage.place import place_of
from serve_app.storage.sqlite_file import connect_to_write
from serve_app.storage.tables import events
from serve_app.storage.tables import feedback as table
from serve_app.storage.tables import feedback_log as log
from serve_app.storage.tables import feedback_matches as matches

ERASED = "erased"
TOO_OLD = "forgotten for its age"


@dataclass(frozen=True, slots=True)
class SubjectFeedback:
    """By what feedback about a subject is found.

    `rows` are predictions with the rows of them that are about it, by their endpoint and id,
    `keys` what stands for keys of it, by endpoint.
    """

    subject: str
    rows: Mapping[tuple[str, str], frozenset[int]] = field(default_factory=dict)
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)


class FeedbackErasure:
    """Finds and removes rows of the database; `clock` gives seconds since 1970.

    Every method raises RegistryFailed where the database cannot be used; nothing is removed then.
    """

    def __init__(self, state: str, *, clock: Callable[[], float] = time.time) -> None:
        self._place = place_of(state)
        self._database: Database = open_database(self._place, clock)

    def received(self, whose: SubjectFeedback) -> list[dict[str, Any]]:
        """What was received about a subject, as values of JSON, in the order in which it came."""

        def read(connection: Connection) -> list[dict[str, Any]]:
            shown: list[dict[str, Any]] = []
            for some in parts(sorted(_numbers(connection, whose))):
                rows = select(table).where(among(connection, table.c.number, some))
                shown += [_shown(row) for row in connection.execute(rows.order_by(table.c.number))]
            return shown

        return self._database.read(table, read) or []

    def erase(self, whose: SubjectFeedback) -> int:
        """Remove what was received about a subject, and say how much it was.

        Where a file keeps it, what is removed is overwritten there.
        """

        def write(connection: Connection) -> int:
            return _removed(connection, sorted(_numbers(connection, whose)), ERASED)

        return self._written(write)

    def forget_feedback(self, before_s: float) -> int:
        """Remove feedback received before a time in seconds since 1970, and say how much."""
        old = select(table.c.number).where(table.c.received_at_s < before_s)

        def write(connection: Connection) -> int:
            return _removed(connection, list(connection.execute(old).scalars()), TOO_OLD)

        return self._written(write) if self._is_any(table, old) else 0

    def forget_events(self, before_s: float) -> int:
        """Remove events from before a time (seconds since 1970), and say how many."""
        old = select(events.c.id).where(events.c.at_s < before_s)
        if not self._is_any(events, old):
            return 0

        def write(connection: Connection) -> int:
            gone = connection.execute(delete(events).where(events.c.at_s < before_s))
            return int(gone.rowcount)

        return self._written(write)

    def _is_any(self, of: Table, rows: Select[Any]) -> bool:
        return bool(self._database.read(of, lambda c: c.execute(rows.limit(1)).first() is not None))

    def _written(self, operation: Callable[[Connection], int]) -> int:
        if self._database.read(table, lambda _: True) is None:
            return 0

        def write(connection: Connection) -> int:
            retention.one_at_a_time(connection)
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            return operation(connection)

        removed = self._database.write(write)
        if self._place.file is not None:
            # What was overwritten stands in the write-ahead log until it is moved into the file.
            with closing(connect_to_write(self._place.file)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return removed


def _removed(connection: Connection, numbers: Sequence[int], what: str) -> int:
    counts: Counter[tuple[str, str]] = Counter()
    for some in parts(numbers):
        endpoints = select(table.c.endpoint).where(among(connection, table.c.number, some))
        counts.update((one, what) for one in connection.execute(endpoints).scalars())
        for one in (matches, log, table):
            connection.execute(delete(one).where(among(connection, one.c.number, some)))
    retention.count(connection, counts)
    return len(numbers)


def _numbers(connection: Connection, whose: SubjectFeedback) -> set[int]:
    """The numbers of all feedback that is about a subject, also of what is not matched yet."""
    numbers: set[int] = set()
    if _has_subjects(connection):
        of_subject = select(matches.c.number).where(matches.c.subject == whose.subject)
        numbers |= set(connection.execute(of_subject).scalars())
    for some in parts(sorted({name for _, name in whose.rows})):
        rows = select(table.c.number, table.c.endpoint, table.c.prediction_id, table.c.row).where(
            among(connection, table.c.prediction_id, some)
        )
        numbers |= {row.number for row in connection.execute(rows) if _is_about(row, whose)}
    for endpoint, keys in whose.keys.items():
        numbers |= _by_keys(connection, endpoint, keys)
    return numbers


def _is_about(row: Any, whose: SubjectFeedback) -> bool:
    rows = whose.rows.get((row.endpoint, row.prediction_id))
    # What is said of a whole request is said of each of its rows.
    return rows is not None and (row.row is None or row.row in rows)


def _by_keys(connection: Connection, endpoint: str, keys: Collection[str]) -> set[int]:
    """What came by keys and is matched with no row, so that nobody else's row is meant."""
    numbers: set[int] = set()
    for some in parts(sorted(keys)):
        rows = select(table.c.number).where(
            table.c.endpoint == endpoint,
            table.c.prediction_id.is_(None),
            table.c.state != "matched",
            among(connection, table.c.key, some),
        )
        numbers |= set(connection.execute(rows).scalars())
    return numbers


def _has_subjects(connection: Connection) -> bool:
    """Whether the table has the column: that of a former version has none until it is written."""
    inspector = inspect(connection)
    if not inspector.has_table(matches.name):
        return False
    return any(one["name"] == "subject" for one in inspector.get_columns(matches.name))


def _shown(row: Row[Any]) -> dict[str, Any]:
    return {
        "endpoint": row.endpoint,
        "prediction_id": row.prediction_id,
        "row": row.row,
        "variants": json.loads(row.variants),
        "truth": None if row.truth is None else json.loads(row.truth),
        "reward": row.reward,
        "request_id": row.request_id,
        "received_at_s": row.received_at_s,
        "state": row.state,
    }
