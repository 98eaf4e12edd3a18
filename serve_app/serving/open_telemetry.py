"""Spans and metrics of one process by OpenTelemetry's protocol.

Serve's own tracing is not used: its spans have a process-wide provider, know nothing of routes,
endpoints and versions, and are not carried into calls that answer several requests, since those
run in no request's context; what it records of errors has tracebacks.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Any

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from serve_app.config import TelemetrySettings
from serve_app.core.columns import Columns
from serve_app.core.offload import Offload
from serve_app.core.ports import Clock, Models, Recorder
from serve_app.core.supervisor import Supervisor
from serve_app.errors import Unavailable
from serve_app.gateway.routes import GatewayApp
from serve_app.gateway.tracing import TracedGateway, traced_rpc
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.telemetry import destination
from serve_app.monitoring.telemetry.current import TraceIds, recording
from serve_app.monitoring.telemetry.outbox import SpanOutbox
from serve_app.monitoring.telemetry.points import Points
from serve_app.monitoring.telemetry.sampling import sampling_of
from serve_app.monitoring.telemetry.sending import MetricSending, SpanSending
from serve_app.monitoring.telemetry.traced import (
    ROWS,
    TASK,
    VERSION,
    CarryingOffload,
    TracedArrivals,
    TracedCalls,
    TracedCoalescer,
    TracedModels,
    TracedRecords,
    schema_of,
)
from serve_app.monitoring.telemetry.tracing import Tracing, carried_by, remote
from serve_app.serving.handles import HandleModels
from serve_app.serving.metrics import Exporter, MetricsExporter
from serve_app.serving.untraced import Parts, Telemetry

COMPUTE = "compute"
CLOSE_S = 5.0
"""How long a process that ends waits for the collector."""
_LIBRARY = "opentelemetry"
_TRACED = frozenset({"gateway", "model"})


class CarryingHandles(HandleModels):
    """Hands the trace of a call on to the replica that computes it."""

    def _call(
        self, handle: DeploymentHandle[Any], version: str, task: str, columns: Columns
    ) -> Any:
        span = recording()
        if span is None:
            return super()._call(handle, version, task, columns)
        carrying = self._handle(version, "ask_in_trace")
        return carrying.remote(version, task, columns, carried_by(span))


class TracedParts(Parts):
    """The parts of a request's way that make spans."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self.coalescer = TracedCoalescer
        self.schema = schema_of(tracing)
        self.around = traced_rpc(tracing)

    def handles(self, *, clock: Clock) -> HandleModels:
        """Versions in applications of their own, which are told of traces."""
        return CarryingHandles(clock=clock)

    def models(self, models: Models) -> Models:
        """Versions as requests ask them, with a span for each."""
        return TracedModels(models, self._tracing)

    def calls(self, models: Models) -> Models:
        """Versions as calls ask them, with a span for each call."""
        return TracedCalls(models, self._tracing)

    def offload(self, executor: Executor, first: Executor | None = None) -> Offload:
        """What runs functions beside the event loop, within their trace."""
        return CarryingOffload(executor, first)

    def recorder(self, recorder: Recorder) -> Recorder:
        """Who is given what became of requests, and notes it in their spans."""
        return TracedRecords(recorder)

    def arrival(self) -> Recorder | None:
        """Who notes what became of requests in their spans, while these last."""
        return TracedArrivals()

    def app(self, app: GatewayApp) -> ASGIApp:
        """What answers HTTP, with a span for each request."""
        return TracedGateway(app, self._tracing)

    def computing(
        self, carried: Mapping[str, str], version: str, task: str, rows: int
    ) -> AbstractContextManager[object]:
        """A span for what a replica computes, in the trace of the call that it came with."""
        caller = remote(carried)
        if caller is None or not caller.trace_flags.sampled:
            return nullcontext()
        attributes: dict[str, AttributeValue] = {VERSION: version, TASK: task, ROWS: rows}
        return self._tracing.span(COMPUTE, SpanKind.SERVER, caller, attributes)


class _Both:
    """Hands metrics to several exporters."""

    def __init__(self, exporters: Sequence[Exporter]) -> None:
        self._exporters = exporters

    def export(self, samples: Iterable[Sample]) -> None:
        """Take the values of some metrics as they are now."""
        taken = list(samples)
        for exporter in self._exporters:
            exporter.export(taken)


class OpenTelemetry(Telemetry):
    """Telemetry that is sent to a collector.

    Raises ConfigError where a variable that the config names is not set.
    """

    def __init__(
        self,
        settings: TelemetrySettings,
        component: str,
        instance: str,
        environment: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._spans: SpanSending | None = None
        self._metrics: MetricSending | None = None
        self._points: Points | None = None
        resource = destination.resource_of(settings, component, instance)
        # One each, so that neither waits for the other's collector.
        pool = ThreadPoolExecutor(2, thread_name_prefix="telemetry")
        if settings.traces and component in _TRACED and destination.sends("TRACES", environment):
            outbox = SpanOutbox()
            spans = destination.span_exporter(settings, environment)
            self._spans = SpanSending(outbox, spans, pool)
            chance = random.SystemRandom()
            source = random.Random(chance.getrandbits(128))  # noqa: S311 - ids are no secrets
            tracing = Tracing(
                outbox,
                resource,
                sampling_of(settings, environment),
                draw=source.random,
                bits=source.getrandbits,
            )
            self.parts = TracedParts(tracing)
        if settings.metrics != "none" and destination.sends("METRICS", environment):
            delta = destination.is_delta(settings, environment)
            self._points = Points(resource, delta=delta, now_ns=time.time_ns)
            metrics = destination.metric_exporter(settings, environment)
            period_s = destination.interval_s(settings, environment)
            self._metrics = MetricSending(self._points, metrics, pool, period_s=period_s)
        _follow_in_the_log()

    def exporter(self) -> Exporter:
        """Where metrics go: to Ray, to the collector, or both."""
        if self._points is None:
            return MetricsExporter()
        if self._settings.metrics == "instead":
            return self._points
        return _Both((MetricsExporter(), self._points))

    def samples(self) -> Iterator[Sample]:
        """What became of spans and metrics."""
        return chain.from_iterable(one.samples() for one in self._all())

    def start(self, tasks: Supervisor) -> None:
        """Send in the background from now on; whoever is silent is tried again, ever later."""
        if self._spans is not None:
            tasks.start("send traces", self._spans.send_for_ever)
        if self._metrics is not None:
            tasks.start("send metrics", self._metrics.send_for_ever)

    async def close(self) -> None:
        """Send what is left, for some seconds at most."""
        for one in self._all():
            with contextlib.suppress(TimeoutError, Unavailable):
                async with asyncio.timeout(CLOSE_S / 2):
                    await one.send()
            one.close()

    def _all(self) -> list[SpanSending | MetricSending]:
        return [one for one in (self._spans, self._metrics) if one is not None]


def _follow_in_the_log() -> None:
    """Let lines of the log tell their trace, and hold what the exporters say."""
    library = logging.getLogger(_LIBRARY)
    library.propagate = False
    for handler in logging.getLogger("serve_app").handlers:
        handler.addFilter(TraceIds())
        library.addHandler(handler)
