"""What one run of a job tries: noted in the ledger, counted, and watched for a reason to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from serve_app.batch.bad_rows import Counts, too_many
from serve_app.batch.committed import Committed
from serve_app.batch.job import JobOptions, JobState
from serve_app.batch.ledger import Ledger
from serve_app.batch.shards import Shard
from serve_app.batch.status import JobStatus, Progress
from serve_app.core.ports import Clock
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.errors import Conflict

LOOK_S = 0.5
"""So often is looked whether a job was cancelled."""
OnProgress = Callable[[Progress], None]


class Stopped(Exception):
    """The job does not go on; says which state it has then, and why."""

    def __init__(self, state: JobState, message: str) -> None:
        super().__init__(state, message)
        self.state: JobState = state
        self.message = message


class Attempts:
    """The attempts of one run of a job; `clock` never goes back.

    Where output and ledger disagree, the ledger follows what is committed in the folder.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        folder: OutputPlace,
        *,
        clock: Clock,
        on_progress: OnProgress,
    ) -> None:
        self._ledger, self._name, self._folder = ledger, name, folder
        self._clock, self._on_progress = clock, on_progress
        self._options = ledger.job(name).options
        self._before = Counts()
        self._progress = Progress(0, 0, clock())
        self._looked_s = clock()

    @property
    def options(self) -> JobOptions:
        """How the job answers."""
        return self._options

    def count_from(self, status: JobStatus) -> None:
        """Count on from where a job is."""
        self._options = self._ledger.job(self._name).options
        self._before = Counts(status.rows_done, status.rows_bad)
        self._progress = Progress(
            status.rows, status.rows_done, self._clock(), status.rows_done, status.rows_bad
        )

    def wait(self, words: str) -> None:
        """Tell why nothing goes on for now, or that it does again, where there are no words."""
        self._progress = replace(self._progress, waiting=words)

    def begin(self, shard: Shard) -> int:
        """Note that a shard is tried, and give the number of the attempt."""
        return self._ledger.begin(self._name, shard.number)

    def commit(self, done: Committed) -> None:
        """Note what was committed; an attempt whose files are gone has failed instead."""
        if not self._folder.settle(done):
            self._folder.discard(done.shard)
            reason = f"its output is gone; {self._folder.unseen}"
            self.fail(done.shard, done.attempt, reason)
            return
        self._ledger.commit(done)
        self._folder.sweep(done.shard)
        self._before += done.counts

    def drop(self, shard: int) -> None:
        """Remove what an attempt left behind that is over."""
        self._folder.sweep(shard)

    def fail(self, shard: int, attempt: int, reason: str) -> None:
        """Note that an attempt failed, which is over: its shard is tried again, or left alone."""
        self._folder.sweep(shard)
        self._ledger.fail(self._name, shard, attempt, reason)

    def lose(self, shard: int, attempt: int, reason: str) -> None:
        """The same of an attempt whose process may still write, though nobody hears of it."""
        self._ledger.fail(self._name, shard, attempt, reason)

    def put_off(self, shard: int, attempt: int, reason: str) -> None:
        """Note that an attempt ended for which its shard is not to blame.

        What it left behind goes once the shard is committed, or the job goes on.
        """
        self._ledger.put_off(self._name, shard, attempt, reason)

    def watch(self, running: Counts) -> None:
        """Tell how far the job is with what runs now, and end what must not go on.

        Raises:
            Stopped: too many rows are bad, or somebody cancelled the job.
        """
        total = self._before + running
        reason = too_many(total, self._options)
        if reason is not None:
            raise Stopped("FAILED", reason)
        self._progress = replace(self._progress, rows_done=total.rows, rows_bad=total.bad)
        self._on_progress(self._progress)
        now_s = self._clock()
        if now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            if self._ledger.status(self._name).state == "CANCELLING":
                raise Stopped("CANCELLED", "it was cancelled")


class ShardExecutor(Protocol):
    """Answers shards, in this process or elsewhere."""

    def answer(self, pending: list[Shard], attempts: Attempts) -> None:
        """Try each shard once; what became of it is said to `attempts`.

        Raises:
            Stopped: the job does not go on.
            StoreAway: a storage does not answer now, and no attempt is under way any more.
            ServeError: nobody can answer, whatever the rows.
        """
        ...

    def close(self) -> None:
        """End everything that was started."""
        ...


def claimed_elsewhere(folder: OutputPlace) -> None:
    """Return where this process sees the place that a job claimed on another machine.

    Raises:
        Conflict: it does not.
    """
    if not folder.is_claimed():
        msg = f"{folder.root} is not the {folder.kind} of this job here: {folder.unseen}"
        raise Conflict(msg)
