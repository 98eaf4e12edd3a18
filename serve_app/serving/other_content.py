"""Versions that are answered by something else than the registry holds, and by whom."""

import asyncio
import time

from serve_app.control.gateways import Gateways
from serve_app.control.snapshots import Snapshots
from serve_app.core.reference import split_version
from serve_app.errors import ServeError
from serve_app.registry.store import Registry
from serve_app.serving.handles import HandleModels
from serve_app.serving.messages import words_for_outside

LOOK_AGAIN_S = 0.4
"""How long what replicas hold is not asked again, however many want to know."""


class OtherContent:
    """Compares what replicas and gateways hold with what the registry does."""

    def __init__(
        self, registry: Registry, snapshots: Snapshots, models: HandleModels, gateways: Gateways
    ) -> None:
        self._registry = registry
        self._snapshots = snapshots
        self._models = models
        self._gateways = gateways
        self._looked: tuple[float, dict[str, str]] | None = None

    async def lately(self) -> dict[str, str]:
        """Those versions with how many hold something else, as it was a moment ago."""
        now = time.monotonic()
        if self._looked is None or now - self._looked[0] > LOOK_AGAIN_S:
            self._looked = (now, await self._now())
        return self._looked[1]

    async def _now(self) -> dict[str, str]:
        held = await self._models.held(self._snapshots.serving_by_handle())
        for gateway in self._gateways.known().values():
            for version, digest in gateway.loaded.items():
                held.setdefault(version, []).append(digest)
        strangers_of: dict[str, str] = {}
        for version, digests in held.items():
            try:
                manifest = await asyncio.to_thread(self._registry.manifest, *split_version(version))
            except ServeError as error:
                strangers_of[version] = words_for_outside(error)
                continue
            strangers = sum(digest != manifest.digest for digest in digests)
            if strangers:
                strangers_of[version] = f"{strangers} of {len(digests)} hold another content"
        return strangers_of
