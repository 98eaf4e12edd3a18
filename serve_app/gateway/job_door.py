"""Who takes batch jobs, as the paths of jobs know them. All calls block, and raise ServeErrors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from serve_app.engine.batch.desk import JobOrder
from serve_app.engine.batch.named_desk import NamedStatus
from serve_app.errors import ServeError
from serve_app.security.audit import AuditEvent

Json = Mapping[str, Any]


class Jobs(Protocol):
    """Takes jobs and says how they stand."""

    def submit(self, order: JobOrder) -> tuple[Json, bool]:
        """Keep a job, and say how it stands and whether it is new."""
        ...

    def names(self) -> Sequence[str]:
        """The names of all jobs, the newest first."""
        ...

    def all(self, limit: int) -> Sequence[Json]:
        """How the newest jobs stand."""
        ...

    def show(self, name: str) -> Json:
        """How far a job is."""
        ...

    def quarantine(self, name: str, limit: int) -> Sequence[Json]:
        """The first rows of a job that could not be answered."""
        ...

    def manifest(self, name: str) -> bytes:
        """What the output of a job holds, as JSON."""
        ...

    def cancel(self, name: str) -> Json:
        """End a job."""
        ...

    def resume(self, name: str) -> Json:
        """Let a job that ended early go on."""
        ...


class NamedJobs(Protocol):
    """Takes jobs under names that clients of another system give them."""

    def submit(self, system: str, name: str, order: JobOrder, request: Json) -> NamedStatus:
        """Keep a job under a name that is free."""
        ...

    def show(self, system: str, name: str) -> NamedStatus:
        """How a job stands."""
        ...

    def all(self, system: str) -> Sequence[NamedStatus]:
        """How all jobs of a system's clients stand, the newest first."""
        ...

    def cancel(self, system: str, name: str) -> NamedStatus:
        """End a job."""
        ...

    def forget(self, system: str, name: str) -> None:
        """Let the name of a job that has ended be free again."""
        ...


class Audited(Protocol):
    """Writes changes down before they are made, and attempts of those who may not."""

    async def made(
        self, begun: AuditEvent, named: Mapping[str, str], act: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Do something once it is written down."""
        ...

    async def refused(self, attempt: AuditEvent, error: ServeError) -> None:
        """Write down what somebody may not do."""
        ...


@dataclass(frozen=True, slots=True)
class JobDoor:
    """Who takes jobs, and the audit log, where there is one.

    `named` takes those of other systems' clients, where anybody does.
    """

    jobs: Jobs
    audited: Audited | None = None
    named: NamedJobs | None = None
