"""The parts of a process that make spans and send metrics, where they do neither."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from starlette.types import ASGIApp

from serve_app.core.batcher import Coalescer
from serve_app.core.offload import Offload
from serve_app.core.ports import Clock, Models, Recorder
from serve_app.core.schema import Schema
from serve_app.core.supervisor import Supervisor
from serve_app.gateway.routes import GatewayApp
from serve_app.gateway.rpc import Around, alone
from serve_app.monitoring.catalogue import Sample
from serve_app.serving.handles import HandleModels
from serve_app.serving.metrics import Exporter, MetricsExporter


class Parts:
    """The parts of a request's way that make no spans: those of the house, as they are."""

    coalescer: type[Coalescer[Any]] = Coalescer
    schema: type[Schema] = Schema
    around: Around = staticmethod(alone)

    def handles(self, *, clock: Clock) -> HandleModels:
        """Versions in applications of their own."""
        return HandleModels(clock=clock)

    def models(self, models: Models) -> Models:
        """Versions as requests ask them."""
        return models

    def calls(self, models: Models) -> Models:
        """Versions as calls ask them, each for several requests."""
        return models

    def offload(self, executor: Executor, first: Executor | None = None) -> Offload:
        """What runs functions beside the event loop; what requests begin with in `first`."""
        return Offload(executor, first)

    def recorder(self, recorder: Recorder) -> Recorder:
        """Who is given what became of requests."""
        return recorder

    def arrival(self) -> Recorder | None:
        """Who is given what became of a request while it lasts, where that is recorded later."""
        return None

    def app(self, app: GatewayApp) -> ASGIApp:
        """What answers HTTP."""
        return app

    def computing(
        self,
        carried: Mapping[str, str],  # noqa: ARG002
        version: str,  # noqa: ARG002
        task: str,  # noqa: ARG002
        rows: int,  # noqa: ARG002
    ) -> AbstractContextManager[object]:
        """What a replica computes for a call that came with a trace."""
        return nullcontext()


class Telemetry:
    """The telemetry of one process where none is configured: Ray's metrics, and no spans."""

    parts = Parts()

    def exporter(self) -> Exporter:
        """Where metrics go."""
        return MetricsExporter()

    def samples(self) -> Iterator[Sample]:
        """What became of spans and metrics."""
        return iter(())

    def start(self, tasks: Supervisor) -> None:
        """Send in the background from now on."""

    async def close(self) -> None:
        """Send what is left, for some seconds at most."""
