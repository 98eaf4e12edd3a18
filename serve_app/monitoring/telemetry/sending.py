"""Sends spans and metrics to a collector beside everything else, until cancelled."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from serve_app.errors import Unavailable
from serve_app.monitoring import catalogue
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.telemetry.outbox import SpanOutbox
from serve_app.monitoring.telemetry.points import Points

SPANS, METRICS = "spans", "metrics"
FULL, UNSENT = "full", "unsent"
SPANS_PERIOD_S = 5.0
Exporter = TypeVar("Exporter", SpanExporter, MetricExporter)


@dataclass(slots=True)
class Sent:
    """How many spans or points a collector took, and how many it did not take in time."""

    taken: int = 0
    unsent: int = 0


class _Sending(ABC, Generic[Exporter]):
    """Sends something to a collector once every `period_s` seconds, in a thread of `pool`."""

    def __init__(self, exporter: Exporter, pool: Executor, period_s: float) -> None:
        self._exporter: Exporter = exporter
        self._pool = pool
        self._period_s = period_s
        self._sent = Sent()

    async def send_for_ever(self) -> None:
        """Send once a period, until cancelled.

        Raises:
            Unavailable: the collector took nothing in time.
        """
        while True:
            await asyncio.sleep(self._period_s)
            await self.send()

    @abstractmethod
    async def send(self) -> None:
        """Send what waits. Raises as `send_for_ever`."""

    def close(self) -> None:
        """Give up what is on its way."""
        self._exporter.shutdown()


class SpanSending(_Sending[SpanExporter]):
    """Sends the spans of an outbox, some hundred at once, in a thread of `pool`.

    The exporter tries again for some seconds; what no collector has taken by then is counted and
    let go, so that newer spans have room.
    """

    def __init__(
        self,
        outbox: SpanOutbox,
        exporter: SpanExporter,
        pool: Executor,
        *,
        period_s: float = SPANS_PERIOD_S,
    ) -> None:
        super().__init__(exporter, pool, period_s)
        self._outbox = outbox

    async def send(self) -> None:
        """Send all that waits. Raises as `send_for_ever`."""
        loop = asyncio.get_running_loop()
        while spans := self._outbox.take():
            result = await loop.run_in_executor(self._pool, self._exporter.export, spans)
            if result is not SpanExportResult.SUCCESS:
                self._sent.unsent += len(spans)
                raise _silent(SPANS)
            self._sent.taken += len(spans)

    def samples(self) -> Iterator[Sample]:
        """What became of spans."""
        yield from _samples(SPANS, self._sent)
        yield Sample(catalogue.TELEMETRY_DROPPED, (SPANS, FULL), self._outbox.dropped)


class MetricSending(_Sending[MetricExporter]):
    """Sends what was counted, once every `period_s` seconds, in a thread of `pool`."""

    def __init__(
        self, points: Points, exporter: MetricExporter, pool: Executor, *, period_s: float
    ) -> None:
        super().__init__(exporter, pool, period_s)
        self._points = points

    async def send(self) -> None:
        """Send what was counted until now. Raises as `send_for_ever`."""
        loop = asyncio.get_running_loop()
        reading = self._points.read()
        export = await loop.run_in_executor(self._pool, self._points.made, reading)
        if not export.points:
            return
        send = partial(self._exporter.export, export.data)
        if await loop.run_in_executor(self._pool, send) is not MetricExportResult.SUCCESS:
            self._sent.unsent += export.points
            raise _silent(METRICS)
        self._points.arrived(export)
        self._sent.taken += export.points

    def samples(self) -> Iterator[Sample]:
        """What became of points of metrics."""
        return _samples(METRICS, self._sent)


def _samples(signal: str, sent: Sent) -> Iterator[Sample]:
    yield Sample(catalogue.TELEMETRY_SENT, (signal,), sent.taken)
    yield Sample(catalogue.TELEMETRY_DROPPED, (signal, UNSENT), sent.unsent)


def _silent(signal: str) -> Unavailable:
    msg = (
        f"the collector took no {signal} within the time it has; they are let go and counted, and "
        "the log of this process says what it answered"
    )
    return Unavailable(msg)
