"""The desk of batch jobs: takes them, says how far they are, ends them and lets them go on.

Nothing is answered here: whoever works on the ledger takes what is queued. All calls block.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from serve_app.batch.inputs import Place
from serve_app.batch.job import JobOptions
from serve_app.batch.ledger import FILE, Ledger
from serve_app.batch.shards import plan
from serve_app.batch.status import JobStatus
from serve_app.config.jobs import JobsSettings
from serve_app.engine.batch.output import output_of
from serve_app.engine.batch.quarantined import quarantined
from serve_app.engine.batch.record_inputs import header_of, settled_on
from serve_app.engine.batch.roots import Roots
from serve_app.engine.batch.run_lock import is_running
from serve_app.engine.batch.submission import job_of, submit
from serve_app.errors import Conflict, NotFound, Overloaded, ServerFault
from serve_app.registry.named import named
from serve_app.registry.store import Registry

Json = dict[str, Any]
RETRY_AFTER_S = 30
FOLDER = "jobs"
"""The folder of the ledger, within that of the state."""


@dataclass(frozen=True, slots=True)
class JobOrder:
    """A job as somebody wants it: a version by a reference, files by their paths.

    `output` is the name of its folder, `preprocess` the transformer that runs before.
    """

    model: str
    inputs: tuple[str, ...]
    output: str
    options: JobOptions
    preprocess: str | None = None
    idempotency_key: str | None = None


class JobDesk:
    """Jobs of one ledger; `is_running` says whether somebody works on one now.

    No more than `max_unfinished` jobs wait or run at a time.
    """

    def __init__(
        self,
        ledger: Ledger,
        registry: Registry,
        roots: Roots,
        *,
        max_unfinished: int,
        is_running: Callable[[str], bool],
    ) -> None:
        self._ledger, self._registry, self._roots = ledger, registry, roots
        self._max_unfinished, self._is_running = max_unfinished, is_running

    def submit(self, order: JobOrder) -> tuple[Json, bool]:
        """Keep a job, and say how it stands and whether it is new; it is on the disk then.

        Raises:
            InvalidInput: no such job can be; says why.
            Forbidden: a file is outside of the roots.
            NotFound: there is no such version.
            Conflict: the key was given for another job, or the folder is another's.
            Overloaded: too many jobs wait.
        """
        out = self._roots.output(order.output)
        version = self._registry.manifest(*named(self._registry, order.model))
        before = order.preprocess
        prepare = (
            None if before is None else self._registry.manifest(*named(self._registry, before))
        )
        places, options = self._read(order)
        first = version if prepare is None else prepare
        is_header = header_of(options.rendering, first)
        cut = plan(places, options.shard_rows, is_header, self._roots.max_input_bytes)
        job = job_of(cut, version, out, options, prepare)
        others = self._ledger.others(job)
        if others is not None:
            self._require_room(others.unfinished)
            if others.owner is not None:
                msg = f"the output of {others.owner} stands there; name another one"
                raise Conflict(msg, job=others.owner)
        name, is_new = submit(self._ledger, job, cut, order.idempotency_key)
        return self.show(name), is_new

    def names(self) -> list[str]:
        """The names of all jobs, the newest first."""
        return self._ledger.names()

    def _read(self, order: JobOrder) -> tuple[list[Place], JobOptions]:
        """The files of a job, and its options now that they are known."""
        rendering = order.options.rendering
        if rendering is None:
            return self._roots.places(order.inputs), order.options
        self._roots.check_destination(rendering.destination)
        places, settled = settled_on(self._roots, order.inputs, rendering)
        return places, replace(order.options, rendering=settled)

    def all(self, limit: int) -> list[Json]:
        """How the newest jobs stand."""
        return [self.show(name) for name in self._ledger.names()[:limit]]

    def show(self, name: str) -> Json:
        """How far a job is.

        Raises:
            NotFound: there is none of that name.
        """
        status = self._ledger.status(name)
        rate = self._ledger.rows_per_s(name) if status.state == "RUNNING" else None
        left = status.rows - status.rows_done
        failed = [
            {"shard": number, "failures": times, "error": error}
            for number, times, error in self._ledger.errors(name)
        ]
        return {
            **status.to_json(),
            "state": self._shown_state(status),
            "rows_per_s": rate,
            "eta_s": left / rate if rate else None,
            "failed_shards": failed,
        }

    def quarantine(self, name: str, limit: int) -> list[Json]:
        """The first rows of a job that could not be answered, and why.

        Raises:
            NotFound: there is no job of that name.
            ServerFault: its output cannot be read; says why.
        """
        job = self._ledger.job(name)
        return list(itertools.islice(quarantined(job.out), limit))

    def manifest(self, name: str) -> bytes:
        """What the output of a job holds, as the file in its folder says.

        Raises:
            NotFound: there is no job of that name, or its output is not whole.
            ServerFault: its output cannot be read; says why.
        """
        job = self._ledger.job(name)
        try:
            content = output_of(job, name).manifest()
        except OSError as error:
            raise ServerFault(f"the output of {name} cannot be read: {error}") from error
        if content is None:
            raise NotFound(f"{name} has no manifest: one is written once its output is whole")
        return content

    def cancel(self, name: str) -> Json:
        """End a job; what is committed of it stays.

        Raises:
            NotFound: there is none of that name.
        """
        state = self._ledger.cancel(name)
        if state == "CANCELLING" and not self._is_running(name):
            self._ledger.move(name, "CANCELLED", "it was cancelled", only_from="CANCELLING")
        return self.show(name)

    def resume(self, name: str) -> Json:
        """Let a job that failed or was cancelled be taken again.

        Raises:
            NotFound: there is none of that name.
            Conflict: it has not ended, or it succeeded.
        """
        status = self._ledger.status(name)
        if status.state not in {"FAILED", "CANCELLED"}:
            raise Conflict(f"{name} is {status.state}; a job that failed or was cancelled goes on")
        self._ledger.resume(name)
        return self.show(name)

    def _shown_state(self, status: JobStatus) -> str:
        busy = status.state in {"RUNNING", "CANCELLING"}
        return "PAUSED" if busy and not self._is_running(status.job) else status.state

    def _require_room(self, unfinished: int) -> None:
        if unfinished >= self._max_unfinished:
            msg = f"{unfinished} jobs wait or run, and no more are taken; try again later"
            raise Overloaded(msg, retry_after_s=RETRY_AFTER_S)


def desk_of(settings: JobsSettings, registry: Registry, *, clock: Callable[[], float]) -> JobDesk:
    """The desk of some settings; `clock` is seconds since 1970.

    Raises:
        ConfigError: the ledger cannot be used.
    """
    folder = Path(settings.state) / FOLDER
    max_bytes = settings.max_input_mb * 1024 * 1024
    roots = Roots(settings.inputs, settings.outputs, max_bytes, settings.destinations)
    return JobDesk(
        Ledger(folder / FILE, clock=clock),
        registry,
        roots,
        max_unfinished=settings.max_unfinished,
        is_running=lambda name: is_running(folder, name),
    )
