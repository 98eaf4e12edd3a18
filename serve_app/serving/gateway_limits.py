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
from serve_app.serving.control_client import ControlCaller, StatusReader, control_handle
from serve_app.serving.quota_work import lease_for_ever

PERIOD_S = 2.0
logger = logging.getLogger("serve_app.gateway")


def distinct_of(
    settings: LimitsSettings | None, counting: Counting, clock: Clock
) -> DistinctRows | None:
    """What counts the different rows of callers; none where nobody's are counted."""
    return distinct_rows_of(None if settings is None else limits_of(settings), counting, clock)


def share_for_ever(limiter: Limiter) -> Callable[[], Coroutine[Any, Any, None]]:
    """Background work that has a limiter share its rates with all gateways that control hears."""
    return functools.partial(_share_for_ever, limiter)


def start_limits(tasks: Supervisor, limiter: Limiter | None) -> None:
    """Share a limiter's rates with all gateways, and have rows of its quotas leased."""
    if limiter is None:
        return
    tasks.start("share limits", share_for_ever(limiter))
    if limiter.quotas is not None:
        control = ControlCaller(control_handle())
        tasks.start("lease rows", lease_for_ever(limiter.quotas, control, sleep=asyncio.sleep))


async def _share_for_ever(limiter: Limiter) -> None:
    effect = StatusReader(control_handle().options(method_name="in_effect"))
    while True:
        try:
            limiter.share(len((await effect())["gateways"]))
        except ServeError as error:
            # The last number stands: limits neither open nor close while control is away.
            logger.info("control is away", extra={"why": type(error).__name__})
        await asyncio.sleep(PERIOD_S)
