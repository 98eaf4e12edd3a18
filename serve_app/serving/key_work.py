"""Control's part in who has keys: it alone changes them, and lets every gateway know."""

import asyncio
import functools
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

from serve_app.control.keys import KeyBook, changed
from serve_app.control.snapshots import Snapshots
from serve_app.core.access import KeyChange
from serve_app.core.events import Event
from serve_app.core.ports import EventStore
from serve_app.errors import ServeError
from serve_app.gateway.admin.actions import Change
from serve_app.serving.issuer import Issuer
from serve_app.serving.issuer_keys import IssuerKeys
from serve_app.storage.keys import KeyStore

LOOK_PAUSE_S = 2.0
"""How often it is looked whether somebody wrote keys into the state store beside control."""
Json = dict[str, Any]
logger = logging.getLogger("serve_app.control")


class KeyWork:
    """Changes keys in the state store, then in the snapshot; a revoked one is gone from both.

    `announce` lets gateways know of a new snapshot, `taken` waits until they answer under it and
    gives those that do not, `clock` gives seconds since 1970.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        store: KeyStore,
        book: KeyBook,
        *,
        announce: Callable[[], Awaitable[None]],
        taken: Callable[[int], Awaitable[list[str]]],
        clock: Callable[[], float],
    ) -> None:
        self._snapshots = snapshots
        self._store = store
        self._book = book
        self._announce = announce
        self._taken = taken
        self._clock = clock
        self._seen: tuple[int, float] | None = None
        # One change at a time: a look that began before it would undo it.
        self._changing = asyncio.Lock()

    async def run(self) -> None:
        """Follow the state store for ever: the first keys are written before control runs."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_PAUSE_S)

    async def look(self) -> None:
        """Take what the state store holds, where it differs.

        A store that lost its keys is given those of the snapshot again.

        Raises:
            RegistryFailed: it cannot be read, or what follows cannot be kept.
        """
        async with self._changing:
            stamp = await asyncio.to_thread(self._store.stamp)
            if stamp == self._seen:
                return
            known = self._snapshots.access.keys
            if stamp[0] == 0 and known:
                logger.error("the state store lost its keys: those of the snapshot are kept again")
                await asyncio.to_thread(self._store.put, *known)
            await self._follow()

    async def listed(self) -> list[Json]:
        """Every key, without what could be used."""
        return await asyncio.to_thread(self._book.listed)

    async def change(self, order: KeyChange, change: Change) -> Json:
        """Make, replace or revoke a key, and tell of it once every gateway acts so.

        What comes back is the record, of a new key the key too, and as `behind` the gateways that
        do not know of it yet.

        Raises:
            InvalidInput: what it is to be makes no sense.
            NotFound: there is no such key.
            Conflict: its principal has two valid keys already, or it is not valid any more.
            RegistryFailed: it cannot be kept; nothing has changed.
        """
        async with self._changing:
            body = await asyncio.to_thread(changed, self._book, order, change.who, change.why)
            try:
                await self._follow()
            except ServeError as error:
                # The store knows it; `run` tries again until the snapshot does.
                logger.error("keys changed, and no snapshot of it can be kept", exc_info=error)
                self._seen = None
                return {**body, "behind": ["every gateway: the snapshot cannot be kept"]}
        return {**body, "behind": await self._taken(self._snapshots.current.version)}

    async def _follow(self) -> None:
        """Let what the state store holds stand in the snapshot."""
        stamp = await asyncio.to_thread(self._store.stamp)
        records = await asyncio.to_thread(self._store.all)
        access = self._snapshots.access.with_keys(records, self._clock())
        if access is not self._snapshots.access:
            self._snapshots.set_access(access)
            await self._announce()
        self._seen = stamp


class KeyMethods:
    """Methods of control about keys, which gateways call; raises as `KeyWork` does."""

    _keys: KeyWork
    _issuers: IssuerKeys

    async def follow_issuer(self, issuer: Issuer) -> None:
        """Fetch the keys of an issuer of tokens, no more than once a minute."""
        await self._issuers.follow(issuer)

    async def keys(self) -> list[dict[str, Any]]:
        """Every key that there ever was, without what could be used."""
        return await self._keys.listed()

    async def change_keys(self, order: KeyChange, change: Change) -> dict[str, Any]:
        """Make, replace or revoke a key, once gateways act so; raises as `KeyWork` does."""
        return await self._keys.change(order, change)


def key_work_of(
    state: str,
    snapshots: Snapshots,
    events: EventStore,
    *,
    announce: Callable[[], Awaitable[None]],
    taken: Callable[[int], Awaitable[list[str]]],
) -> KeyWork:
    """The keys of a state store, and events of what becomes of them."""
    store = KeyStore(state)
    book = KeyBook(
        store,
        clock=time.time,
        random_bytes=secrets.token_bytes,
        keep_event=functools.partial(_noted, events),
    )
    return KeyWork(snapshots, store, book, announce=announce, taken=taken, clock=time.time)


def _noted(events: EventStore, event: Event) -> None:
    """Keep an event; where that fails the program's log has it, and what was done stands."""
    try:
        events.append(event)
    except ServeError as error:
        logger.error("an event cannot be kept", exc_info=error, extra={"event": str(event)})
