"""How far a job is, and how long the rest takes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from serve_app.batch.job import JobState

ENDED: frozenset[JobState] = frozenset(
    {"CANCELLED", "SUCCEEDED", "SUCCEEDED_WITH_ERRORS", "FAILED"}
)
"""The states in which nothing goes on any more."""
SUCCEEDED: frozenset[JobState] = frozenset({"SUCCEEDED", "SUCCEEDED_WITH_ERRORS"})


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as the ledger has it; times are in seconds since 1970.

    `shards_poisoned` were tried so often without success that they are left alone.
    """

    job: str
    state: JobState
    version: str
    out: str
    message: str
    submitted_at_s: float
    changed_at_s: float
    shards: int
    shards_done: int
    shards_poisoned: int
    rows: int
    rows_done: int
    rows_ok: int
    rows_bad: int
    attempts: int
    first_errors: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The status as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run of a job is, whose start was `started_at_s` of a clock that never goes back.

    `rows_before` were done before the run began. While nothing can be done, `waiting` says why.
    """

    rows: int
    rows_before: int
    started_at_s: float
    rows_done: int = 0
    rows_bad: int = 0
    waiting: str = ""

    def rows_per_s(self, now_s: float) -> float | None:
        """How many rows this run answers in a second; none before it has begun."""
        took_s = now_s - self.started_at_s
        done = self.rows_done - self.rows_before
        return done / took_s if took_s > 0 and done > 0 else None

    def eta_s(self, now_s: float) -> float | None:
        """How long the rest takes at this rate."""
        rate = self.rows_per_s(now_s)
        return None if rate is None else (self.rows - self.rows_done) / rate


@dataclass(frozen=True, slots=True)
class Others:
    """How many other jobs have not ended, and whose output stands where a job's would."""

    unfinished: int
    owner: str | None
