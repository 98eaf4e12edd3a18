"""The small application that holds the versioned snapshot and hands it to gateways."""

import asyncio
import functools
import logging
import time
from collections.abc import Mapping
from itertools import chain
from typing import Any

from ray import serve

from serve_app.config import ControlArgs
from serve_app.control import changes
from serve_app.control.declare import Declaration, read
from serve_app.control.experiments import Action as ExperimentAction
from serve_app.control.gateways import Acknowledged, Gateways
from serve_app.control.registrations import Registrations
from serve_app.control.request_courses import RequestCourses
from serve_app.control.rollouts import Action
from serve_app.control.snapshots import Snapshots
from serve_app.core.supervisor import Supervisor
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ServeError
from serve_app.gateway.admin.actions import Change, EndpointOrder
from serve_app.monitoring import samples
from serve_app.serving import logs, scaling_records
from serve_app.serving.alias_applications import AliasApplications
from serve_app.serving.alias_follower import AliasFollower
from serve_app.serving.alias_work import AliasMethods
from serve_app.serving.auditing import audit_log, audited_events
from serve_app.serving.control_client import WATCH_S
from serve_app.serving.deploying.inside import inside
from serve_app.serving.endpoint_changes import EndpointChanges
from serve_app.serving.event_keeping import EventKeeping
from serve_app.serving.experiment_work import ExperimentWork
from serve_app.serving.handles import HandleModels
from serve_app.serving.issuer_keys import IssuerKeys
from serve_app.serving.key_work import KeyMethods, key_work_of
from serve_app.serving.messages import words_for_outside
from serve_app.serving.metrics import PERIOD_S
from serve_app.serving.monitor_client import MonitorCaller
from serve_app.serving.other_content import OtherContent
from serve_app.serving.quota_work import QuotaMethods, quota_work_of
from serve_app.serving.request_counts import CountMethods
from serve_app.serving.rollout_work import RolloutWork
from serve_app.serving.route_learning import RouteLearning
from serve_app.serving.startup import explained
from serve_app.serving.taken import taken
from serve_app.serving.telemetry import telemetry_of
from serve_app.serving.training_metrics import TrainingMetrics
from serve_app.serving.version_probes import VersionProbes
from serve_app.storage.events import EventLog
from serve_app.storage.monitor_state import MonitorState
from serve_app.storage.snapshots import SnapshotStore

_TAKE = "keep the declaration"
_PROBE = "wait for "
logger = logging.getLogger("serve_app.control")


