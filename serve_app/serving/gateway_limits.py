"""The limits of callers in one of several gateways, which share them."""

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from serve_app.config.limits import LimitsSettings
from serve_app.core.ports import Clock
from serve_app.core.supervisor import Supervisor
from serve_app.errors import ServeError
from serve_app.gateway.distinct_counting import distinct_rows_of
from serve_app.gateway.limiting import limits_of
from serve_app.monitoring.counting import Counting
from serve_app.security.distinct_rows import DistinctRows
from serve_app.security.limits import Limiter
from serve_app.security.quotas import Quotas
from serve_app.serving.control_client import ControlCaller, StatusReader, control_handle
from serve_app.serving.quota_work import lease_for_ever
from serve_app.serving.shared_secrets import DISTINCT_ROWS, follow_secret

PERIOD_S = 2.0
logger = logging.getLogger("serve_app.gateway")


def distinct_of(
    settings: LimitsSettings | None, counting: Counting, clock: Clock, gateway: str
) -> DistinctRows | None:
    """What counts the different rows of callers; none where nobody's are counted.

    This process is one `gateway` of several, which count together.
    """
    if settings is None:
        return None
    quotas = Quotas(clock=clock, allow_unknown=settings.on_unknown == "allow")
    return distinct_rows_of(limits_of(settings), counting, clock, quotas=quotas, gateway=gateway)


def share_for_ever(limiter: Limiter) -> Callable[[], Coroutine[Any, Any, None]]:
    """Background work that has a limiter share its rates with all gateways that control hears."""
    return functools.partial(_share_for_ever, limiter)


def start_limits(tasks: Supervisor, limiter: Limiter | None, distinct: DistinctRows | None) -> None:
    """Share a limiter's rates with all gateways, have rows leased and different ones merged."""
    control = ControlCaller(control_handle())
    if limiter is not None:
        tasks.start("share limits", share_for_ever(limiter))
        if limiter.quotas is not None:
            tasks.start("lease rows", lease_for_ever(limiter.quotas, control, sleep=asyncio.sleep))
    if distinct is not None:
        counted = distinct

        async def take(secret: bytes) -> None:
            counted.share(secret)

        tasks.start("follow the secret of rows", follow_secret(control, DISTINCT_ROWS, take))
        tasks.start("lease different rows", lease_for_ever(distinct, control, sleep=asyncio.sleep))


async def _share_for_ever(limiter: Limiter) -> None:
    effect = StatusReader(control_handle().options(method_name="in_effect"))
    while True:
        try:
            limiter.share(len((await effect())["gateways"]))
        except ServeError as error:
            # The last number stands: limits neither open nor close while control is away.
            logger.info("control is away", extra={"why": type(error).__name__})
        await asyncio.sleep(PERIOD_S)
