"""Runs a job, whoever answers its shards, until it is done, stopped or hopeless."""

from __future__ import annotations

import time
from collections.abc import Callable

from serve_app import __version__
from serve_app.batch.job import Job, JobState
from serve_app.batch.ledger import Ledger
from serve_app.batch.status import SUCCEEDED, JobStatus, Progress
from serve_app.core.ports import Clock
from serve_app.engine.batch.attempts import Attempts, ShardExecutor, Stopped
from serve_app.engine.batch.delivery import deliver
from serve_app.engine.batch.outage import Outage, Sleep
from serve_app.engine.batch.output_place import OutputPlace
from serve_app.errors import ServeError, ServerFault


class JobRun:
    """Runs one job of a ledger; `clock` never goes back.

    Two of these for the same job at the same time would answer some shards twice and commit each
    once; whoever starts them keeps it to one.
    """

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        folder: OutputPlace,
        *,
        clock: Clock,
        on_progress: Callable[[Progress], None] = lambda _: None,
        sleep: Sleep = time.sleep,
    ) -> None:
        self._ledger, self._name, self._folder = ledger, name, folder
        self._attempts = Attempts(ledger, name, folder, clock=clock, on_progress=on_progress)
        self._outage = Outage(ledger, name, self._attempts, clock=clock, sleep=sleep)

    def run(self, executor: ShardExecutor) -> JobStatus:
        """Run a job from where it is to its end; gives how it ended.

        `executor` is asked where there is anything to answer, and closed at the end.

        Raises:
            ServeError: the output is another's, or cannot be written at all.
            BaseException: what ends this process, such as KeyboardInterrupt; the job goes on where
                it is when it is run again.
        """
        ledger, name = self._ledger, self._name
        try:
            self._outage.bridged(self.adopt)
        except Stopped as stopped:
            self._end(stopped.state, stopped.message)
            return ledger.status(name)
        except OSError as error:
            raise ServerFault(self._refused(error)) from error
        status = ledger.status(name)
        if status.state not in SUCCEEDED or status.shards_done != status.shards:
            ledger.resume(name)
            ledger.move(name, "RUNNING", only_from="QUEUED")
        elif self._folder.is_finished():
            return status
        try:
            self._outage.bridged(lambda: self._answer(executor))
        except Stopped as stopped:
            self._end(stopped.state, stopped.message)
        except ServeError as error:
            self._end("FAILED", error.message)
        except OSError as error:
            self._end("FAILED", self._refused(error))
        except BaseException:
            ledger.move(name, "QUEUED", "it was stopped; resume it", only_from="RUNNING")
            raise
        finally:
            executor.close()
        return ledger.status(name)

    def _answer(self, executor: ShardExecutor) -> None:
        """Answer what is left, and finish.

        Raises:
            StoreAway: a storage does not answer now; it may be done again.
        """
        if self._outage.was:
            # A commit of which nobody heard may stand there.
            self.adopt()
            self._outage.over()
        self._attempts.count_from(self._ledger.status(self._name))
        while pending := self._ledger.pending(self._name):
            executor.answer(pending, self._attempts)
        self._finish()

    def adopt(self) -> None:
        """Bring the ledger and the folder together, whichever of them knows more.

        What was committed as a process died is put in its place and noted; what is noted and gone
        is answered again.
        """
        self._folder.claim()
        noted = {done.shard for done in self._ledger.committed(self._name)}
        pending = {shard.number for shard in self._ledger.pending(self._name)}
        lost: list[int] = []
        for shard in sorted(noted | pending):
            done = self._folder.committed(shard)
            if done is not None and self._folder.settle(done):
                if shard not in noted:
                    self._ledger.commit(done)
                continue
            if done is not None or shard in noted:
                self._folder.discard(shard)
            if shard in noted:
                lost.append(shard)
        if lost:
            self._ledger.reopen(self._name, lost)
        self._folder.sweep()

    def _finish(self) -> None:
        """Say that all is there, or which shards are not."""
        failed = self._ledger.errors(self._name)
        if failed:
            number, times, error = failed[0]
            more = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
            msg = f"shard {number} failed {times} times{more}: {error}; mend that, and resume"
            raise Stopped("FAILED", msg)
        commits = self._ledger.committed(self._name)
        job, status = self._ledger.job(self._name), self._ledger.status(self._name)
        read = sum(done.rows for done in commits)
        if read != status.rows or status.rows_ok + status.rows_bad != read:
            msg = f"{read:,} rows were answered or refused, but {status.rows:,} planned"
            raise ServerFault(msg)
        self._folder.sweep()
        if job.options.rendering is not None:
            deliver(job, self._folder, commits, self._ledger.files(self._name))
        self._folder.finish(self._manifest(job, status))
        self._end("SUCCEEDED_WITH_ERRORS" if status.rows_bad else "SUCCEEDED", "")

    def _manifest(self, job: Job, status: JobStatus) -> dict[str, object]:
        """What the output holds and what it was made of: the same for the same job."""
        commits = self._ledger.committed(self._name)
        folder = self._folder
        nulls = job.options.on_error == "null"
        return {
            "job": self._name,
            "serve_app": __version__,
            "rows": {"read": status.rows, "ok": status.rows_ok, "bad": status.rows_bad},
            "files": [
                {
                    "path": folder.output_name(done.shard),
                    "rows": done.rows if nulls else done.rows_ok,
                    "size": done.output.size,
                    "sha256": done.output.sha256,
                }
                for done in commits
            ],
            "quarantine": [
                {
                    "path": folder.quarantine_name(done.shard),
                    "rows": done.rows_bad,
                    "size": done.quarantine.size,
                    "sha256": done.quarantine.sha256,
                }
                for done in commits
                if done.quarantine is not None
            ],
            **job.to_json(),
        }

    def _refused(self, error: OSError) -> str:
        reason = error.strerror or str(error)
        return (
            f"the output cannot be written to {self._folder.root}: {reason}; mend that, and resume"
        )

    def _end(self, state: JobState, message: str) -> None:
        for before in ("RUNNING", "CANCELLING", "SUCCEEDED", "SUCCEEDED_WITH_ERRORS"):
            if self._ledger.move(self._name, state, message, only_from=before):
                return
