"""The ledger of runs: what was wanted, what each step gave, every trial. SQLite, on local disk.

It alone says how far a run is. A transaction is durable once it returns, so that whatever was
written survives a process that is killed, and a machine that loses power.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from serve_app.core.durable import causes_known, connect, transaction
from serve_app.errors import ConfigError, Conflict, NotFound
from serve_app.lifecycle.trial import Trial

FILE = "ledger.db"
SCHEMA_VERSION = 1
RunState = Literal["RUNNING", "SUCCEEDED", "REJECTED", "FAILED", "CANCELLED"]
TERMINAL: frozenset[RunState] = frozenset({"SUCCEEDED", "REJECTED", "FAILED", "CANCELLED"})
_TABLES = """
CREATE TABLE run (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, model TEXT NOT NULL, body TEXT NOT NULL,
    state TEXT NOT NULL, created_at REAL NOT NULL, ended_at REAL, attempts INTEGER NOT NULL,
    cancel INTEGER NOT NULL DEFAULT 0, error TEXT, result TEXT, options TEXT NOT NULL
) STRICT;
CREATE TABLE step (
    run TEXT NOT NULL REFERENCES run (id), name TEXT NOT NULL, inputs TEXT NOT NULL,
    output TEXT NOT NULL, output_digest TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (run, name)
) STRICT;
CREATE TABLE trial (
    run TEXT NOT NULL REFERENCES run (id), number INTEGER NOT NULL, generation INTEGER NOT NULL,
    candidate TEXT NOT NULL, parameters TEXT NOT NULL, by_fold TEXT NOT NULL,
    seconds REAL NOT NULL, fit_s REAL NOT NULL, error TEXT,
    PRIMARY KEY (run, number)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a pipeline, whose `body` is as `spec.body_of` gives it."""

    id: str
    pipeline: str
    model: str
    body: Mapping[str, Any]
    state: RunState
    created_at: float
    ended_at: float | None = None
    attempts: int = 0
    cancel: bool = False
    error: str | None = None
    result: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is done: what went into it, what came out, and how long it took."""

    name: str
    inputs: Mapping[str, Any]
    output: Mapping[str, Any]
    output_digest: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Runs that have a text in their name, pipeline or model, and a state; empty is any."""

    text: str = ""
    state: str = ""


_ALL = RunFilter()
_FITTING = """
FROM run WHERE instr(lower(id || char(10) || pipeline || char(10) || model), lower(?)) > 0
AND (? = '' OR state = ?)
"""


class Ledger:
    """The runs of one folder. Every method is one transaction."""

    def __init__(self, folder: Path) -> None:
        """Open the ledger of a folder; it is made with the first run."""
        self._path = folder / FILE

    def create(self, run: Run) -> None:
        """Add a run.

        Raises:
            Conflict: there is one of this name.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        values = (run.id, run.pipeline, run.model, json.dumps(run.body), run.state, run.created_at)
        try:
            with self._writing() as db:
                db.execute(
                    "INSERT INTO run (id, pipeline, model, body, state, created_at, attempts, "
                    "options) VALUES (?, ?, ?, ?, ?, ?, 0, ?)",
                    (*values, json.dumps(run.options or {})),
                )
        except sqlite3.IntegrityError as error:
            raise Conflict(f"there is a run {run.id!r} already") from error

    def run(self, name: str) -> Run:
        """One run.

        Raises:
            NotFound: there is none of this name.
        """
        if self._path.exists():
            with self._reading() as db:
                row = db.execute("SELECT * FROM run WHERE id = ?", (name,)).fetchone()
            if row is not None:
                return _run(row)
        known = ", ".join(run.id for run in self.page(0, 5)) or "none"
        msg = f"there is no run {name!r} in {self._path.parent}; there are: {known}"
        raise NotFound(msg)

    def runs(self) -> list[Run]:
        """All runs, the newest first."""
        if not self._path.exists():
            return []
        with self._reading() as db:
            rows = db.execute("SELECT * FROM run ORDER BY created_at DESC, id DESC").fetchall()
        return [_run(row) for row in rows]

    def page(self, first: int, count: int, fitting: RunFilter = _ALL) -> list[Run]:
        """So many runs from a place on, where 0 is the newest that fits."""
        if not self._path.exists():
            return []
        with self._reading() as db:
            rows = db.execute(
                f"SELECT * {_FITTING} ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
                (fitting.text, fitting.state, fitting.state, count, first),
            ).fetchall()
        return [_run(row) for row in rows]

    def count(self, fitting: RunFilter = _ALL) -> int:
        """How many runs there are that fit."""
        if not self._path.exists():
            return 0
        values = (fitting.text, fitting.state, fitting.state)
        with self._reading() as db:
            return int(db.execute(f"SELECT count(*) {_FITTING}", values).fetchone()[0])

    def begin(self, name: str) -> int:
        """Say that a process works on a run from now on; gives the number of the attempt."""
        with self._writing() as db:
            db.execute(
                "UPDATE run SET attempts = attempts + 1, state = 'RUNNING', cancel = 0, "
                "error = NULL, ended_at = NULL WHERE id = ?",
                (name,),
            )
            row = db.execute("SELECT attempts FROM run WHERE id = ?", (name,)).fetchone()
        return int(row["attempts"])

    def end(
        self,
        name: str,
        state: RunState,
        at: float,
        *,
        result: Mapping[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Say how a run ended."""
        with self._writing() as db:
            db.execute(
                "UPDATE run SET state = ?, ended_at = ?, result = coalesce(?, result), error = ? "
                "WHERE id = ?",
                (state, at, None if result is None else json.dumps(result), error, name),
            )

    def ask_to_cancel(self, name: str) -> None:
        """Let whoever works on a run stop."""
        with self._writing() as db:
            db.execute("UPDATE run SET cancel = 1 WHERE id = ?", (name,))

    def is_cancelled(self, name: str) -> bool:
        """Whether somebody wants a run to stop."""
        with self._reading() as db:
            row = db.execute("SELECT cancel FROM run WHERE id = ?", (name,)).fetchone()
        return bool(row and row["cancel"])

    def steps(self, name: str) -> dict[str, Step]:
        """The steps of a run that are done, by name."""
        with self._reading() as db:
            rows = db.execute("SELECT * FROM step WHERE run = ? ORDER BY rowid", (name,)).fetchall()
        return {row["name"]: _step(row) for row in rows}

    def keep_step(self, name: str, step: Step) -> None:
        """Store a step, in place of what an earlier attempt made of it."""
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?, ?, ?)",
                (
                    name,
                    step.name,
                    json.dumps(step.inputs),
                    json.dumps(step.output),
                    step.output_digest,
                    step.seconds,
                ),
            )

    def trials(self, name: str) -> list[Trial]:
        """The trials of a run that were judged, in order."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT * FROM trial WHERE run = ? ORDER BY number", (name,)
            ).fetchall()
        return [_trial(row) for row in rows]

    def keep_trial(self, name: str, trial: Trial) -> None:
        """Store a trial that was judged."""
        with self._writing() as db:
            db.execute(
                "INSERT OR REPLACE INTO trial VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    name,
                    trial.number,
                    trial.generation,
                    trial.candidate,
                    json.dumps(dict(trial.parameters)),
                    json.dumps(trial.by_fold),
                    trial.seconds,
                    trial.fit_s,
                    trial.error,
                ),
            )

    def forget_trials(self, name: str) -> None:
        """Drop the trials of a run, whose inputs are not those of now."""
        with self._writing() as db:
            db.execute("DELETE FROM trial WHERE run = ?", (name,))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as db, transaction(db):
            yield db

    def _connect(self) -> sqlite3.Connection:
        try:
            db = connect(self._path)
        except sqlite3.OperationalError as error:
            raise ConfigError(f"{self._path} cannot be opened: {error}") from error
        try:
            db.row_factory = sqlite3.Row
            with causes_known(db):
                db.execute("PRAGMA journal_mode = WAL")
                _migrate(db, self._path)
        except BaseException:
            db.close()
            raise
        return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    """Make the tables of a new ledger; a newer one than this is left alone."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version == SCHEMA_VERSION:
        return
    if version > SCHEMA_VERSION:
        msg = f"{path} was written by a newer serve-app (schema {version}); update this one"
        raise ConfigError(msg)
    with transaction(db):
        if int(db.execute("PRAGMA user_version").fetchone()[0]) == 0:
            for statement in filter(str.strip, _TABLES.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _run(row: sqlite3.Row) -> Run:
    return Run(
        row["id"],
        row["pipeline"],
        row["model"],
        json.loads(row["body"]),
        row["state"],
        row["created_at"],
        row["ended_at"],
        row["attempts"],
        bool(row["cancel"]),
        row["error"],
        None if row["result"] is None else json.loads(row["result"]),
        json.loads(row["options"]),
    )


def _step(row: sqlite3.Row) -> Step:
    inputs, output = json.loads(row["inputs"]), json.loads(row["output"])
    return Step(row["name"], inputs, output, row["output_digest"], row["seconds"])


def _trial(row: sqlite3.Row) -> Trial:
    return Trial(
        row["number"],
        row["generation"],
        row["candidate"],
        json.loads(row["parameters"]),
        tuple(json.loads(row["by_fold"])),
        row["seconds"],
        row["fit_s"],
        row["error"],
    )
