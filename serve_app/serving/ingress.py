"""The one application with an HTTP route."""

import asyncio
import logging
import os
import sys
import time
from functools import partial
from itertools import chain

from ray import serve
from starlette.types import ASGIApp

from serve_app.cluster.environment import MARK_VARIABLE
from serve_app.config import GatewayArgs
from serve_app.config.detail import details_of
from serve_app.core.former_versions import kept_by_gateways
from serve_app.core.hosts import EVERY_NAME
from serve_app.core.identifiers import PredictionIds
from serve_app.core.lanes import Lanes
from serve_app.core.ports import Clock
from serve_app.core.reference import split_version
from serve_app.core.snapshot import Snapshot
from serve_app.core.steps import Steps
from serve_app.core.supervisor import Supervisor
from serve_app.core.workload import Load
from serve_app.engine.assemble import Assembler
from serve_app.engine.backlog import Backlog
from serve_app.engine.coalesced import Limits
from serve_app.engine.liveness import Liveness
from serve_app.engine.load import Loaded, load
from serve_app.engine.local import InlineModels, InlineShadows
from serve_app.engine.mirroring import Mirroring, MirrorLimits
from serve_app.engine.predict import Predictor
from serve_app.engine.stages import NOTHING_YET
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import NotReady
from serve_app.gateway import app, rpc
from serve_app.gateway.access import MAIN, protect
from serve_app.gateway.context import GatewayContext, Settings
from serve_app.gateway.cors import open_to
from serve_app.gateway.limiting import limited, limiter_of
from serve_app.gateway.native_pages import standing
from serve_app.gateway.overload import sharing_of, shedding_of
from serve_app.gateway.routes import GatewayApp
from serve_app.gateway.rpc import InferenceService
from serve_app.gateway.rpc_limiting import limited_methods
from serve_app.monitoring import samples
from serve_app.monitoring.counting import Counting
from serve_app.monitoring.recording import Recording
from serve_app.security.limits import NO_LIMITS
from serve_app.serving import logs
from serve_app.serving.administration import Administration
from serve_app.serving.allocator import keep_freed
from serve_app.serving.arm_sender import ArmSender
from serve_app.serving.authentication import Knowing
from serve_app.serving.control_client import ControlCaller, StatusReader, control_handle
from serve_app.serving.deferral import start_deferral
from serve_app.serving.deploying.inside import request_timeout_s
from serve_app.serving.edge import open_edge_to
from serve_app.serving.express import start_express, with_ongoing
from serve_app.serving.gateway_limits import distinct_of, start_limits
from serve_app.serving.gateway_settings import settings_of
from serve_app.serving.gc_tuning import collect_rarely
from serve_app.serving.job_door import door_of
from serve_app.serving.listeners import Listeners, of_the_platform
from serve_app.serving.local_rollback import LocalRollback
from serve_app.serving.loop_load import LoopLoad
from serve_app.serving.messages import words_for_outside
from serve_app.serving.metrics import PERIOD_S
from serve_app.serving.monitor_client import FeedbackSender, MonitorCaller, monitor_handle
from serve_app.serving.owned_predictions import mark_alike
from serve_app.serving.pulse import pulse_of
from serve_app.serving.recorder import recorder_of
from serve_app.serving.replica_models import ReplicaModels
from serve_app.serving.rpc_port import open_rpc
from serve_app.serving.scaled import Scaled
from serve_app.serving.snapshot_follower import SnapshotFollower
from serve_app.serving.socket_calls import sockets_of
from serve_app.serving.startup import explained
from serve_app.serving.tally_sender import TallySender
from serve_app.serving.telemetry import telemetry_of
from serve_app.serving.versions_beside import LOOK_PERIOD_S, VersionsBeside
from serve_app.storage.nearby import NearbySnapshots
from serve_app.storage.snapshots import SnapshotStore

