"""One version in replicas of its own."""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import ray
from ray import serve

from serve_app.config import ModelArgs
from serve_app.core.columns import Columns
from serve_app.core.messages import Prediction
from serve_app.core.reference import application_name
from serve_app.core.workload import Load, Waiting, Workload
from serve_app.engine.load import Loaded, load
from serve_app.errors import ClientError, ConfigError, ModelFailed, ServeError
from serve_app.registry.store import Registry
from serve_app.serving import logs
from serve_app.serving.gc_tuning import collect_rarely
from serve_app.serving.metrics import MetricsExporter
from serve_app.serving.scaled import Scaled
from serve_app.serving.startup import explained

T = TypeVar("T")
logger = logging.getLogger("serve_app.model")


@serve.deployment(name="Model")
class Model(Scaled):
    """Holds one verified version and computes what it is asked."""

    def __init__(self, args: ModelArgs) -> None:
        logs.configure("model", args.log_level)
        with explained(logger):
            loaded = _loaded(args)
        self._model = loaded.model
        self._reference = args.reference
        self._digest = loaded.manifest.digest
        collect_rarely()
        # In a thread of its own, so that the event loop can meanwhile take calls in, tell the
        # router and the autoscaler how many wait, and answer health checks.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._workload = Workload(clock=time.monotonic)
        self._exporter = MetricsExporter()
        self._load_name = self._reference
        logger.info("version loaded", extra={"version": self._reference})

    def _read_load(self) -> Load:
        return self._workload.read()

    async def hear(self, gateway: str, waiting: Waiting) -> None:
        """Take what a gateway has waiting for this version."""
        self._workload.hear(gateway, waiting)

    async def predict(self, columns: Columns) -> Prediction:
        """Predict every row. Raises RowsRefused or ModelFailed."""
        return await self._compute(self._model.predict, columns)

    async def predict_with_scores(self, columns: Columns) -> Prediction:
        """Predict every row, with its raw scores. Raises as `predict`, or InvalidInput."""
        return await self._compute(self._model.predict_with_scores, columns)

    async def transform(self, columns: Columns) -> Columns:
        """Transform every row. Raises RowsRefused or ModelFailed."""
        return await self._compute(self._model.transform, columns)

    async def ready(self) -> str:
        """The version that this replica holds."""
        return self._reference

    async def held(self) -> str:
        """The digest of what this replica holds."""
        return self._digest

    async def _compute(self, method: Callable[[Columns], T], columns: Columns) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._counted, method, columns, time.monotonic()
            )
        except ClientError:
            raise
        except Exception as error:
            raise self._failed(error) from error

    def _counted(self, method: Callable[[Columns], T], columns: Columns, arrived_s: float) -> T:
        number = self._workload.began(arrived_s)
        try:
            return method(columns)
        finally:
            self._workload.ended(number, arrived_s)

    def _failed(self, error: Exception) -> ServeError:
        # One call may hold the rows of many requests: this id leads from the line that a
        # gateway logs for each of them to the one that is logged here.
        failure_id = uuid.uuid4().hex
        logger.error(
            "computation failed",
            exc_info=error,
            extra={"version": self._reference, "failure_id": failure_id},
        )
        if isinstance(error, ServeError):
            details = {**error.details, "failure_id": failure_id}
            return type(error)(f"{self._reference}: {error.message}", **details)
        return ModelFailed(f"{self._reference} failed", failure_id=failure_id)


def _loaded(args: ModelArgs) -> Loaded:
    """The version that this application is named after. Raises ServeError: it cannot serve."""
    _require_own_name(args.reference)
    loaded = load(
        Registry(args.registry),
        args.model,
        args.version,
        allow_pickle=args.allow_pickle,
        native=args.native,
        device=args.device,
    )
    return loaded.in_threads(compute_threads(_assigned_cpus()))


def compute_threads(cpus: float) -> int:
    """How many threads may compute at once in a replica for which so many CPUs are reserved.

    One below 2 CPUs, since replicas then share cores; all whole CPUs from 2 on.
    """
    return max(1, int(cpus))


def _assigned_cpus() -> float:
    """What Ray reserved for this replica: `num_cpus` of its `ray_actor_options`."""
    assigned = ray.get_runtime_context().get_assigned_resources()  # type: ignore[no-untyped-call]
    return float(assigned.get("CPU", 0.0))


def _require_own_name(reference: str) -> None:
    """Let a version serve under its own name alone, since endpoints ask for it by that.

    Raises:
        ConfigError: this application is called like another version.
    """
    name, expected = serve.get_replica_context().app_name, application_name(reference)
    if name != expected:
        msg = (
            f"application {name!r} is given {reference}, and endpoints that ask for {name!r} "
            f"would get answers of another version; call it {expected!r}"
        )
        raise ConfigError(msg)
