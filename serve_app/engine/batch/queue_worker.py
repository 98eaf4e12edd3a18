"""Works on the queue of a ledger: takes the oldest job that nobody runs, to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from serve_app.batch.job import Job
from serve_app.batch.ledger import Ledger
from serve_app.batch.status import JobStatus, Progress
from serve_app.core.ports import Clock
from serve_app.engine.batch.attempts import ShardExecutor
from serve_app.engine.batch.job_run import JobRun
from serve_app.engine.batch.output import output_of
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.engine.batch.run_lock import running
from serve_app.errors import Conflict, ServeError

Executors = Callable[[str, Job, OutputPlace], ShardExecutor]
"""Who answers the shards of a job: its name, itself, and its folder."""


class QueueWorker:
    """Runs queued jobs of one ledger one after the other; `clock` never goes back.

    Several may work on one ledger: each job is run by one of them. A job whose process died is
    taken up where it was.
    """

    def __init__(self, ledger: Ledger, locks: Path, executors: Executors, *, clock: Clock) -> None:
        self._ledger, self._locks = ledger, locks
        self._executors, self._clock = executors, clock

    def run_one(self, on_progress: Callable[[Progress], None]) -> JobStatus | None:
        """Run the oldest job that nobody runs to its end; none where there is none.

        Raises:
            BaseException: what ends this process; the job goes on where it is later.
        """
        for name in reversed(self._ledger.names()):
            if self._ledger.status(name).state not in {"QUEUED", "RUNNING", "CANCELLING"}:
                continue
            try:
                with running(self._locks, name):
                    status = self._run(name, on_progress)
            except Conflict:
                continue
            if status is not None:
                return status
        return None

    def _run(self, name: str, on_progress: Callable[[Progress], None]) -> JobStatus | None:
        ledger = self._ledger
        ledger.move(name, "CANCELLED", "it was cancelled", only_from="CANCELLING")
        if ledger.status(name).state not in {"QUEUED", "RUNNING"}:
            return None
        try:
            job = ledger.job(name)
            folder = output_of(job, name)
            one = JobRun(ledger, name, folder, clock=self._clock, on_progress=on_progress)
            return one.run(self._executors(name, job, folder))
        except ServeError as error:
            # Others wait behind a job whose output, say, cannot be written.
            for state in ("QUEUED", "RUNNING"):
                if ledger.move(name, "FAILED", error.message, only_from=state):
                    break
            return ledger.status(name)
