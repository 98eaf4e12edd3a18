"""Tells control what became of the requests of versions that it compares."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from serve_app.core.arms import Arms
from serve_app.errors import ServeError
from serve_app.serving.calls import answer_of
from serve_app.serving.control_client import control_handle

PERIOD_S = 0.5
TIMEOUT_S = 5.0
logger = logging.getLogger("serve_app.gateway")


async def tell_arms(replica: str, arms: Callable[[], Mapping[str, Arms]]) -> None:
    """Tell what was counted so far once a period, until cancelled; nothing where nothing was.

    Totals are told, so that what control does not hear now is in what it hears next.
    """
    handle = control_handle().options(method_name="count")
    while True:
        await asyncio.sleep(PERIOD_S)
        counted = arms()
        if not counted:
            continue
        try:
            await answer_of(
                handle, replica, counted,
                timeout_s=TIMEOUT_S, who="control", silence="control does not answer",
            )  # fmt: skip
        except ServeError as error:
            logger.info("control is away", extra={"why": error.message})
