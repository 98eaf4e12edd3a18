"""Keeps a gateway on the newest snapshot, with control or without it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serve_app.control.gateways import Acknowledged
from serve_app.core.snapshot import Snapshot
from serve_app.errors import Conflict, ServeError
from serve_app.serving.control_client import WATCH_S, control_handle
from serve_app.serving.messages import words_for_outside
from serve_app.storage.nearby import NearbySnapshots

FIRST_WAIT_S = 3.0
PAUSE_S = 0.25
LONGEST_PAUSE_S = WATCH_S
logger = logging.getLogger("serve_app.gateway")


class SnapshotFollower:
    """Pulls the snapshot at start, then waits for the next one, for ever.

    `replica` is the name under which this gateway tells control what it answers under, `loaded`
    gives the digests of the versions that it computes itself, `failing` what of its background
    work fails now. A snapshot that cannot be applied is tried again, ever later, until it can
    be or a newer one comes; the one before it answers meanwhile.
    """

    def __init__(
        self,
        store: NearbySnapshots,
        apply: Callable[[Snapshot], Awaitable[None]],
        *,
        replica: str,
        loaded: Callable[[], Mapping[str, str]],
        failing: Callable[[], list[str]],
    ) -> None:
        self._store = store
        self._apply = apply
        self._replica = replica
        self._loaded = loaded
        self._failing = failing
        self._seen = 0
        self._latest: Snapshot | None = None
        self._applied = 0
        self._trouble: str | None = None
        self._pending: Snapshot | None = None
        self._pause_s = PAUSE_S

    async def start(self) -> None:
        """Apply the last snapshot that anybody knows.

        The store answers even while control is down; control, once it is reached, says
        what has changed since.
        """
        try:
            stored = await asyncio.to_thread(self._store.latest)
        except ServeError as error:
            logger.warning(error.message)
            stored = None
        if stored is not None:
            await self._take(Snapshot.from_json(stored))
        try:
            async with asyncio.timeout(FIRST_WAIT_S):
                body = await control_handle().options(method_name="snapshot").remote()
        except Exception as error:  # noqa: BLE001 - whatever it is, the gateway starts without
            logger.warning("control does not answer yet", extra={"why": type(error).__name__})
            return
        await self._take(Snapshot.from_json(body))

    async def follow(self) -> None:
        """Wait for the next snapshot and apply it, for ever."""
        watch = control_handle().options(method_name="watch")
        while True:
            wait_s = WATCH_S if self._pending is None else self._pause_s
            try:
                body = await watch.remote(self._seen, wait_s, self._acknowledged())
            except Exception as error:  # noqa: BLE001 - control is away: the last snapshot stands
                logger.info("control is away", extra={"why": type(error).__name__})
                await asyncio.sleep(PAUSE_S)
                continue
            if body is not None:
                await self._take_body(body)
            elif self._pending is not None:
                await self._try(self._pending)

    def _acknowledged(self) -> Acknowledged:
        return Acknowledged(
            self._replica,
            self._applied,
            self._trouble,
            self._loaded(),
            tuple(self._failing()),
        )

    async def _take_body(self, body: Mapping[str, Any]) -> None:
        """Take a snapshot of which control sends what may differ from the latest one here."""
        try:
            snapshot = Snapshot.from_json(body, self._latest)
        except Conflict as error:
            # Who has seen nothing is sent everything.
            logger.warning(error.message, extra={"snapshot": body["version"]})
            self._seen = 0
            return
        await self._take(snapshot)

    async def _take(self, snapshot: Snapshot) -> None:
        if snapshot.version <= self._seen:
            return
        self._seen, self._pause_s, self._latest = snapshot.version, PAUSE_S, snapshot
        await self._try(snapshot)

    async def _try(self, snapshot: Snapshot) -> None:
        try:
            await self._apply(snapshot)
        except Exception as error:
            self._trouble = words_for_outside(error)
            self._pending = snapshot
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            logger.error(
                "a snapshot cannot be applied, and is tried again",
                exc_info=error,
                extra={"snapshot": snapshot.version, "again_in_s": self._pause_s},
            )
            return
        self._applied, self._trouble, self._pending = snapshot.version, None, None
        await asyncio.to_thread(self._store.keep, snapshot)
