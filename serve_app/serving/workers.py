"""One version in replicas of its own."""

import asyncio
import logging
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any

import ray
from ray import serve

from serve_app.config import ModelArgs
from serve_app.core.aside import Aside
from serve_app.core.columns import Columns
from serve_app.core.lanes import FEW_ROWS, Lanes
from serve_app.core.ongoing import Ongoing
from serve_app.core.pace import Pace
from serve_app.core.ports import Task
from serve_app.core.reference import application_name
from serve_app.core.supervisor import Supervisor
from serve_app.core.waiting import T
from serve_app.core.workload import Call, Load, Waiting, Workload
from serve_app.engine.load import Loaded, Selecting, load
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ClientError, ConfigError, ModelFailed, NotReady, Overloaded, ServeError
from serve_app.monitoring import samples
from serve_app.serving import logs
from serve_app.serving.gc_tuning import collect_rarely
from serve_app.serving.holding import Holding
from serve_app.serving.messages import words_for_outside
from serve_app.serving.scaled import Scaled
from serve_app.serving.socket_answers import SocketAnswers
from serve_app.serving.startup import explained
from serve_app.serving.telemetry import telemetry_of
from serve_app.tasks import task_named

STALLED_S = 10.0
"""A computation that goes on for so long after the last deadline of those who asked is endless."""
logger = logging.getLogger("serve_app.model")


