"""What a gateway tells the replicas of versions, and asks them, beside requests."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from serve_app.engine.backlog import Backlog
from serve_app.engine.liveness import Liveness
from serve_app.serving.handles import HandleModels

BACKLOG_PERIOD_S = 1.0
LOOK_PERIOD_S = 2.0
"""How often versions are asked whether they live."""


class VersionsBeside:
    """Tells versions what waits for them in this gateway, and looks which of them live.

    `replica` is this gateway's name among those who tell.
    """

    def __init__(
        self, handles: HandleModels, backlog: Backlog, liveness: Liveness, replica: str
    ) -> None:
        self._handles = handles
        self._backlog = backlog
        self._liveness = liveness
        self._replica = replica

    async def tell_backlog_for_ever(self) -> None:
        """Tell versions once a period what waits for them here, until cancelled."""
        while True:
            await asyncio.sleep(BACKLOG_PERIOD_S)
            backlog = self._backlog.block()
            calls = (self._handles.tell(v, self._replica, one) for v, one in backlog.items())
            await asyncio.gather(*calls)

    async def look_for_ever(
        self, versions: Callable[[], Iterable[str]], then: Callable[[], Awaitable[None]]
    ) -> None:
        """Ask versions again and again whether they live, until cancelled; `then` follows."""
        while True:
            await asyncio.sleep(LOOK_PERIOD_S)
            self._liveness.update(await self._handles.alive(set(versions())))
            await then()
