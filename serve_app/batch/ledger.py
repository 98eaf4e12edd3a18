"""The ledger of jobs: what was submitted, which shards are done, and who tried what.

It is the truth about jobs, a SQLite file on a local disk: every change is one transaction that is
on the disk before anybody goes on. Several processes may use it at the same time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from serve_app.batch.committed import Committed
from serve_app.batch.job import Job, JobState
from serve_app.batch.ledger_schema import LATELY, OWNER, STEPS, TOTALS, UNFINISHED
from serve_app.batch.shards import Shard
from serve_app.batch.status import ENDED, JobStatus, Others
from serve_app.core.durable import NotWritten, brought_up_to, changing, connected, keep_log
from serve_app.errors import ConfigError, Conflict, NotFound

MOST_FAILURES = 3
"""A shard that failed so often is left alone until somebody resumes its job."""
FILE = "jobs.sqlite"
_FIRST_ERRORS = 20
_CHARACTERS = 2_000
_LATELY_S = 60.0


class Ledger:
    """The ledger in one file, which is made with its first use; `clock` is seconds since 1970.

    Raises:
        ConfigError: the file is of a later release, or no ledger.
        NotWritten: its disk is full, or another process writes it.
    """

    def __init__(self, file: Path, *, clock: Callable[[], float]) -> None:
        self._file = file
        self._clock = clock
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with connected(self._file) as connection:
                version = brought_up_to(connection, STEPS)
            keep_log(file, self)
        except NotWritten:
            raise
        except sqlite3.DatabaseError as error:
            msg = f"{file} is no ledger of jobs, or cannot be written: {error}; move it away"
            raise ConfigError(msg) from error
        if version > len(STEPS):
            msg = f"{file} was written by a later release; use that one, or another folder"
            raise ConfigError(msg)

    def submit(
        self, job: Job, shards: Sequence[Shard], idempotency_key: str | None = None
    ) -> tuple[str, bool]:
        """Keep a job, and say its name and whether it is new.

        The same job, or the same `idempotency_key`, gives the job that is there already, which
        has the limits of bad rows from then on that are given now.

        Raises:
            Conflict: the key was given for another job.
        """
        now = self._clock()
        # Each is computed of the whole job.
        name, content_key = job.id, job.key
        key = content_key if idempotency_key is None else f"given:{idempotency_key}"
        body = json.dumps(job.to_json())
        with changing(self._file) as connection:
            row = connection.execute(
                "SELECT id, content_key FROM job WHERE key = ? OR id = ?", (key, name)
            ).fetchone()
            if row is not None:
                if row[1] != content_key:
                    msg = f"the key {idempotency_key!r} was given for another job, {row[0]}"
                    raise Conflict(msg, job=row[0])
                connection.execute("UPDATE job SET body = ? WHERE id = ?", (body, row[0]))
                return str(row[0]), False
            connection.execute(
                "INSERT INTO job VALUES (?, ?, ?, ?, 'QUEUED', '', ?, ?)",
                (name, key, content_key, body, now, now),
            )
            connection.executemany(
                "INSERT INTO shard (job, number, file, first_row, row_count, start, stop) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (name, one.number, one.file, one.first_row, one.rows, one.start, one.stop)
                    for one in shards
                ],
            )
        return name, True

    def job(self, name: str) -> Job:
        """A job as it was submitted.

        Raises:
            NotFound: there is none of that name; says which there are.
        """
        with connected(self._file) as connection:
            row = connection.execute("SELECT body FROM job WHERE id = ?", (name,)).fetchone()
            if row is None:
                raise self._unknown(connection, name)
        return Job.from_json(json.loads(row[0]))

    def names(self) -> list[str]:
        """The names of all jobs, the newest first."""
        with connected(self._file) as connection:
            rows = connection.execute("SELECT id FROM job ORDER BY submitted_at_s DESC, id")
            return [str(row[0]) for row in rows]

    def others(self, job: Job) -> Others | None:
        """What other jobs leave to a new one; none where the job is kept already."""
        with connected(self._file) as connection:
            if connection.execute("SELECT 1 FROM job WHERE id = ?", (job.id,)).fetchone():
                return None
            (unfinished,) = connection.execute(UNFINISHED, (json.dumps(sorted(ENDED)),)).fetchone()
            owner = connection.execute(OWNER, (job.out,)).fetchone()
        return Others(unfinished, None if owner is None else str(owner[0]))

    def status(self, name: str) -> JobStatus:
        """How far a job is.

        Raises:
            NotFound: there is none of that name.
        """
        with connected(self._file) as connection:
            row = connection.execute(
                "SELECT body, state, message, submitted_at_s, changed_at_s FROM job WHERE id = ?",
                (name,),
            ).fetchone()
            if row is None:
                raise self._unknown(connection, name)
            totals = connection.execute(TOTALS, (name,)).fetchone()
            commits = connection.execute(
                "SELECT committed FROM shard WHERE job = ? AND rows_bad > 0 "
                "ORDER BY number LIMIT ?",
                (name, _FIRST_ERRORS),
            ).fetchall()
        body, state, message, submitted_at_s, changed_at_s = row
        errors = [error for (text,) in commits for error in Committed.decode(text).first_errors]
        job = json.loads(body)
        shards, shards_done, poisoned, rows, rows_done, rows_ok, rows_bad, attempts = totals
        return JobStatus(
            job=name,
            state=state,
            version=job["version"],
            out=job["out"],
            message=message,
            submitted_at_s=submitted_at_s,
            changed_at_s=changed_at_s,
            shards=shards,
            shards_done=shards_done,
            shards_poisoned=poisoned,
            rows=rows,
            rows_done=rows_done,
            rows_ok=rows_ok,
            rows_bad=rows_bad,
            attempts=attempts,
            first_errors=tuple(errors[:_FIRST_ERRORS]),
        )

    def rows_per_s(self, name: str) -> float | None:
        """How many rows a second were committed lately; none where nothing was."""
        now_s = self._clock()
        with connected(self._file) as connection:
            rows, since_s = connection.execute(LATELY, (name, now_s - _LATELY_S)).fetchone()
        return rows / (now_s - since_s) if rows and now_s > since_s else None

    def pending(self, name: str) -> list[Shard]:
        """The shards that are to be answered, those first that were tried least often."""
        with connected(self._file) as connection:
            rows = connection.execute(
                "SELECT number, file, first_row, row_count, start, stop FROM shard "
                "WHERE job = ? AND state = 'PENDING' ORDER BY attempts, number",
                (name,),
            )
            return [Shard(*row) for row in rows]

    def committed(self, name: str) -> list[Committed]:
        """What is committed of a job, in the order of its shards."""
        with connected(self._file) as connection:
            rows = connection.execute(
                "SELECT committed FROM shard WHERE job = ? AND state = 'DONE' ORDER BY number",
                (name,),
            )
            return [Committed.decode(text) for (text,) in rows]

    def files(self, name: str) -> list[int]:
        """The position of the file that each shard is of, in the order of shards."""
        with connected(self._file) as connection:
            rows = connection.execute(
                "SELECT file FROM shard WHERE job = ? ORDER BY number", (name,)
            )
            return [int(row[0]) for row in rows]

    def begin(self, name: str, shard: int) -> int:
        """Note that a shard is tried, and give the number of the attempt, which no other has."""
        with changing(self._file) as connection:
            connection.execute(
                "UPDATE shard SET attempts = attempts + 1 WHERE job = ? AND number = ?",
                (name, shard),
            )
            (attempt,) = connection.execute(
                "SELECT attempts FROM shard WHERE job = ? AND number = ?", (name, shard)
            ).fetchone()
            connection.execute(
                "INSERT INTO attempt VALUES (?, ?, ?, ?, NULL, 'BEGUN', '')",
                (name, shard, attempt, self._clock()),
            )
        return int(attempt)

    def commit(self, done: Committed) -> None:
        """Note that a shard is committed; again, it changes nothing."""
        with changing(self._file) as connection:
            connection.execute(
                "UPDATE shard SET state = 'DONE', rows_ok = ?, rows_bad = ?, committed = ?, "
                "error = '' WHERE job = ? AND number = ? AND state != 'DONE'",
                (done.rows_ok, done.rows_bad, done.encode().decode(), done.job, done.shard),
            )
            self._end_attempt(connection, (done.job, done.shard, done.attempt), "COMMITTED", "")

    def fail(self, name: str, shard: int, attempt: int, error: str) -> bool:
        """Note that an attempt failed; says whether the shard is left alone from now on."""
        text = error[:_CHARACTERS]
        with changing(self._file) as connection:
            connection.execute(
                "UPDATE shard SET failures = failures + 1, error = ?, state = CASE WHEN "
                "failures + 1 >= ? THEN 'POISONED' ELSE 'PENDING' END "
                "WHERE job = ? AND number = ? AND state != 'DONE'",
                (text, MOST_FAILURES, name, shard),
            )
            self._end_attempt(connection, (name, shard, attempt), "FAILED", text)
            row = connection.execute(
                "SELECT state FROM shard WHERE job = ? AND number = ?", (name, shard)
            ).fetchone()
        return bool(row[0] == "POISONED")

    def put_off(self, name: str, shard: int, attempt: int, reason: str) -> None:
        """Note that an attempt ended for which nobody is to blame: its shard is tried again."""
        with changing(self._file) as connection:
            key = (name, shard, attempt)
            self._end_attempt(connection, key, "PUT OFF", reason[:_CHARACTERS])

    def reopen(self, name: str, shards: Sequence[int]) -> None:
        """Let committed shards be answered again, since their output is gone."""
        with changing(self._file) as connection:
            connection.executemany(
                "UPDATE shard SET state = 'PENDING', rows_ok = 0, rows_bad = 0, committed = '' "
                "WHERE job = ? AND number = ?",
                [(name, shard) for shard in shards],
            )

    def resume(self, name: str) -> None:
        """Let a job that ended early go on: what was left alone is tried again."""
        with changing(self._file) as connection:
            connection.execute(
                "UPDATE shard SET state = 'PENDING', failures = 0 "
                "WHERE job = ? AND state = 'POISONED'",
                (name,),
            )
            self._set(connection, name, "QUEUED", "")

    def move(self, name: str, state: JobState, message: str = "", *, only_from: JobState) -> bool:
        """Change the state of a job; says whether it was in the state that it had to be in."""
        with changing(self._file) as connection:
            return self._set(connection, name, state, message, only_from)

    def cancel(self, name: str) -> JobState:
        """Ask a job to end: one that nobody runs has ended then. Gives its state.

        Raises:
            NotFound: there is none of that name.
        """
        state = self.status(name).state
        wanted: dict[JobState, JobState] = {"QUEUED": "CANCELLED", "RUNNING": "CANCELLING"}
        if state in wanted and self.move(name, wanted[state], only_from=state):
            return wanted[state]
        return self.status(name).state

    def errors(self, name: str) -> list[tuple[int, int, str]]:
        """Shards whose last attempt failed: number, how often they did, and why."""
        with connected(self._file) as connection:
            rows = connection.execute(
                "SELECT number, failures, error FROM shard WHERE job = ? AND error != '' "
                "AND state != 'DONE' ORDER BY number LIMIT ?",
                (name, _FIRST_ERRORS),
            )
            return [(int(number), int(failures), str(error)) for number, failures, error in rows]

    def _set(
        self,
        connection: sqlite3.Connection,
        name: str,
        state: JobState,
        message: str,
        only_from: JobState | None = None,
    ) -> bool:
        changed = connection.execute(
            "UPDATE job SET state = ?, message = ?, changed_at_s = ? WHERE id = ? "
            "AND (? IS NULL OR state = ?)",
            (state, message[:_CHARACTERS], self._clock(), name, only_from, only_from),
        )
        return changed.rowcount > 0

    def _end_attempt(
        self, connection: sqlite3.Connection, key: tuple[str, int, int], outcome: str, error: str
    ) -> None:
        connection.execute(
            "UPDATE attempt SET ended_at_s = ?, outcome = ?, error = ? "
            "WHERE job = ? AND shard = ? AND attempt = ?",
            (self._clock(), outcome, error, *key),
        )

    def _unknown(self, connection: sqlite3.Connection, name: str) -> NotFound:
        rows = connection.execute("SELECT id FROM job ORDER BY submitted_at_s DESC LIMIT 10")
        known = [str(row[0]) for row in rows]
        return NotFound(
            f"there is no job {name!r}; jobs: {', '.join(known) or 'none'}", known=known
        )