logger = logging.getLogger("serve_app.gateway")
SNAPSHOT_GRACE_S = 30.0
"""How long a gateway may be without a snapshot before it counts as unhealthy."""
SWITCH_INTERVAL_S = 0.0003
"""How long a thread that reads a large body keeps the event loop waiting for its turn, which is
several times for each request: Python's own 5 ms are more than a whole one takes."""


class GatewayReplica(Scaled):
    """Dialects, validation, routing and combination, in front of the model applications."""

    def __init__(self, args: GatewayArgs) -> None:
        logs.configure("gateway", args.log_level)
        clock = time.monotonic
        replica = serve.get_replica_context().replica_id.unique_id
        with explained(logger):
            self._telemetry = telemetry_of(args.telemetry, "gateway", replica)
            self._registry = open_registry(args.registry)
        parts = self._telemetry.parts
        limits = Limits(**args.coalesce.model_dump())
        self._args = args
        self._healthy_until_s = clock() + SNAPSHOT_GRACE_S
        self._loaded: dict[str, Loaded] = {}
        self._inline = InlineModels(clock=clock, limits=limits, lanes=Lanes("inline"))
        self._replicas = ReplicaModels(parts, limits, clock=clock)
        self._handles = self._replicas.handles
        self._tasks = Supervisor(clock=clock, words=words_for_outside)
        self._exporter = self._telemetry.exporter()
        self._load_name = "gateway"
        self._recording = Recording()
        self._inline_shadows = InlineShadows(clock=clock, limits=limits)
        self._mirroring = self._made_mirroring(clock)
        self._assembler = Assembler(
            replicas=self._replicas.models,
            inline=parts.models(self._inline),
            clock=clock,
            schema=parts.schema,
            mirroring=self._mirroring,
        )
        self._counting = Counting()
        self._liveness = Liveness(clock=clock, forget_after_s=4 * LOOK_PERIOD_S)
        self._sharing = sharing_of(args, clock, known=args.access.is_required)
        backlog = Backlog(self._replicas.counters, self._sharing, clock=clock)
        self._beside = VersionsBeside(self._handles, backlog, self._liveness, replica)
        self._limiter = limiter_of(args.limits, clock)
        self._distinct = distinct_of(args.limits, self._counting, clock, replica)
        self._predictor = self._made_predictor(clock)
        self._grpc: rpc.RpcServer | None = None
        with explained(logger):
            self._knowing = Knowing(args.access)
            stands = lambda: standing(self._predictor.stages)  # noqa: E731
            self._administration = Administration(args, self._registry, stands)
        count = self._counting.add_response
        self._gate = self._knowing.gate(count, os.environ, args.allowed_hosts)
        self._listeners = Listeners((EVERY_NAME,) if self._gate is not None else args.allowed_hosts)
        self._packing, self._sender = recorder_of(args, self._recording, replica)
        self._follower = self._made_follower(replica, clock)

    def _made_follower(self, replica: str, clock: Clock) -> SnapshotFollower:
        state, arms = self._args.state, self._counting.arms.arms
        tell = control_handle().options(method_name="count")
        self._arms = ArmSender(arms, tell, replica, clock=clock)
        hear = control_handle().options(method_name="hear")
        self._tallies = TallySender(self._counting.tallies, hear, replica)
        silence_s = self._arms.silence_s
        self._local_rollback = LocalRollback(
            self._apply, arms, MonitorCaller(), silence_s=silence_s, clock=time.time
        )
        return SnapshotFollower(
            NearbySnapshots(SnapshotStore(state), logs.session_folder(), state),
            self._local_rollback.apply,
            replica=replica,
            loaded=lambda: {v: one.manifest.digest for v, one in self._loaded.items()},
            failing=lambda: [*self._tasks.problems(), *self._replicas.problems()],
        )

    def _made_mirroring(self, clock: Clock) -> Mirroring:
        mirror = self._args.mirror
        return Mirroring(
            clock=clock,
            recorder=self._recording,
            inline=self._inline_shadows,
            limits=MirrorLimits(mirror.in_flight, mirror.queued_rows),
            arrival=self._telemetry.parts.arrival(),
            is_busy=lambda: self._loop_load.late_s > mirror.busy_above_s,
        )

    def _made_predictor(self, clock: Clock) -> Predictor:
        parts = self._telemetry.parts
        large = Steps("large-bodies")
        return Predictor(
            clock=clock,
            ids=PredictionIds(),
            offload=parts.offload(large.begun, large.first),
            is_alive=self._liveness.is_alive,
            counting=self._counting,
            recorder=parts.recorder(self._recording),
            limiter=self._limiter or NO_LIMITS,
            details=details_of(self._args.access.detail),
            distinct=self._distinct,
            shedding=shedding_of(self._args.overload, clock),
            sharing=self._sharing,
        )

    async def build(self) -> ASGIApp:
        """Fetch the snapshot, so that the first request finds one, and build the routes."""
        with explained(logger):
            return await self._built()

    async def _built(self) -> ASGIApp:
        await self._follower.start()
        self._knowing.start(self._tasks, ControlCaller(control_handle()))
        collect_rarely()
        keep_freed()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._loop_load = LoopLoad()
        self._tasks.start("follow control", self._follower.follow)
        self._tasks.start("hand metrics over", self._tell_metrics)
        self._tasks.start("probe the event loop", self._loop_load.probe_for_ever)
        self._tasks.start("tell the backlog", self._beside.tell_backlog_for_ever)
        self._tasks.start("tell what versions did", self._arms.send_for_ever)
        self._tasks.start("tell how often endpoints are asked", self._tallies.send_for_ever)
        self._tasks.start("take candidates back alone", self._local_rollback.run)
        look = partial(self._beside.look_for_ever, self._elsewhere, self._follow_readiness)
        self._tasks.start("look who is alive", look)
        self._tasks.start("hand records to the monitor", self._sender.send_for_ever)
        self._tasks.start("show requests to shadows", self._mirroring.run)
        self._tasks.start("follow certificates", self._listeners.follow_certificates)
        pulse = pulse_of(os.environ.get(MARK_VARIABLE), logs.session_folder())
        if pulse is not None:
            self._tasks.start("pass gateways by that stand still", pulse.run)
        self._telemetry.start(self._tasks)
        args = self._args
        start_limits(self._tasks, self._limiter, self._distinct)
        settings = settings_of(args, os.environ)
        count = self._counting.add_response
        service = InferenceService(
            self._predictor,
            settings,
            ids=PredictionIds(),
            around=limited_methods(self._telemetry.parts.around, self._limiter, count),
            management=self._administration.management,
        )
        self._grpc = await open_rpc(args, service, self._gate)
        gateway = app.gateway_of(self._context(settings))
        if self._gate is not None:
            control = ControlCaller(control_handle())
            await mark_alike(self._tasks, self._predictor, args.state, control)
        await self._listen(gateway)
        main = self._guarded(gateway, MAIN)
        express = await start_express(args, main, count, self._tasks, request_timeout_s)
        self._express = express
        self._handles.call_over(sockets_of(args, express))
        open_edge_to(args.cors, self._gate, express)
        return main if express is None else express.app

    def _context(self, settings: Settings) -> GatewayContext:
        """Everything that the pages of the gateway ask."""
        args, changes = self._args, self._administration
        return GatewayContext(
            self._predictor,
            settings,
            keep=FeedbackSender(monitor_handle("keep_feedback")),
            effect=StatusReader(control_handle().options(method_name="in_effect")),
            management=changes.management,
            jobs=door_of(args.jobs, self._registry, changes.audited),
            deferral=start_deferral(args.deferred, self._tasks),
        )

    async def check_health(self) -> None:
        """Serve asks this every few seconds, and sends requests elsewhere when it fails.

        Raises:
            NotReady: no snapshot has come for a while, so that nothing can be answered here.
        """
        if not self._predictor.stages.version and time.monotonic() > self._healthy_until_s:
            raise NotReady(NOTHING_YET)

    def _read_load(self) -> Load:
        return with_ongoing(self._loop_load.read(), self._express)

    async def _tell_metrics(self) -> None:
        """Tell once a period what has grown, until cancelled."""
        while True:
            self._exporter.export(
                chain(
                    samples.of_coalescers({**self._inline.counters(), **self._replicas.counters()}),
                    samples.of_caches(self._assembler.caches),
                    samples.of_process("gateway", self._tasks.statuses(), time.time()),
                    self._predictor.samples(),
                    self._mirroring.samples(),
                    samples.of_models(one.manifest for one in self._loaded.values()),
                    self._sender.samples(),
                    self._telemetry.samples(),
                )
            )
            await asyncio.sleep(PERIOD_S)

    def _elsewhere(self) -> set[str]:
        """The versions that answer in applications of their own."""
        specs = [stage.spec for stage in self._predictor.stages.endpoints.values()]
        return {version for spec in specs for version in spec.asks() - spec.loads()}

    async def _follow_readiness(self) -> None:
        if self._grpc is not None:
            self._grpc.follow_readiness()

    async def _listen(self, gateway: GatewayApp) -> None:
        """Open the profiles' own ports, and all of HTTP to the pages that may ask."""
        cors = self._args.cors
        for listener in (*self._args.listeners, *of_the_platform(os.environ)):
            own = gateway if listener.profile == "all" else gateway.mounted[listener.profile]
            app = self._guarded(own, listener.profile)
            shared = app if cors is None else open_to(app, cors)
            await self._listeners.open(shared, listener, ids=PredictionIds())
        predictions = self._guarded(gateway, MAIN)
        await self._administration.open(
            self._listeners, self._gate, self._tasks, predictions, self._knowing.claims
        )

    def _guarded(self, app: GatewayApp, profile: str) -> ASGIApp:
        """An application that is asked by those alone who are known, within their limits."""
        traced = self._telemetry.parts.app(app)
        within = limited(traced, self._limiter, self._counting.add_response)
        return protect(within, self._gate, profile)

    async def close(self) -> None:
        """End, once the replica has drained."""
        # Own ports answer what is on its way: that is recorded too, and handed on until the end.
        await self._listeners.close()
        if self._grpc is not None:
            await self._grpc.stop()
        await self._tasks.close()
        await self._mirroring.close()
        self._handles.close()
        await self._sender.flush()
        await self._telemetry.close()
        await self._administration.close()

    async def _apply(self, snapshot: Snapshot) -> None:
        """Load what runs in this process, then answer under the new snapshot."""
        endpoints = snapshot.endpoints.values()
        wanted = {version for endpoint in endpoints for version in endpoint.loads()}
        for version in wanted - set(self._loaded):
            name, number = split_version(version)
            self._loaded[version] = await asyncio.to_thread(load, self._registry, name, number)
        # Requests on their way may still need the former ones: those leave at the next swap.
        self._inline.replace(self._loaded)
        own = {one.version for endpoint in endpoints if endpoint.inline for one in endpoint.shadows}
        self._inline_shadows.replace({version: self._loaded[version] for version in own})
        self._knowing.follow(snapshot)
        self._handles.locate(snapshot.placed())
        await asyncio.to_thread(self._packing.follow, snapshot)
        self._recording.follow({one.name: one.records for one in endpoints})
        self._counting.arms.keep(snapshot.endpoints)
        self._predictor.swap(self._assembler.stages(snapshot))
        self._mirroring.follow(endpoints)
        # A former version that is here stays, so that the way back is short.
        stays = wanted | (kept_by_gateways(endpoints, snapshot.kept) & set(self._loaded))
        self._loaded = {version: self._loaded[version] for version in stays}
        versions = {version for endpoint in endpoints for version in endpoint.asks()}
        self._replicas.retire(versions)
        logger.info("answering under a new snapshot", extra={"snapshot": snapshot.version})
