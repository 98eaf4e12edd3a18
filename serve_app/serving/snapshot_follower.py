"""Keeps a gateway on the newest snapshot, with control or without it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serve_app.control.gateways import Acknowledged
from serve_app.core.ports import StateStore
from serve_app.core.snapshot import Snapshot
from serve_app.errors import ServeError
from serve_app.serving.control import WATCH_S
from serve_app.serving.control_client import control_handle
from serve_app.serving.messages import told

FIRST_WAIT_S = 3.0
PAUSE_S = 0.25
logger = logging.getLogger("serve_app.gateway")


class SnapshotFollower:
    """Pulls the snapshot at start, then waits for the next one, for ever.

    `replica` is the name under which this gateway tells control what it answers under, `loaded`
    gives the digests of the versions that it computes itself.
    """

    def __init__(
        self,
        store: StateStore,
        apply: Callable[[Snapshot], Awaitable[None]],
        *,
        replica: str,
        loaded: Callable[[], Mapping[str, str]],
    ) -> None:
        self._store = store
        self._apply = apply
        self._replica = replica
        self._loaded = loaded
        self._seen = 0
        self._applied = 0
        self._trouble: str | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Apply the last snapshot that anybody knows, then follow control.

        The store answers even while control is down; control, once it is reached, says
        what has changed since.
        """
        try:
            kept = await asyncio.to_thread(self._store.latest)
        except ServeError as error:
            logger.warning(error.message)
            kept = None
        if kept is not None:
            await self._take(kept)
        try:
            async with asyncio.timeout(FIRST_WAIT_S):
                await self._take(await control_handle().options(method_name="snapshot").remote())
        except Exception as error:  # noqa: BLE001 - whatever it is, the gateway starts without
            logger.warning("control does not answer yet", extra={"why": type(error).__name__})
        self._task = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        watching = control_handle().options(method_name="watch")
        while True:
            try:
                body = await watching.remote(self._seen, WATCH_S, self._acknowledged())
                if body is not None:
                    await self._take(body)
            except Exception as error:  # noqa: BLE001 - control is away: the last snapshot stands
                logger.info("control is away", extra={"why": type(error).__name__})
                await asyncio.sleep(PAUSE_S)

    def _acknowledged(self) -> Acknowledged:
        return Acknowledged(self._replica, self._applied, self._trouble, self._loaded())

    async def _take(self, body: Mapping[str, Any]) -> None:
        snapshot = Snapshot.from_json(body)
        if snapshot.version <= self._seen:
            return
        try:
            await self._apply(snapshot)
            self._applied, self._trouble = snapshot.version, None
        except ServeError as error:
            # A snapshot that cannot be applied must not take the one that works away.
            self._trouble = told(error)
            logger.error(
                "a snapshot cannot be applied",
                exc_info=error,
                extra={"snapshot": snapshot.version},
            )
        self._seen = snapshot.version
