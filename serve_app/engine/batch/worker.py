"""A process that answers shards for a run elsewhere: it loads the versions once, and commits."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace

from serve_app.batch.away import StoreAway
from serve_app.batch.bad_rows import Counts, too_many
from serve_app.batch.committed import Committed
from serve_app.batch.job import Job
from serve_app.batch.shards import Shard
from serve_app.config.registry import RegistrySettings
from serve_app.engine.batch.attempts import Stopped, claimed_elsewhere
from serve_app.engine.batch.loading import scorer_of
from serve_app.engine.batch.output import output_of
from serve_app.engine.batch.shard_attempt import ShardAttempt, attempt_of
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ServeError

NICENESS = 10
"""Jobs give way to what is served to people."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker needs to know of a job: everything but which shards."""

    name: str
    job: Job
    registry: RegistrySettings
    allow_pickle: bool = False
    threads: int = 1
    niceness: int = NICENESS


@dataclass(frozen=True, slots=True)
class ShardRequest:
    """One attempt at a shard."""

    shard: Shard
    attempt: int


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """What became of an attempt: what was committed, why it failed, or why the whole job ends.

    Where a storage did not answer, `away` says which: nobody is to blame, and it is tried again.
    """

    done: Committed | None = None
    failed: str | None = None
    ended: str | None = None
    away: str | None = None


class ShardWorker:
    """Answers shards of one job in its process; versions are loaded with the first one."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._spec = spec
        self._attempt: ShardAttempt | None = None
        if spec.niceness:
            with suppress(OSError):
                os.nice(spec.niceness)

    def answer(self, request: ShardRequest) -> ShardOutcome:
        """Answer a shard and commit it; whatever is raised meanwhile is the outcome."""
        try:
            if self._attempt is None:
                self._attempt = self._loaded()
            return ShardOutcome(self._attempt.run(request.shard, request.attempt, self._watch))
        except Stopped as stopped:
            return ShardOutcome(ended=stopped.message)
        except StoreAway as away:
            return ShardOutcome(away=away.message)
        except ServeError as error:
            return ShardOutcome(ended=error.message)
        except Exception as error:  # noqa: BLE001 - disks, memory, libraries: it is tried again
            return ShardOutcome(failed=f"{type(error).__name__}: {error}")

    def _loaded(self) -> ShardAttempt:
        spec = self._spec
        folder = output_of(spec.job, spec.name)
        claimed_elsewhere(folder)
        scorer = scorer_of(
            open_registry(spec.registry),
            spec.job,
            threads=spec.threads,
            allow_pickle=spec.allow_pickle,
        )
        return attempt_of(spec.name, spec.job, scorer, folder)

    def _watch(self, counts: Counts) -> None:
        """End what too many bad rows of this shard alone end; shares are of the whole job."""
        reason = too_many(counts, replace(self._spec.job.options, max_bad_ratio=1.0))
        if reason is not None:
            raise Stopped("FAILED", reason)
