"""Waits until versions answer that declared endpoints need, so that these can stand."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from serve_app.control.snapshots import Snapshots
from serve_app.core.reference import split_version
from serve_app.engine.load import load
from serve_app.errors import ServeError
from serve_app.registry.store import Registry
from serve_app.serving.alias_applications import AliasApplications
from serve_app.serving.alias_follower import AliasFollower
from serve_app.serving.messages import words_for_outside

PAUSE_S = 0.25
logger = logging.getLogger("serve_app.control")


class VersionProbes:
    """Asks versions until they answer; `reasons` says in words why some do not yet."""

    def __init__(
        self,
        snapshots: Snapshots,
        registry: Registry,
        follower: AliasFollower,
        applications: AliasApplications,
    ) -> None:
        self._snapshots = snapshots
        self._registry = registry
        self._follower = follower
        self._applications = applications
        self.reasons: dict[str, str] = {}

    def forget(self, awaited: frozenset[str]) -> None:
        """Keep the reasons of those alone that are still awaited."""
        self.reasons = {v: words for v, words in self.reasons.items() if v in awaited}

    async def probe(self, version: str, announce: Callable[[], Awaitable[None]]) -> None:
        """Wait until a version answers, then let the endpoints stand that waited for it."""
        while True:
            try:
                await self._answers(version)
                break
            except ServeError as error:
                self.reasons[version] = words_for_outside(error)
                logger.info("still waiting", extra={"version": version, "why": error.code})
                await asyncio.sleep(PAUSE_S)
        self._snapshots.ready(version)
        await announce()

    async def _answers(self, version: str) -> None:
        """Return once gateways can load a version, or once its replicas answer."""
        if version in self._snapshots.loaded_by_gateways():
            # Gateways do this next: what cannot be loaded must not get that far.
            await asyncio.to_thread(load, self._registry, *split_version(version))
        if version in self._snapshots.needed_by_handle():
            await self._follower.see_applications()
            await self._applications.wait_until_held(version)
