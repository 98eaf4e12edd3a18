"""Daily quotas in a cluster: control leases rows, and gateways ask it for more in time.

Different rows are counted alike in all gateways by a secret that control tells them.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from serve_app.control.distinct_rows import DistinctLedger
from serve_app.control.quotas import Ledger
from serve_app.core.quota import AnyRequest, Leases
from serve_app.errors import ServeError
from serve_app.serving.shared_secrets import drawn_secret
from serve_app.storage.distinct_parts import DistinctParts
from serve_app.storage.quota_parts import QuotaParts

PERIOD_S = 0.2
"""How often a gateway looks whether it needs rows; most of a lease is left then."""
PAUSE_S = 1.0
"""How long it waits while control does not answer."""
logger = logging.getLogger("serve_app.gateway")


class QuotaWork:
    """Control's part: one change at a time, each kept before it is given, in the store `state`."""

    def __init__(self, ledger: Ledger, state: str = "") -> None:
        self._ledger = ledger
        self._state = state
        self._changing = asyncio.Lock()

    async def lease(self, requests: Sequence[AnyRequest]) -> Leases:
        """Lease what is left.

        Raises:
            RegistryFailed: it cannot be kept; nothing is leased then.
        """
        async with self._changing:
            return await asyncio.to_thread(self._ledger.lease, requests)

    async def shared_secret(self, name: str) -> str:
        """A secret that all gateways have; raises as `drawn_secret` does."""
        async with self._changing:
            return await drawn_secret(self._state, name)


class QuotaMethods:
    """What gateways share through control, whose methods they call; raises as `QuotaWork` does."""

    _quotas: QuotaWork

    async def lease(self, requests: Sequence[AnyRequest]) -> Leases:
        """Lease what is left of the rows of a day."""
        return await self._quotas.lease(requests)

    async def shared_secret(self, name: str) -> str:
        """A secret that all gateways have, as hexadecimal digits."""
        return await self._quotas.shared_secret(name)


def quota_work_of(state: str) -> QuotaWork:
    """The quotas of a state store."""
    distinct = DistinctLedger(DistinctParts(state))
    return QuotaWork(Ledger(QuotaParts(state), clock=time.time, distinct=distinct), state)


class Leased(Protocol):
    """Knows what is to be leased: rows of a day, or different ones."""

    def wanted(self) -> Sequence[AnyRequest]:
        """For whom more is to be leased."""
        ...

    def follow(self, leases: Leases) -> None:
        """Take what was leased."""
        ...


class Leasing(Protocol):
    """Who leases rows."""

    async def lease(self, requests: Sequence[AnyRequest]) -> Leases:
        """What is leased; raises ServeError where nobody answers."""
        ...


def lease_for_ever(
    quotas: Leased, control: Leasing, *, sleep: Callable[[float], Coroutine[Any, Any, None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Background work of a gateway that has rows leased before they are used up."""
    return functools.partial(_lease_for_ever, quotas, control, sleep)


async def _lease_for_ever(
    quotas: Leased, control: Leasing, sleep: Callable[[float], Coroutine[Any, Any, None]]
) -> None:
    while True:
        pause_s = PERIOD_S
        requests = quotas.wanted()
        if requests:
            try:
                quotas.follow(await control.lease(requests))
            except ServeError as error:
                logger.info("control leases no rows", extra={"why": type(error).__name__})
                pause_s = PAUSE_S
        await sleep(pause_s)
