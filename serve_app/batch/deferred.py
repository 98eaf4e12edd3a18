"""Requests that are answered later: what they were and what became of them, in one file.

It is a SQLite file on a local disk: every change is on the disk before anybody goes on. Several
processes of a machine may use it at the same time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from serve_app.core.durable import NotWritten, brought_up_to, changing, connected
from serve_app.errors import ConfigError, NotFound, Overloaded

FILE = "answers.sqlite"
RETRY_AFTER_S = 30
Pairs = tuple[tuple[str, str], ...]
DeferredState = Literal["PENDING", "RUNNING", "DONE", "CANCELLED", "LOST"]
"""Lost is what a process was to answer that has ended: no file says so."""


_STEPS = (
    (
        """
        CREATE TABLE answer (
            name TEXT PRIMARY KEY,
            system TEXT NOT NULL,
            endpoint TEXT NOT NULL,
            owner TEXT NOT NULL,
            process TEXT NOT NULL,
            state TEXT NOT NULL,
            request TEXT NOT NULL,
            body BLOB NOT NULL,
            submitted_at_s REAL NOT NULL,
            began_at_s REAL,
            ended_at_s REAL,
            status INTEGER,
            headers TEXT,
            answer BLOB
        )
        """,
        "CREATE INDEX answer_of_owner ON answer (owner)",
        "CREATE INDEX answer_by_time ON answer (submitted_at_s)",
    ),
)
"""What brings a file of no release, or of an earlier one, up to this one."""


@dataclass(frozen=True, slots=True)
class DeferredRequest:
    """A request as it came, its body decompressed.

    `system` says in whose words, `owner` whose its answer is, `parameters` what its path names.
    """

    system: str
    endpoint: str
    owner: str
    parameters: Mapping[str, str]
    headers: Pairs
    body: bytes


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer as it would have been sent at once."""

    status: int
    headers: Pairs
    body: bytes


@dataclass(frozen=True, slots=True)
class Deferred:
    """How a request stands; `process` answers it, `status` is that of its answer."""

    name: str
    endpoint: str
    owner: str
    process: str
    state: DeferredState
    submitted_at_s: float
    began_at_s: float | None = None
    ended_at_s: float | None = None
    status: int | None = None


