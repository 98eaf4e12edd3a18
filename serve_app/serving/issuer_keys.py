"""Control's part in issuers of tokens: it alone fetches their keys, and hands them to gateways."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serve_app.control.snapshots import Snapshots
from serve_app.core.ports import Clock
from serve_app.errors import ServeError
from serve_app.serving.issuer import Issuer, fetch

PAUSE_S = 60.0
"""An address is asked no more often than this, whoever wants what it has."""
MOST_ISSUERS = 2
"""A config names one; while one is replaced there are two."""
logger = logging.getLogger("serve_app.control")


class IssuerKeys:
    """Fetches what gateways want to know, and lets it stand in the snapshot.

    While an issuer does not answer, the keys that it published last stand. `announce` lets
    gateways know of a new snapshot, `clock` gives seconds, `fetched` asks the issuer.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        *,
        announce: Callable[[], Awaitable[None]],
        clock: Clock,
        fetched: Callable[[Issuer], Mapping[str, Any]] = fetch,
    ) -> None:
        self._snapshots = snapshots
        self._announce = announce
        self._clock = clock
        self._fetched = fetched
        self._tried_s: dict[str, float] = {}
        self._asking = asyncio.Lock()

    async def follow(self, issuer: Issuer) -> None:
        """Fetch the keys of an issuer unless that was tried within the last minute.

        Raises:
            RegistryFailed: what was fetched cannot be kept.
        """
        async with self._asking:
            now_s = self._clock()
            last_s = self._tried_s.get(issuer.address)
            if last_s is not None and now_s < last_s + PAUSE_S:
                return
            self._tried_s = {issuer.address: now_s, **self._others(issuer.address)}
            try:
                document = await asyncio.to_thread(self._fetched, issuer)
            except ServeError as error:
                logger.error("the issuer's keys of before go on", extra={"why": error.message})
                return
            access = self._snapshots.access.with_token_keys(issuer.address, document, MOST_ISSUERS)
            if access is not self._snapshots.access:
                self._snapshots.set_access(access)
                await self._announce()

    def _others(self, address: str) -> dict[str, float]:
        others = [(one, at_s) for one, at_s in self._tried_s.items() if one != address]
        return dict(others[: MOST_ISSUERS - 1])
