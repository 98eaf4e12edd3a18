"""Lets routes that learn be steered by what the monitor added up for them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from serve_app.control.snapshots import Snapshots
from serve_app.errors import ServeError
from serve_app.monitoring.bandit_rewards import learned_name
from serve_app.routing import route_of
from serve_app.storage.monitor_state import MonitorState

PAUSE_S = 1.0
logger = logging.getLogger("serve_app.control")


class RouteLearning:
    """Reads what was learned again and again, and lets new snapshots stand by it."""

    def __init__(self, snapshots: Snapshots, state: MonitorState) -> None:
        self._snapshots = snapshots
        self._state = state

    async def follow(self, announce: Callable[[], Awaitable[None]]) -> None:
        """Take what is learned, for ever; `announce` is called where that changed what stands.

        What cannot be read or kept now is taken later, and the shares of before stand meanwhile.
        """
        while True:
            try:
                if await self.look():
                    await announce()
            except ServeError as error:
                logger.warning("what routes learned is not taken", extra={"why": error.message})
            await asyncio.sleep(PAUSE_S)

    async def look(self) -> bool:
        """Take what is learned now, and say whether that changed what stands.

        Raises:
            RegistryFailed: it cannot be read, or not be kept; nothing has changed.
        """
        before = self._snapshots.current
        learning = [n for n, e in before.endpoints.items() if route_of(e.route).learns]
        if not learning:
            return False
        self._snapshots.learn(await asyncio.to_thread(self._learned, learning))
        return self._snapshots.current is not before

    def _learned(self, names: Iterable[str]) -> dict[str, Any]:
        known = {name: self._state.load(learned_name(name)) for name in names}
        return {name: body for name, body in known.items() if body is not None}
