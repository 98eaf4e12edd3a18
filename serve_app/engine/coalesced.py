"""Concurrent requests to one version as one columnar call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

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


class CoalescedModels:
    """Wraps any `Models`: what arrives together goes together."""

    def __init__(self, models: Models, *, clock: Clock, limits: Limits) -> None:
        self._models = models
        self._clock = clock
        self._limits = limits
        self._predict: dict[str, Coalescer[Prediction]] = {}
        self._transform: dict[str, Coalescer[Columns]] = {}

    async def predict(self, version: str, columns: Columns, deadline: float) -> Prediction:
        """Predict, together with whatever else waits for this version."""
        coalescer = self._predict.get(version)
        if coalescer is None:
            coalescer = self._predict[version] = self._coalescer(version, self._models.predict)
        return await coalescer.submit(columns, deadline)

    async def transform(self, version: str, columns: Columns, deadline: float) -> Columns:
        """Transform, together with whatever else waits for this version."""
        coalescer = self._transform.get(version)
        if coalescer is None:
            coalescer = self._transform[version] = self._coalescer(version, self._models.transform)
        return await coalescer.submit(columns, deadline)

    def counters(self) -> Mapping[str, Counters]:
        """What was done for each version since it was first asked, both ways of asking."""
        found: dict[str, Counters] = {}
        for coalescers in (self._predict, self._transform):
            for version, coalescer in coalescers.items():
                found[version] = found.get(version, Counters()) + coalescer.counters
        return found

    def retire(self, keep: Collection[str]) -> None:
        """Forget every version but these; what is on its way still gets its answer."""
        for version in [v for v in self._predict if v not in keep]:
            del self._predict[version]
        for version in [v for v in self._transform if v not in keep]:
            del self._transform[version]

    def _coalescer(
        self, version: str, call: Callable[[str, Columns, float], Awaitable[T]]
    ) -> Coalescer[T]:
        async def bound(columns: Columns, deadline: float) -> T:
            return await call(version, columns, deadline)

        limits = self._limits
        return Coalescer(
            bound,
            clock=self._clock,
            max_rows=limits.max_rows,
            max_calls=limits.max_calls,
            max_waiting_rows=limits.max_waiting_rows,
            slow_call_s=limits.slow_call_s,
            max_bytes=limits.max_bytes,
        )