class DeferredStore:
    """What is kept in one file, for `keep_s` from when it came, and at most `max_kept` of it.

    An owner has at most a quarter of the places, but for those in `shared`. `clock` is seconds
    since 1970.

    Raises:
        ConfigError: the file is of a later release, or of something else.
    """

    def __init__(
        self,
        file: Path,
        *,
        keep_s: float,
        max_kept: int,
        clock: Callable[[], float],
        shared: frozenset[str] = frozenset(),
    ) -> None:
        self._file, self._keep_s, self._max_kept = file, keep_s, max_kept
        self._clock, self.shared = clock, shared
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.touch(mode=0o600)
            with connected(self._file) as connection:
                version = brought_up_to(connection, _STEPS)
        except NotWritten:
            raise
        except (sqlite3.DatabaseError, OSError) as error:
            msg = f"{file} holds no answers, or cannot be written: {error}; move it away"
            raise ConfigError(msg) from error
        if version > len(_STEPS):
            msg = f"{file} was written by a later release; use that one, or another folder"
            raise ConfigError(msg)

    def submit(self, name: str, request: DeferredRequest, process: str) -> None:
        """Keep a request that a process will answer.

        Raises:
            Overloaded: as many are kept as may be, of all or of its owner.
        """
        kept = json.dumps([dict(request.parameters), request.headers])
        with changing(self._file) as connection:
            self._require_room(connection, request.owner)
            connection.execute(
                "INSERT INTO answer (name, system, endpoint, owner, process, state, request, body, "
                "submitted_at_s) VALUES (?, ?, ?, ?, ?, 'PENDING', ?, ?, ?)",
                (
                    *(name, request.system, request.endpoint, request.owner, process),
                    *(kept, request.body, self._clock()),
                ),
            )

    def begin(self, name: str) -> bool:
        """Note that a request is answered now; says whether anybody still wants that."""
        with changing(self._file) as connection:
            changed = connection.execute(
                "UPDATE answer SET state = 'RUNNING', began_at_s = ? WHERE name = ? "
                "AND state IN ('PENDING', 'RUNNING')",
                (self._clock(), name),
            )
            return changed.rowcount > 0

    def end(self, name: str, given: GivenAnswer) -> None:
        """Keep the answer to a request, unless it was cancelled meanwhile."""
        with changing(self._file) as connection:
            connection.execute(
                "UPDATE answer SET state = 'DONE', status = ?, headers = ?, answer = ?, "
                "ended_at_s = ? WHERE name = ? AND state = 'RUNNING'",
                (given.status, json.dumps(given.headers), given.body, self._clock(), name),
            )

    def cancel(self, name: str) -> bool:
        """Let a request have no answer; says whether it had none yet."""
        with changing(self._file) as connection:
            changed = connection.execute(
                "UPDATE answer SET state = 'CANCELLED', ended_at_s = ? WHERE name = ? "
                "AND state IN ('PENDING', 'RUNNING')",
                (self._clock(), name),
            )
            return changed.rowcount > 0

    def forget(self, name: str) -> None:
        """Keep nothing of a request any more."""
        with changing(self._file) as connection:
            connection.execute("DELETE FROM answer WHERE name = ?", (name,))

    def forget_old(self) -> int:
        """Keep nothing of what came longer ago than is kept; says how many that were."""
        with changing(self._file) as connection:
            changed = connection.execute(
                "DELETE FROM answer WHERE submitted_at_s < ?", (self._clock() - self._keep_s,)
            )
            return changed.rowcount

    def show(self, system: str, name: str) -> Deferred:
        """How a request stands.

        Raises:
            NotFound: there is none of that name in the words of that system, or no longer.
        """
        with connected(self._file) as connection:
            row = connection.execute(
                "SELECT name, endpoint, owner, process, state, submitted_at_s, began_at_s, "
                "ended_at_s, status "
                "FROM answer WHERE name = ? AND system = ? AND submitted_at_s >= ?",
                (name, system, self._clock() - self._keep_s),
            ).fetchone()
        if row is None:
            raise self.unknown(name)
        return Deferred(*row)

    def request(self, name: str) -> DeferredRequest:
        """A request as it was kept.

        Raises:
            NotFound: there is none of that name.
        """
        with connected(self._file) as connection:
            row = connection.execute(
                "SELECT system, endpoint, owner, request, body FROM answer WHERE name = ?", (name,)
            ).fetchone()
        if row is None:
            raise self.unknown(name)
        system, endpoint, owner, kept, body = row
        parameters, headers = json.loads(kept)
        return DeferredRequest(system, endpoint, owner, parameters, _pairs(headers), body)

    def answer(self, name: str) -> GivenAnswer:
        """The answer to a request.

        Raises:
            NotFound: there is none of that name, or none yet.
        """
        with connected(self._file) as connection:
            row = connection.execute(
                "SELECT status, headers, answer FROM answer WHERE name = ? AND state = 'DONE'",
                (name,),
            ).fetchone()
        if row is None:
            raise self.unknown(name)
        status, headers, body = row
        return GivenAnswer(status, _pairs(json.loads(headers)), body)

    def unknown(self, name: str) -> NotFound:
        """What is said of a name that there is not, or that is another's."""
        hours = self._keep_s / 3600
        msg = f"there is no answer {name[:80]!r}: each is kept for {hours:g} hours on its machine"
        return NotFound(msg)

    def _require_room(self, connection: sqlite3.Connection, owner: str) -> None:
        (kept,) = connection.execute("SELECT COUNT(*) FROM answer").fetchone()
        if kept >= self._max_kept:
            msg = f"{kept} answers are kept, and no more are; fetch and delete some"
            raise Overloaded(msg, retry_after_s=RETRY_AFTER_S)
        if owner in self.shared:
            return
        (own,) = connection.execute(
            "SELECT COUNT(*) FROM answer WHERE owner = ?", (owner,)
        ).fetchone()
        if own >= max(1, self._max_kept // 4):
            msg = f"{own} answers are kept for you, and no more are; fetch and delete some"
            raise Overloaded(msg, retry_after_s=RETRY_AFTER_S)


def _pairs(listed: list[list[str]]) -> Pairs:
    return tuple((name, value) for name, value in listed)