class ModelReplica(Scaled):
    """Holds one verified version and computes what it is asked."""

    def __init__(self, args: ModelArgs) -> None:
        logs.configure("model", args.log_level)
        replica = serve.get_replica_context().replica_id.unique_id
        with explained(logger):
            self._telemetry = telemetry_of(args.telemetry, "model", replica)
            self._holding = _holding(args)
        self._reference = args.reference
        collect_rarely()
        # In a thread of its own, so that the event loop can meanwhile take calls in, tell the
        # router and the autoscaler how many wait, and answer health checks.
        self._lanes = Lanes("model")
        self._aside = Aside("explanation")
        self._workload = Workload(clock=time.monotonic)
        self._ongoing = Ongoing(clock=time.monotonic)
        self._pace = Pace()
        self._in_lanes = 0
        self._exporter = self._telemetry.exporter()
        self._tasks = Supervisor(clock=time.monotonic, words=words_for_outside)
        self._telemetry.start(self._tasks)
        self._sockets = SocketAnswers(self._answer_here, logs.socket_folder(), replica)
        self._tasks.start("open a socket for gateways here", self._sockets.open)
        self._load_name = self._reference
        logger.info("version loaded", extra={"version": self._reference})

    def _read_load(self) -> Load:
        load, ongoing = self._workload.read(), self._ongoing.read()
        # Serve counts what comes over its own way alone.
        return replace(load, ongoing_requests=ongoing) if self._sockets.is_used else load

    async def check_health(self) -> None:
        """Say what is held whenever Serve asks: Ray forgets gauges that nobody sets.

        Raises:
            NotReady: a computation does not end, so that Serve takes another replica for this one.
        """
        stalled_s = self._workload.stalled_s()
        if stalled_s > STALLED_S:
            msg = (
                f"{self._reference} has computed for {stalled_s:.0f} s since whoever asked gave up"
            )
            logger.error("a computation does not end", extra={"version": self._reference})
            raise NotReady(msg)
        self._exporter.export(
            chain(samples.of_models(self._holding.manifests()), self._telemetry.samples())
        )

    async def hear(self, gateway: str, waiting: Waiting) -> None:
        """Take what a gateway has waiting for this version."""
        self._workload.hear(gateway, waiting)

    async def ask(self, version: str, task: str, columns: Columns) -> Any:
        """Compute a task, by its name, for every row, with the version that the call names.

        Raises:
            NotReady: this replica cannot hold the version.
            InvalidInput: there is no such task, or the model cannot do it.
            RowsRefused: the model does not take the rows.
            ModelFailed: it failed.
        """
        return await self._answer(version, task, columns, may_compute_here=False)

    async def _answer_here(self, version: str, task: str, columns: Columns) -> Any:
        """Compute as `ask` does, for a gateway of this machine; what is short, on the event loop.

        Serve's own calls are counted by Serve while they wait for the loop's turn or a thread:
        computed here, most would be over before it looks.
        """
        return await self._answer(version, task, columns, may_compute_here=True)

    async def _answer(
        self, version: str, task: str, columns: Columns, *, may_compute_here: bool
    ) -> Any:
        self._ongoing.change(1)
        try:
            loaded = await self._holding.version(version)
            known = task_named(task)
            if known.takes_long:
                return await self._aside.run(loaded.model.ask, known, columns)
            if may_compute_here and self._is_short(loaded, version, known, columns):
                call = self._workload.arrived()
                return self._counted(version, loaded.model, known, columns, call)
            return await self._in_lane(version, loaded.model, known, columns)
        except (ClientError, NotReady, Overloaded):
            raise
        except Exception as error:
            raise self._failed(error, version) from error
        finally:
            self._ongoing.change(-1)

    def _is_short(self, loaded: Loaded, version: str, task: Task[Any], columns: Columns) -> bool:
        """Whether a thread is not worth it: for what is compiled, cannot hang, and takes little."""
        few = columns.rows <= FEW_ROWS and loaded.compiled and not self._in_lanes
        return few and self._pace.is_short((version, task.name))

    async def _in_lane(self, version: str, model: Selecting, task: Task[T], columns: Columns) -> T:
        lane = self._lanes.of(columns.rows)
        call = self._workload.arrived()
        self._in_lanes += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                lane, self._counted, version, model, task, columns, call
            )
        except asyncio.CancelledError:
            self._workload.given_up(call)
            raise
        finally:
            self._in_lanes -= 1

    async def ask_in_trace(
        self, version: str, task: str, columns: Columns, carried: Mapping[str, str]
    ) -> Any:
        """Compute as `ask` does, for a call that carries the trace that it is part of."""
        with self._telemetry.parts.computing(carried, version, task, columns.rows):
            return await self.ask(version, task, columns)

    async def ready(self) -> str:
        """What this replica holds: a version, or whatever an alias names."""
        return self._reference

    async def held(self, version: str) -> str:
        """The digest of what this replica holds of a version; empty where it does not."""
        return self._holding.digest(version)

    async def hold(
        self, versions: Collection[str], release_after_s: float, former: Collection[str] = ()
    ) -> Mapping[str, str]:
        """Hold these versions; others but `former` go once nobody asked for them for so long.

        Control says so to replicas of an alias. What comes back are digests by version.
        """
        return await self._holding.hold(versions, release_after_s, former)

    async def close(self) -> None:
        """End, once the replica has drained."""
        await self._sockets.close()
        await self._tasks.close()
        await self._telemetry.close()

    def _counted(
        self, version: str, model: Selecting, task: Task[T], columns: Columns, call: Call
    ) -> T:
        self._workload.began(call)
        began_s = time.thread_time()
        try:
            return model.ask(task, columns)
        finally:
            if columns.rows <= FEW_ROWS:
                # Of the processor: what else runs on the machine makes a computation no longer.
                self._pace.took((version, task.name), time.thread_time() - began_s)
            self._workload.ended(call)

    def _failed(self, error: Exception, version: str) -> ServeError:
        # One call may hold the rows of many requests: this id leads from the line that a
        # gateway logs for each of them to the one that is logged here.
        failure_id = uuid.uuid4().hex
        logger.error(
            "computation failed",
            exc_info=error,
            extra={"version": version, "failure_id": failure_id},
        )
        if isinstance(error, ServeError):
            details = {**error.details, "failure_id": failure_id}
            return type(error)(f"{version}: {error.message}", **details)
        return ModelFailed(f"{version} failed", failure_id=failure_id)


def _holding(args: ModelArgs) -> Holding:
    """What this application is named after. Raises ServeError: it cannot serve."""
    _require_own_name(args.reference)
    registry = open_registry(args.registry)
    threads = compute_threads(_assigned_cpus())

    def load_version(number: int) -> Loaded:
        loaded = load(
            registry,
            args.model,
            number,
            allow_pickle=args.allow_pickle,
            native=args.native,
            device=args.device,
        )
        return loaded.in_threads(threads)

    def named() -> list[int]:
        if isinstance(args.version, int):
            return [args.version]
        moves = registry.alias_history(args.model, args.version)
        # Without any, this raises and says which aliases there are.
        numbers = [one.version for one in moves] or [registry.alias(args.model, args.version)]
        return [number for number in numbers if number is not None]

    return Holding(args.reference, load=load_version, named=named, clock=time.monotonic)


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
