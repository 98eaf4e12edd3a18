"""Daily quotas in a cluster: control leases rows, and gateways ask it for more in time."""

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from serve_app.control.quotas import Ledger
from serve_app.core.quota import LeaseRequest, Leases
from serve_app.errors import ServeError
from serve_app.security.quotas import Quotas
from serve_app.storage.quota_parts import QuotaParts

PERIOD_S = 0.2
"""How often a gateway looks whether it needs rows; most of a lease is left then."""
PAUSE_S = 1.0
"""How long it waits while control does not answer."""
logger = logging.getLogger("serve_app.gateway")


class QuotaWork:
    """Control's part: one change at a time, each kept before it is given."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._changing = asyncio.Lock()

    async def lease(self, requests: Sequence[LeaseRequest]) -> Leases:
        """Lease what is left.

        Raises:
            RegistryFailed: it cannot be kept; nothing is leased then.
        """
        async with self._changing:
            return await asyncio.to_thread(self._ledger.lease, requests)


class QuotaMethods:
    """The method of control about quotas, which gateways call; raises as `QuotaWork` does."""

    _quotas: QuotaWork

    async def lease(self, requests: Sequence[LeaseRequest]) -> Leases:
        """Lease what is left of the rows of a day."""
        return await self._quotas.lease(requests)


def quota_work_of(state: str) -> QuotaWork:
    """The quotas of a state store."""
    return QuotaWork(Ledger(QuotaParts(state), clock=time.time))


class Leasing(Protocol):
    """Who leases rows."""

    async def lease(self, requests: Sequence[LeaseRequest]) -> Leases:
        """What is leased; raises ServeError where nobody answers."""
        ...


def lease_for_ever(
    quotas: Quotas, control: Leasing, *, sleep: Callable[[float], Coroutine[Any, Any, None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Background work of a gateway that has rows leased before they are used up."""
    return functools.partial(_lease_for_ever, quotas, control, sleep)


async def _lease_for_ever(
    quotas: Quotas, control: Leasing, sleep: Callable[[float], Coroutine[Any, Any, None]]
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
