"""Control's part in following aliases: it looks now and then, and whenever somebody moved one."""

import asyncio
import functools
from collections.abc import Mapping
from typing import Any

from serve_app.control.declare import Declaration
from serve_app.control.snapshots import Snapshots
from serve_app.core.former_versions import loaded
from serve_app.core.supervisor import Supervisor
from serve_app.serving.alias_applications import AliasApplications
from serve_app.serving.alias_follower import AliasFollower
from serve_app.serving.event_keeping import EventKeeping

ALIASES_PAUSE_S = 3.0
"""How often the registry is asked which versions its aliases name."""
_HOLD = "let versions be held by "


class AliasMethods:
    """Lets endpoints follow aliases, and tells the applications of aliases what to hold."""

    _snapshots: Snapshots
    _follower: AliasFollower
    _applications: AliasApplications
    _history: EventKeeping
    _tasks: Supervisor
    _declared: dict[str, Any]

    async def look_at_aliases(self) -> Mapping[str, Any]:
        """Follow aliases at once: whoever moves one calls this.

        What comes back are the snapshot, the versions that are loaded under it, those that
        endpoints wait for, and the gateways that did not take it in time.

        Raises:
            RegistryFailed: what they name cannot be kept yet.
        """
        await self._look()
        snapshot = self._snapshots.current
        return {
            "snapshot": snapshot.version,
            "loaded": sorted(loaded(snapshot)),
            "waiting": {name: list(versions) for name, versions in snapshot.waiting.items()},
            "behind": await self._behind(snapshot.version),
        }

    async def _follow_aliases(self) -> None:
        """Let labels in paths follow the aliases of the registry, for ever."""
        while True:
            await asyncio.sleep(ALIASES_PAUSE_S)
            if self._snapshots.refused:
                # What it lacked may be registered now; Serve says again only what is newer.
                declared, declaration = self._declared, await self._read()
                if declared is self._declared and not declaration.problems:
                    await self._take(declaration)
            await self._look()

    async def _look(self) -> None:
        """Follow what aliases name now, and tell the applications of aliases what to hold."""
        await self._history.keep(*await self._follower.look())
        await self._announce()
        for name in self._applications.in_use():
            self._tasks.start(f"{_HOLD}{name}", functools.partial(self._applications.hold, name))

    async def _read(self) -> Declaration:
        """What is declared now."""
        raise NotImplementedError

    async def _take(self, declaration: Declaration) -> None:
        """Let a declaration stand."""
        raise NotImplementedError

    async def _announce(self) -> None:
        """Tell what stands."""
        raise NotImplementedError

    async def _behind(self, version: int) -> list[str]:
        """The gateways that did not take a snapshot in time."""
        raise NotImplementedError
