"""The small application that holds the versioned snapshot and hands it to gateways."""

import asyncio
import functools
import logging
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray import serve

from serve_app.config import ControlArgs
from serve_app.control import changes
from serve_app.control.declare import Declaration, read
from serve_app.control.gateways import Acknowledged, Gateways
from serve_app.control.snapshots import Snapshots
from serve_app.core.events import Event
from serve_app.core.feedback import Feedback, Outcome
from serve_app.core.reference import split_version
from serve_app.core.supervisor import Supervisor
from serve_app.engine.load import load
from serve_app.errors import ServeError
from serve_app.gateway.admin.actions import Change
from serve_app.monitoring import samples
from serve_app.registry.aliases import AliasMove
from serve_app.registry.store import Registry
from serve_app.serving import logs, scaling_records
from serve_app.serving.control_client import DEPLOYMENT
from serve_app.serving.handles import HandleModels
from serve_app.serving.messages import words_for_outside
from serve_app.serving.metrics import PERIOD_S, MetricsExporter
from serve_app.storage.events import EventLog
from serve_app.storage.feedback import FeedbackStore
from serve_app.storage.snapshots import SnapshotStore

PROBE_PAUSE_S = 0.25
WATCH_S = 30.0
"""How long a gateway waits for the next snapshot before it says again which one it has."""
LOOK_AGAIN_S = 0.4
"""How long what replicas hold is not asked again, however many want to know."""
ALIASES_PAUSE_S = 3.0
"""How often the registry is asked which versions its aliases name."""
TAKEN_WITHIN_S = 3.0
"""How long it is waited until every gateway has taken new weights."""
TAKEN_PAUSE_S = 0.02
_TAKE = "keep the declaration"
_PROBE = "wait for "
logger = logging.getLogger("serve_app.control")


