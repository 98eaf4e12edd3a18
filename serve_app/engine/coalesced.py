"""Concurrent requests to one version as one columnar call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.core.batcher import MAX_BYTES, Coalescer, Counters
from serve_app.core.columns import Columns
from serve_app.core.flow import OWNER
from serve_app.core.lanes import FEW_ROWS
from serve_app.core.ports import Clock, Models, Task
from serve_app.core.waiting import T


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one version's coalescer; see `core.batcher.Coalescer`."""

    max_rows: int
    max_calls: int
    max_waiting_rows: int
    slow_call_s: float
    max_bytes: int = MAX_BYTES


def _alone(_version: str) -> int:
    return 1


class CoalescedModels:
    """Wraps any `Models`: what arrives together and asks the same of a version goes together."""

    def __init__(
        self,
        models: Models,
        *,
        clock: Clock,
        limits: Limits,
        replicas: Callable[[str], int] = _alone,
        coalescer: type[Coalescer[Any]] = Coalescer,
    ) -> None:
        """Wrap `models`, of whose versions there are so many `replicas`.

        `coalescer` is the kind of what each version's requests wait in.
        """
        self._models = models
        self._clock = clock
        self._limits = limits
        self._replicas = replicas
        self._coalescer = coalescer
        self._coalescers: dict[tuple[str, str], Coalescer[Any]] = {}

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Ask, together with whatever else waits for the same task of this version.

        What takes long goes alone: others would wait for it with no use.
        """
        if task.takes_long:
            return await self._models.ask(version, task, columns, deadline)
        coalescer: Coalescer[T] | None = self._coalescers.get((version, task.name))
        if coalescer is None:
            coalescer = self._coalescers[version, task.name] = self._made(version, task)
        # Whoever asks about many rows at once takes turns with their own short requests as well.
        flow = (OWNER.get(), columns.rows > FEW_ROWS)
        return await coalescer.submit(columns, deadline, flow)

    def counters(self) -> Mapping[str, Counters]:
        """What was done for each version since it was first asked, all tasks together."""
        total: dict[str, Counters] = {}
        for (version, _), coalescer in self._coalescers.items():
            total[version] = total.get(version, Counters()) + coalescer.counters
        return total

    def retire(self, keep: Collection[str]) -> None:
        """Forget every version but these; what is on its way still gets its answer."""
        for key in [key for key in self._coalescers if key[0] not in keep]:
            del self._coalescers[key]

    def _made(self, version: str, task: Task[T]) -> Coalescer[T]:
        async def bound(columns: Columns, deadline: float) -> T:
            return await self._models.ask(version, task, columns, deadline)

        limits = self._limits
        return self._coalescer(
            bound,
            clock=self._clock,
            max_rows=limits.max_rows,
            max_calls=limits.max_calls,
            max_waiting_rows=limits.max_waiting_rows,
            slow_call_s=limits.slow_call_s,
            max_bytes=limits.max_bytes,
            replicas=lambda: self._replicas(version),
        )
