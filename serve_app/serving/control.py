"""The small application that holds the versioned snapshot and hands it to gateways."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

import pydantic
from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.config import ControlArgs, ControlSettings, split_reference
from serve_app.core.feedback import Feedback, Outcome
from serve_app.engine.declare import declare
from serve_app.engine.feedback import SqliteFeedback
from serve_app.engine.load import load
from serve_app.engine.snapshots import Snapshots
from serve_app.engine.state import SqliteState
from serve_app.errors import ConfigError, ServeError
from serve_app.registry.store import Registry
from serve_app.serving import logs
from serve_app.serving.handles import HandleModels

APPLICATION = "control"
DEPLOYMENT = "Control"
PROBE_PAUSE_S = 0.25
ALIASES_PAUSE_S = 3.0
"""How often the registry is asked which versions its aliases name."""
logger = logging.getLogger("serve_app.control")


def control_handle() -> DeploymentHandle[Any]:
    """The handle of control, whether it runs already or not."""
    return serve.get_deployment_handle(DEPLOYMENT, APPLICATION, _check_exists=False)


@serve.deployment(name=DEPLOYMENT)
class Control:
    """Turns declarations into snapshots and lets gateways wait for the next one."""

    def __init__(self, args: ControlArgs) -> None:
        logs.configure("control", args.log_level)
        self._registry = Registry(args.registry)
        self._snapshots = Snapshots(SqliteState(args.state))
        self._feedback = SqliteFeedback(args.state)
        self._models = HandleModels(clock=time.monotonic)
        self._changed = asyncio.Condition()
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._following: asyncio.Task[None] | None = None

    async def reconfigure(self, user_config: dict[str, Any]) -> None:
        """Take the declared endpoints. Serve calls this at start and when they change.

        Raises:
            ConfigError: they cannot be served; Serve then shows this deployment as failed
                and gateways go on with the snapshot that they have.
        """
        try:
            settings = ControlSettings.model_validate(user_config)
        except pydantic.ValidationError as error:
            raise ConfigError(str(error)) from None
        declaration = await asyncio.to_thread(declare, settings, self._registry.manifest)
        self._snapshots.declare(declaration.hash, declaration.checked())
        await self._read_aliases()
        await self._announce()
        if self._following is None:
            self._following = asyncio.get_running_loop().create_task(self._follow_aliases())

    async def watch(self, seen: int, timeout_s: float) -> dict[str, Any] | None:
        """The snapshot that stands, as soon as it is newer than `seen`; none in time."""
        async with self._changed:
            try:
                await asyncio.wait_for(
                    self._changed.wait_for(lambda: self._snapshots.current.version > seen),
                    timeout_s,
                )
            except TimeoutError:
                return None
        return self._snapshots.current.to_json()

    async def snapshot(self) -> dict[str, Any]:
        """The snapshot that stands."""
        return self._snapshots.current.to_json()

    async def set_weights(self, endpoint: str, weights: Mapping[str, float]) -> dict[str, Any]:
        """Change weights until the next declaration, and give the snapshot that follows.

        Raises:
            NotFound: no such endpoint or variant.
            InvalidInput: the weights do not fit.
        """
        self._snapshots.set_weights(endpoint, weights)
        await self._announce()
        return self._snapshots.current.to_json()

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
            await self._read_aliases()
            await self._announce()

    async def _read_aliases(self) -> None:
        models = sorted(self._snapshots.models())
        try:
            found = await asyncio.to_thread(lambda: {m: self._registry.aliases(m) for m in models})
        except ServeError as error:
            logger.warning("the aliases cannot be read", extra={"why": error.message})
            return
        self._snapshots.set_aliases(found)

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()
        awaited = self._snapshots.awaited()
        for version in awaited - set(self._probes):
            self._probes[version] = asyncio.get_running_loop().create_task(self._probe(version))
        for version in set(self._probes) - awaited:
            self._probes.pop(version).cancel()

    async def _answers(self, version: str) -> None:
        """Return once gateways can load a version, or once its replicas answer."""
        if version in self._snapshots.loaded_by_gateways():
            # Gateways do this next: what cannot be loaded must not get that far.
            await asyncio.to_thread(load, self._registry, *split_reference(version))
        if version in self._snapshots.needed_by_handle():
            await self._models.wait_until_ready(version)

    async def _probe(self, version: str) -> None:
        """Wait until a version answers, then let the endpoints stand that waited for it."""
        while True:
            try:
                await self._answers(version)
                break
            except ServeError as error:
                logger.info("still waiting", extra={"version": version, "why": error.code})
                await asyncio.sleep(PROBE_PAUSE_S)
        self._probes.pop(version, None)
        self._snapshots.ready(version)
        await self._announce()
