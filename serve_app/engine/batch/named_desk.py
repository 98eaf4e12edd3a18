"""Jobs as clients of other systems name them, on the desk that takes all jobs. All calls block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.batch.job import JobState
from serve_app.batch.ledger import FILE
from serve_app.batch.named_jobs import JobNames, NamedJob
from serve_app.batch.status import ENDED
from serve_app.config.jobs import JobsSettings
from serve_app.engine.batch.desk import FOLDER, JobDesk, JobOrder
from serve_app.errors import Conflict

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NamedStatus:
    """A job as it was named, and how it stands."""

    named: NamedJob
    status: Json

    @property
    def state(self) -> JobState:
        """The state, PAUSED as well."""
        state: JobState = self.status["state"]
        return state

    @property
    def ended_at_s(self) -> float | None:
        """When it ended, in seconds since 1970; none before."""
        return float(self.status["changed_at_s"]) if self.state in ENDED else None


class NamedDesk:
    """Takes jobs of other systems' clients, each system with names of its own."""

    def __init__(self, desk: JobDesk, names: JobNames) -> None:
        self._desk, self._names = desk, names

    def submit(self, system: str, name: str, order: JobOrder, request: Json) -> NamedStatus:
        """Keep a job under a name that is free; it is on the disk then.

        Raises:
            Conflict: the name was given before.
            ServeError: no such job can be; says why.
        """
        self._names.require_free(system, name)
        status, _ = self._desk.submit(order)
        self._names.give(system, name, status["job"], request)
        return self.show(system, name)

    def show(self, system: str, name: str) -> NamedStatus:
        """How a job stands.

        Raises:
            NotFound: there is none of that name.
        """
        return self._status(self._names.of(system, name))

    def all(self, system: str) -> list[NamedStatus]:
        """How all jobs of a system's clients stand, the newest first."""
        return [self._status(one) for one in self._names.all(system)]

    def cancel(self, system: str, name: str) -> NamedStatus:
        """End a job; what is committed of it stays, and nothing is put elsewhere.

        Raises:
            NotFound: there is none of that name.
            Conflict: it has ended.
        """
        named = self._names.of(system, name)
        if self._status(named).state in ENDED:
            raise Conflict(f"{name[:200]} has ended already")
        self._desk.cancel(named.job)
        return self._status(named)

    def forget(self, system: str, name: str) -> None:
        """Let a name be free again; what was written stays.

        Raises:
            NotFound: there is none of that name.
            Conflict: its job has not ended.
        """
        if self.show(system, name).state not in ENDED:
            raise Conflict(f"{name[:200]} has not ended; cancel it first")
        self._names.forget(system, name)

    def _status(self, named: NamedJob) -> NamedStatus:
        return NamedStatus(named, self._desk.show(named.job))


def named_desk_of(
    settings: JobsSettings, desk: JobDesk, *, clock: Callable[[], float]
) -> NamedDesk:
    """The desk of some settings, before that of all jobs; `clock` is seconds since 1970."""
    return NamedDesk(desk, JobNames(Path(settings.state) / FOLDER / FILE, clock=clock))
