"""Concurrent requests to one version as one columnar call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic

from serve_app.core.batcher import MAX_BYTES, Coalescer, Counters
from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.ports import Clock, Models
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
    """Wraps any `Models`: what arrives together and asks the same goes together."""

    def __init__(
        self,
        models: Models,
        *,
        clock: Clock,
        limits: Limits,
        replicas: Callable[[str], int] = _alone,
    ) -> None:
        """Wrap `models`, of whose versions there are so many `replicas`."""
        self._predict = _ByVersion(models.predict, clock, limits, replicas)
        self._scored = _ByVersion(models.predict_with_scores, clock, limits, replicas)
        self._transform = _ByVersion(models.transform, clock, limits, replicas)

    async def predict(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Predict, together with whatever else waits for this version."""
        return await self._predict.of(version).submit(columns, deadline)

    async def predict_with_scores(
        self, version: str, columns: Columns, deadline: float
    ) -> Prediction:
        """Predict with raw scores, together with whatever else wants those of this version."""
        return await self._scored.of(version).submit(columns, deadline)

    async def transform(self, version: str, columns: Columns, deadline: float) -> Columns:
        """Transform, together with whatever else waits for this version."""
        return await self._transform.of(version).submit(columns, deadline)

    def counters(self) -> Mapping[str, Counters]:
        """What was done for each version since it was first asked, all ways of asking."""
        found: dict[str, Counters] = {}
        for version, counters in (
            *self._predict.counters(), *self._scored.counters(), *self._transform.counters(),
        ):  # fmt: skip
            found[version] = found.get(version, Counters()) + counters
        return found

    def retire(self, keep: Collection[str]) -> None:
        """Forget every version but these; what is on its way still gets its answer."""
        self._predict.retire(keep)
        self._scored.retire(keep)
        self._transform.retire(keep)


class _ByVersion(Generic[T]):
    """A coalescer for each version, for one way of asking."""

    def __init__(
        self,
        call: Callable[[str, Columns, float], Awaitable[T]],
        clock: Clock,
        limits: Limits,
        replicas: Callable[[str], int],
    ) -> None:
        self._call = call
        self._replicas = replicas
        self._clock = clock
        self._limits = limits
        self._coalescers: dict[str, Coalescer[T]] = {}

    def of(self, version: str) -> Coalescer[T]:
        """The coalescer of a version."""
        found = self._coalescers.get(version)
        if found is None:
            found = self._coalescers[version] = self._made(version)
        return found

    def counters(self) -> Iterator[tuple[str, Counters]]:
        """What was done for each version."""
        return ((version, made.counters) for version, made in self._coalescers.items())

    def retire(self, keep: Collection[str]) -> None:
        """Forget every version but these."""
        for version in [v for v in self._coalescers if v not in keep]:
            del self._coalescers[version]

    def _made(self, version: str) -> Coalescer[T]:
        async def bound(columns: Columns, deadline: float) -> T:
            return await self._call(version, columns, deadline)

        limits = self._limits
        return Coalescer(
            bound,
            clock=self._clock,
            max_rows=limits.max_rows,
            max_calls=limits.max_calls,
            max_waiting_rows=limits.max_waiting_rows,
            slow_call_s=limits.slow_call_s,
            max_bytes=limits.max_bytes,
            replicas=lambda: self._replicas(version),
        )
