"""The ledger of runs: states, effects and events, each change one transaction under a lease."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.errors import Conflict, NotFound
from serve_app.lifecycle.retraining import leases
from serve_app.lifecycle.retraining.database import Database
from serve_app.lifecycle.retraining.leases import Lease
from serve_app.lifecycle.retraining.states import FOLLOWING, TERMINAL, Run, State

_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a model: who did what and why; `at_s` since 1970."""

    model: str
    at_s: float
    who: str
    what: str
    why: str = ""
    run: str | None = None
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Intent:
    """Something that is done outside the ledger: how often it was begun, and what came of it."""

    attempts: int
    result: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Change:
    """What a state leaves when it is over, and why the next one follows."""

    state: State
    why: str = ""
    facts: Mapping[str, Any] | None = None
    champion: int | None = None
    challenger: int | None = None


class Ledger:
    """Reads and changes runs. Every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def run(self, name: str) -> Run:
        """One run.

        Raises:
            NotFound: there is none of this name; says which there are.
        """
        with self.database.reading() as db:
            row = db.execute("SELECT * FROM run WHERE id = ?", (name,)).fetchone()
        if row is None:
            known = ", ".join(one.id for one in self.runs()[:5]) or "none"
            raise NotFound(f"there is no run {name!r} of retraining; there are: {known}")
        return run_of(row)

    def runs(self, model: str | None = None) -> list[Run]:
        """All runs, of one model or of all, the newest first."""
        with self.database.reading() as db:
            rows = db.execute(
                "SELECT * FROM run WHERE ? IS NULL OR model = ? "
                "ORDER BY created_s DESC, rowid DESC",
                (model, model),
            ).fetchall()
        return [run_of(row) for row in rows]

    def active(self, model: str) -> Run | None:
        """The run of a model that is not over, if there is one."""
        with self.database.reading() as db:
            row = db.execute(
                "SELECT * FROM run WHERE model = ? AND is_over = 0", (model,)
            ).fetchone()
        return None if row is None else run_of(row)

    def events(self, model: str | None = None, run: str | None = None) -> list[Event]:
        """What happened, oldest first."""
        with self.database.reading() as db:
            rows = db.execute(
                "SELECT * FROM event WHERE (? IS NULL OR model = ?) AND (? IS NULL OR run = ?) "
                "ORDER BY id",
                (model, model, run, run),
            ).fetchall()
        return [
            Event(
                row["model"], row["at_s"], row["who"], row["what"], row["why"], row["run"],
                row["state_before"], row["state_after"],
            )
            for row in rows
        ]  # fmt: skip

    def move(self, run: Run, change: Change, lease: Lease, now_s: float) -> Run:
        """Let a run enter its next state, and keep who did so and why.

        Raises:
            Conflict: another process works on it, or has changed it since.
            ValueError: that state does not follow.
        """
        if change.state not in FOLLOWING.get(run.state, frozenset()):
            raise ValueError(f"{change.state} does not follow {run.state}")
        facts = {**run.facts, **(change.facts or {})}
        over = change.state in TERMINAL
        error = change.why[:_CHARACTERS] if over and change.state != "PROMOTED" else None
        with self.database.writing() as db:
            leases.check(db, lease)
            moved = db.execute(
                "UPDATE run SET state = ?, version = version + 1, epoch = ?, entered_s = ?, "
                "is_over = ?, champion = coalesce(?, champion), "
                "challenger = coalesce(?, challenger), error = ?, facts = ? "
                # Whoever cancels in time is not surprised by a promotion.
                "WHERE id = ? AND version = ? AND epoch <= ? "
                "AND (cancel IS NULL OR ? <> 'PROMOTING')",
                (
                    change.state, lease.epoch, now_s, over, change.champion, change.challenger,
                    error, json.dumps(facts), run.id, run.version, lease.epoch, change.state,
                ),
            )  # fmt: skip
            if moved.rowcount != 1:
                raise Conflict(f"run {run.id} was changed meanwhile; look at it again")
            event = Event(
                run.model, now_s, lease.owner, "state", change.why, run.id, run.state, change.state
            )
            add_event(db, event)
            return run_of(db.execute("SELECT * FROM run WHERE id = ?", (run.id,)).fetchone())

    def intend(self, run: Run, name: str, lease: Lease, now_s: float) -> Intent:
        """Say that something outside is about to be done; gives what came of it already.

        Raises:
            Conflict: another process works on the run.
        """
        with self.database.writing() as db:
            leases.check(db, lease)
            db.execute(
                "INSERT INTO effect (run, name, epoch, attempts, intended_s) "
                "VALUES (?, ?, ?, 1, ?) "
                "ON CONFLICT (run, name) DO UPDATE SET attempts = attempts + 1, "
                "epoch = excluded.epoch, intended_s = excluded.intended_s WHERE result IS NULL",
                (run.id, name, lease.epoch, now_s),
            )
            row = db.execute(
                "SELECT attempts, result FROM effect WHERE run = ? AND name = ?", (run.id, name)
            ).fetchone()
        result = None if row["result"] is None else json.loads(row["result"])
        return Intent(int(row["attempts"]), result)

    def settle(
        self, run: Run, name: str, result: Mapping[str, Any], lease: Lease, now_s: float
    ) -> None:
        """Keep what came of something that was done outside.

        Raises:
            Conflict: another process works on the run.
        """
        with self.database.writing() as db:
            leases.check(db, lease)
            db.execute(
                "UPDATE effect SET result = ?, settled_s = ? WHERE run = ? AND name = ?",
                (json.dumps(dict(result)), now_s, run.id, name),
            )

    def forgive(self, run: Run, name: str) -> None:
        """Let an attempt not count: what it needed was away for a while."""
        with self.database.writing() as db:
            db.execute(
                "UPDATE effect SET attempts = attempts - 1 WHERE run = ? AND name = ? "
                "AND result IS NULL",
                (run.id, name),
            )


def add_event(db: sqlite3.Connection, event: Event) -> None:
    """Write an event in a transaction that goes on."""
    db.execute(
        "INSERT INTO event (model, run, at_s, who, what, why, state_before, state_after) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.model, event.run, event.at_s, event.who, event.what, event.why[:_CHARACTERS],
            event.before, event.after,
        ),
    )  # fmt: skip


def run_of(row: sqlite3.Row) -> Run:
    """The run of a row."""
    return Run(
        row["id"],
        row["model"],
        row["pipeline"],
        json.loads(row["body"]),
        row["trigger_id"],
        row["state"],
        row["version"],
        row["created_s"],
        row["entered_s"],
        champion=row["champion"],
        challenger=row["challenger"],
        cancel=row["cancel"],
        error=row["error"],
        facts=json.loads(row["facts"]),
    )
