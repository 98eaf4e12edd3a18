"""Jobs by the names that clients of other systems give them, beside what those asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection, IntegrityError
from typing import Any

from serve_app.core.durable import changing, connected
from serve_app.errors import Conflict, NotFound


@dataclass(frozen=True, slots=True)
class NamedJob:
    """A job as a client of another system knows it; `given_at_s` is in seconds since 1970.

    `request` is what it asked for. `started_at_s` is when the first shard was begun, None before.
    """

    name: str
    job: str
    request: Mapping[str, Any]
    given_at_s: float
    started_at_s: float | None = None


class JobNames:
    """The names in the ledger `file`, which exists; `clock` is seconds since 1970."""

    def __init__(self, file: Path, *, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock

    def give(self, system: str, name: str, job: str, request: Mapping[str, Any]) -> None:
        """Name a job.

        Raises:
            Conflict: the name was given before.
        """
        row = (system, name, job, json.dumps(request), self._clock())
        try:
            with changing(self._file) as connection:
                connection.execute("INSERT INTO named VALUES (?, ?, ?, ?, ?)", row)
        except IntegrityError:
            raise self._taken(name) from None

    def require_free(self, system: str, name: str) -> None:
        """Return where no job has a name.

        Raises:
            Conflict: one has.
        """
        with connected(self._file) as connection:
            if self._rows(connection, system, name):
                raise self._taken(name)

    def of(self, system: str, name: str) -> NamedJob:
        """The job of a name.

        Raises:
            NotFound: there is none.
        """
        with connected(self._file) as connection:
            rows = self._rows(connection, system, name)
        if not rows:
            raise NotFound(f"there is no job {name[:200]!r}", job=name[:200])
        return rows[0]

    def all(self, system: str) -> list[NamedJob]:
        """All jobs that clients of a system named, the newest first."""
        with connected(self._file) as connection:
            return self._rows(connection, system, None)

    def forget(self, system: str, name: str) -> None:
        """Let a name be free again; its job stays."""
        with changing(self._file) as connection:
            connection.execute("DELETE FROM named WHERE system = ? AND name = ?", (system, name))

    def _rows(self, connection: Connection, system: str, name: str | None) -> list[NamedJob]:
        rows = connection.execute(_OF, (system, name, name))
        return [
            NamedJob(name, job, json.loads(request), given_at_s, started_at_s)
            for name, job, request, given_at_s, started_at_s in rows
        ]

    @staticmethod
    def _taken(name: str) -> Conflict:
        return Conflict(f"there is a job {name[:200]!r} already; name this one otherwise")


_OF = """
SELECT name, job, request, given_at_s,
       (SELECT MIN(began_at_s) FROM attempt WHERE attempt.job = named.job)
FROM named WHERE system = ? AND (? IS NULL OR name = ?) ORDER BY given_at_s DESC, name
"""