class ControlReplica(AliasMethods, KeyMethods, QuotaMethods, CountMethods):
    """Turns declarations into snapshots and lets gateways wait for the next one."""

    def __init__(self, args: ControlArgs) -> None:
        logs.configure("control", args.log_level)
        replica = serve.get_replica_context().replica_id.unique_id
        with explained(logger):
            self._telemetry = telemetry_of(args.telemetry, "control", replica)
            self._registry = open_registry(args.registry)
            self._audit = audit_log(args.audit, "control")
        self._snapshots = Snapshots(SnapshotStore(args.state))
        self._follower = AliasFollower(
            self._registry, self._snapshots, clock=time.monotonic, keep_former_s=args.keep_former
        )
        self._learning = RouteLearning(self._snapshots, MonitorState(args.state))
        self._announced = self._snapshots.current
        self._events = audited_events(EventLog(args.state), self._audit)
        self._history = EventKeeping(self._events.append)
        self._training = TrainingMetrics(self._events)
        self._registrations = Registrations(
            self._registry, self._registry.url, self._events, clock=time.time
        )
        self._endpoint_changes = EndpointChanges(self._events, cluster=inside, clock=time.time)
        self._models = HandleModels(clock=time.monotonic)
        self._applications = AliasApplications(self._snapshots, self._models.wait_until_ready)
        self._gateways = Gateways(clock=time.monotonic, forget_after_s=2 * WATCH_S)
        self._other = OtherContent(self._registry, self._snapshots, self._models, self._gateways)
        keep, announce = self._history.keep, self._announce
        self._rollouts = RolloutWork(
            self._snapshots, MonitorCaller(), announce=announce, keep=keep, clock=time.time
        )
        self._experiments = ExperimentWork(
            self._snapshots, announce=announce, keep=keep, clock=time.time
        )
        self._keys = key_work_of(
            args.state, self._snapshots, self._events, announce=announce, taken=self._behind
        )
        self._quotas = quota_work_of(args.state)
        self._courses = RequestCourses(time.time)
        self._issuers = IssuerKeys(self._snapshots, announce=announce, clock=time.monotonic)
        self._probes = VersionProbes(
            self._snapshots, self._registry, self._follower, self._applications
        )
        self._changed = asyncio.Condition()
        self._declared: dict[str, Any] = {}
        self._tasks = Supervisor(clock=time.monotonic, words=words_for_outside)
        self._exporter = self._telemetry.exporter()

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take the declared endpoints. Serve calls this at start and when they change.

        It never fails, since Serve would end this replica: endpoints that cannot be served are
        shown as refused, and what was declared before goes on.
        """
        self._declared = user_config
        declaration = await self._read()
        self._tasks.stop(_TAKE)
        try:
            await self._take(declaration)
        except ServeError as error:
            logger.error("the declaration cannot be kept yet", exc_info=error)
            self._tasks.start(_TAKE, functools.partial(self._take, declaration))
        self._tasks.start("follow the aliases", self._follow_aliases)
        self._tasks.start("follow rewards", lambda: self._learning.follow(self._announce))
        self._tasks.start("note what is registered", self._registrations.run)
        self._tasks.start("move rollouts on", self._rollouts.run)
        self._tasks.start("let experiments begin", self._experiments.run)
        self._tasks.start("follow keys", self._keys.run)
        self._tasks.start("read runs of training", self._training.run)
        self._tasks.start("count failures", self._tell_metrics)
        self._telemetry.start(self._tasks)

    async def _take(self, declaration: Declaration) -> None:
        """Let a declaration stand, or remember why it cannot.

        Raises:
            RegistryFailed: it cannot be kept.
        """
        before = self._snapshots.current
        self._snapshots.take(declaration)
        refusal = self._snapshots.refusal
        if refusal is not None:
            await self._history.keep(
                changes.refused(time.time(), refusal.declaration, refusal.problems)
            )
        else:
            self._follower.accept(self._declared)
            await self._history.keep(changes.declared(time.time(), before, self._snapshots.current))
        await self._look()

    async def _read(self) -> Declaration:
        """What is declared, described by what the registry holds and its aliases name now."""
        registry = self._registry
        return await asyncio.to_thread(read, self._declared, registry.manifest, registry.resolve)

    async def watch(
        self, seen: int, timeout_s: float, acknowledged: Acknowledged | None = None
    ) -> dict[str, Any] | None:
        """The snapshot that stands, as soon as it is newer than `seen`; none in time.

        A gateway says with its call under which snapshot it answers.
        """
        if acknowledged is not None:
            self._gateways.hear(acknowledged)
        self._snapshots.outnumber(seen)
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self._snapshots.current.version > seen),
                    timeout_s,
                )
            except TimeoutError:
                return None
        return self._snapshots.current.since(seen)

    async def snapshot(self) -> dict[str, Any]:
        """The snapshot that stands."""
        return self._snapshots.current.to_json()

    async def in_effect(self) -> dict[str, Any]:
        """What stands, what it waits for and why, and what gateways and replicas say of it.

        `other` names versions whose replicas hold something else than the registry does.
        """
        snapshot, refusal = self._snapshots.current, self._snapshots.refusal
        return {
            "declaration": snapshot.declaration,
            "refused": None if refusal is None else refusal.to_json(),
            "snapshot": snapshot.version,
            "waiting": {name: list(versions) for name, versions in snapshot.waiting.items()},
            "held": dict(self._snapshots.held),
            "follows": {name: one.follows() for name, one in snapshot.endpoints.items()},
            "reasons": dict(self._probes.reasons),
            "failing": self._tasks.problems(),
            "gateways": {name: one.to_json() for name, one in self._gateways.known().items()},
            "other": await self._other.lately(),
            "rollouts": self._rollouts.reports(),
            **await asyncio.to_thread(scaling_records.standing),
        }

    async def set_weights(
        self, endpoint: str, weights: Mapping[str, float], change: Change
    ) -> dict[str, Any]:
        """Change weights until the next declaration, and return once gateways answer by them.

        What comes back are the snapshot, the endpoint's weights by version, the versions that it
        waits for, and the gateways that did not take the snapshot in time.

        Raises:
            NotFound: no such endpoint or variant.
            InvalidInput: the weights do not fit.
            RegistryFailed: they cannot be kept; nothing has changed.
        """
        before = self._snapshots.current.endpoints.get(endpoint)
        self._snapshots.set_weights(endpoint, weights)
        snapshot = self._snapshots.current
        await self._announce()
        after = snapshot.endpoints.get(endpoint)
        if before is not None and after is not None:
            await self._history.keep(
                changes.weights_set(time.time(), change.who, change.why, before, after)
            )
        return {
            "snapshot": snapshot.version,
            "endpoint": endpoint,
            "weights": {} if after is None else dict(after.route.weights),
            "waiting": list(snapshot.waiting.get(endpoint, ())),
            "behind": await self._behind(snapshot.version),
        }

    async def rollouts(self) -> list[dict[str, Any]]:
        """How each rollout stands."""
        return self._rollouts.reports()

    async def move_rollout(self, endpoint: str, action: Action, change: Change) -> dict[str, Any]:
        """Start, pause, resume, promote or roll back, once gateways answer so.

        Raises:
            NotFound: the endpoint has no rollout.
            Conflict: that cannot be done in its phase.
            RegistryFailed: it cannot be kept; nothing has changed.
        """
        report = await self._rollouts.act(endpoint, action, change)
        behind = await self._behind(self._snapshots.current.version)
        return {**report, "behind": behind}

    async def experiments(self) -> list[dict[str, Any]]:
        """How each experiment stands."""
        return self._experiments.reports()

    async def move_experiment(
        self, endpoint: str, action: ExperimentAction, change: Change
    ) -> dict[str, Any]:
        """Start or stop the experiment of an endpoint.

        Raises:
            NotFound: the endpoint has none.
            Conflict: it runs already, or there is nothing to stop.
            RegistryFailed: it cannot be kept; nothing has changed.
        """
        return await self._experiments.act(endpoint, action, change)

    async def change_endpoint(self, order: EndpointOrder) -> dict[str, Any]:
        """Begin to add, replace or remove an endpoint, and tell of the change under way."""
        snapshot = self._snapshots.current
        exists = order.endpoint in {*snapshot.endpoints, *snapshot.waiting}
        return self._endpoint_changes.begin(order, exists=exists)

    async def endpoint_changes(self) -> list[dict[str, Any]]:
        """The changes that are under way and the last that ended, the newest first."""
        return self._endpoint_changes.newest()

    async def endpoint_change(self, identity: str) -> dict[str, Any]:
        """How far a change is.

        Raises:
            NotFound: nobody remembers it.
        """
        return self._endpoint_changes.known(identity)

    async def _behind(self, version: int) -> list[str]:
        return await taken(self._gateways, version)

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()
        current = self._snapshots.current
        self._models.locate(current.placed())
        before, self._announced = self._announced, current
        await self._history.keep(*changes.standing(time.time(), before, current))
        awaited = self._snapshots.awaited()
        for version in awaited:
            probe = functools.partial(self._probes.probe, version, self._announce)
            self._tasks.start(_probe_of(version), probe)
        for name in self._tasks.running() - {_probe_of(version) for version in awaited}:
            if name.startswith(_PROBE):
                self._tasks.stop(name)
        self._probes.forget(awaited)

    async def _tell_metrics(self) -> None:
        """Tell once a period how often background work failed, until cancelled."""
        while True:
            statuses = self._tasks.statuses()
            own = samples.of_process("control", statuses, time.time())
            self._exporter.export(chain(own, self._training.samples(), self._telemetry.samples()))
            await asyncio.sleep(PERIOD_S)

    async def close(self) -> None:
        """End, once the replica has drained."""
        self._endpoint_changes.close()
        await self._tasks.close()
        await self._history.close()
        await self._telemetry.close()
        if self._audit is not None:
            await asyncio.to_thread(self._audit.close)


def _probe_of(version: str) -> str:
    """The name of the work that waits for a version."""
    return f"{_PROBE}{version}"