@serve.deployment(name=DEPLOYMENT)
class Control:
    """Turns declarations into snapshots and lets gateways wait for the next one."""

    def __init__(self, args: ControlArgs) -> None:
        logs.configure("control", args.log_level)
        self._registry = Registry(args.registry)
        self._snapshots = Snapshots(SnapshotStore(args.state))
        self._feedback = FeedbackStore(args.state)
        self._events = EventLog(args.state)
        self._models = HandleModels(clock=time.monotonic)
        self._gateways = Gateways(clock=time.monotonic, forget_after_s=2 * WATCH_S)
        self._reasons: dict[str, str] = {}
        self._looked: tuple[float, dict[str, str]] | None = None
        self._changed = asyncio.Condition()
        self._declared: dict[str, Any] = {}
        self._tasks = Supervisor(clock=time.monotonic, words=words_for_outside)
        self._exporter = MetricsExporter()

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take the declared endpoints. Serve calls this at start and when they change.

        It never fails, since Serve would end this replica: endpoints that cannot be served are
        shown as refused, and what was declared before goes on.
        """
        self._declared = user_config
        declaration = await asyncio.to_thread(read, user_config, self._registry.manifest)
        self._tasks.stop(_TAKE)
        try:
            await self._take(declaration)
        except ServeError as error:
            logger.error("the declaration cannot be kept yet", exc_info=error)
            self._tasks.start(_TAKE, functools.partial(self._take, declaration))
        self._tasks.start("follow the aliases", self._follow_aliases)
        self._tasks.start("count failures", self._tell_metrics)

    async def _take(self, declaration: Declaration) -> None:
        """Let a declaration stand, or remember why it cannot.

        Raises:
            RegistryFailed: it cannot be kept.
        """
        before = self._snapshots.current
        self._snapshots.take(declaration)
        refusal = self._snapshots.refusal
        if refusal is not None:
            await self._remember(
                changes.refused(time.time(), refusal.declaration, refusal.problems)
            )
        else:
            await self._remember(changes.declared(time.time(), before, self._snapshots.current))
        await self._read_aliases()
        await self._announce()

    async def watch(
        self, seen: int, timeout_s: float, acknowledged: Acknowledged | None = None
    ) -> dict[str, Any] | None:
        """The snapshot that stands, as soon as it is newer than `seen`; none in time.

        A gateway says with its call under which snapshot it answers.
        """
        if acknowledged is not None:
            self._gateways.hear(acknowledged)
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
            "reasons": dict(self._reasons),
            "failing": self._tasks.problems(),
            "gateways": {name: said.to_json() for name, said in self._gateways.known().items()},
            "other": await self._other_lately(),
            **await self._scaling(),
        }

    async def _scaling(self) -> dict[str, Any]:
        """What the autoscaler decided of each deployment, and the CPUs that are there for it."""
        try:
            return {
                "scaling": await asyncio.to_thread(scaling_records.read_all),
                "cpus_free": (await asyncio.to_thread(ray.available_resources)).get("CPU", 0.0),
                "cpus": (await asyncio.to_thread(ray.cluster_resources)).get("CPU", 0.0),
            }
        except Exception as error:  # noqa: BLE001 - Ray's stores; the rest is known all the same
            logger.warning("scaling cannot be read", extra={"why": type(error).__name__})
            return {"scaling": {}, "cpus_free": None, "cpus": None}

    async def _other_lately(self) -> dict[str, str]:
        now = time.monotonic()
        if self._looked is None or now - self._looked[0] > LOOK_AGAIN_S:
            self._looked = (now, await self._other())
        return self._looked[1]

    async def _other(self) -> dict[str, str]:
        """Versions that are answered by something else than the registry holds, and by whom."""
        held = await self._models.held(self._snapshots.serving_by_handle())
        for gateway in self._gateways.known().values():
            for version, digest in gateway.loaded.items():
                held.setdefault(version, []).append(digest)
        found: dict[str, str] = {}
        for version, digests in held.items():
            try:
                manifest = await asyncio.to_thread(self._registry.manifest, *split_version(version))
            except ServeError as error:
                found[version] = words_for_outside(error)
                continue
            strangers = sum(digest != manifest.digest for digest in digests)
            if strangers:
                found[version] = f"{strangers} of {len(digests)} hold another content"
        return found

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
        await self._announce()
        snapshot = self._snapshots.current
        after = snapshot.endpoints.get(endpoint)
        if before is not None and after is not None:
            await self._remember(
                changes.weights_set(time.time(), change.who, change.why, before, after)
            )
        return {
            "snapshot": snapshot.version,
            "endpoint": endpoint,
            "weights": {} if after is None else dict(after.route.weights),
            "waiting": list(snapshot.waiting.get(endpoint, ())),
            "behind": await self._behind(snapshot.version),
        }

    async def _behind(self, version: int) -> list[str]:
        """The gateways that do not answer under a snapshot yet, once all do or time is up."""
        deadline = time.monotonic() + TAKEN_WITHIN_S
        while True:
            known = self._gateways.known().items()
            behind = sorted(name for name, one in known if one.snapshot < version)
            if not behind or time.monotonic() > deadline:
                return behind
            await asyncio.sleep(TAKEN_PAUSE_S)

    async def _remember(self, *events: Event | None) -> None:
        """Keep events; where that fails, the log has them, and what was done stands."""
        for event in events:
            if event is None:
                continue
            try:
                await asyncio.to_thread(self._events.append, event)
            except ServeError as error:
                logger.error("an event cannot be kept", exc_info=error, extra={"event": str(event)})

    async def keep_feedback(self, feedback: Feedback) -> Outcome:
        """Keep what somebody says of a prediction.

        Raises:
            RegistryFailed: it cannot be written.
        """
        return await asyncio.to_thread(self._feedback.record, feedback, time.time())

    async def _follow_aliases(self) -> None:
        """Let labels in paths follow the aliases of the registry, for ever."""
        while True:
            await asyncio.sleep(ALIASES_PAUSE_S)
            if self._snapshots.refused:
                # What it lacked may have been registered since, and Serve does not say it again.
                declaration = await asyncio.to_thread(read, self._declared, self._registry.manifest)
                if not declaration.problems:
                    await self._take(declaration)
            await self._read_aliases()
            await self._announce()

    async def _read_aliases(self) -> None:
        models = sorted(self._snapshots.models())
        try:
            found = await asyncio.to_thread(lambda: {m: self._registry.aliases(m) for m in models})
        except ServeError as error:
            logger.warning("the aliases cannot be read", extra={"why": error.message})
            return
        before = self._snapshots.current.aliases
        self._snapshots.set_aliases(found)
        if before != found:
            moves = await asyncio.to_thread(self._last_moves, models)
            await self._remember(*changes.aliases_moved(time.time(), before, found, moves))

    def _last_moves(self, models: list[str]) -> dict[tuple[str, str], AliasMove]:
        """The last move of each alias of some models."""
        return {
            (model, alias): history[-1]
            for model in models
            for alias, history in self._registry.alias_histories(model).items()
            if history
        }

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()
        awaited = self._snapshots.awaited()
        for version in awaited:
            self._tasks.start(_probe_of(version), functools.partial(self._probe, version))
        for name in self._tasks.running() - {_probe_of(version) for version in awaited}:
            if name.startswith(_PROBE):
                self._tasks.stop(name)
        self._reasons = {v: words for v, words in self._reasons.items() if v in awaited}

    async def _answers(self, version: str) -> None:
        """Return once gateways can load a version, or once its replicas answer."""
        if version in self._snapshots.loaded_by_gateways():
            # Gateways do this next: what cannot be loaded must not get that far.
            await asyncio.to_thread(load, self._registry, *split_version(version))
        if version in self._snapshots.needed_by_handle():
            await self._models.wait_until_ready(version)

    async def _probe(self, version: str) -> None:
        """Wait until a version answers, then let the endpoints stand that waited for it."""
        while True:
            try:
                await self._answers(version)
                break
            except ServeError as error:
                self._reasons[version] = words_for_outside(error)
                logger.info("still waiting", extra={"version": version, "why": error.code})
                await asyncio.sleep(PROBE_PAUSE_S)
        self._snapshots.ready(version)
        await self._announce()

    async def _tell_metrics(self) -> None:
        """Tell once a period how often background work failed, until cancelled."""
        while True:
            self._exporter.export(samples.of_tasks("control", self._tasks.statuses()))
            await asyncio.sleep(PERIOD_S)

    async def __del__(self) -> None:
        """Serve calls this when the replica has drained."""
        await self._tasks.close()


def _probe_of(version: str) -> str:
    """The name of the work that waits for a version."""
    return f"{_PROBE}{version}"
