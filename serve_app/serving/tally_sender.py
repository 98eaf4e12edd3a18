"""Tells control how often endpoints were asked, and how fast they answered."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.core.tally import Tally
from serve_app.errors import ServeError
from serve_app.serving.calls import answer_of

PERIOD_S = 2.0
TIMEOUT_S = 5.0
logger = logging.getLogger("serve_app.gateway")


class TallySender:
    """Tells control once a period what was counted so far; `handle` is that of its method.

    It begins before the first request, so that control hears of the first ones as well.
    """

    def __init__(
        self,
        tallies: Callable[[], Mapping[str, Tally]],
        handle: DeploymentHandle[Any],
        replica: str,
    ) -> None:
        self._tallies = tallies
        self._handle = handle
        self._replica = replica
        # A message that was late is known by its number: it says less than those after it.
        self._numbers = itertools.count(1)

    async def send_for_ever(self) -> None:
        """Tell control again and again, until cancelled."""
        while True:
            await self.send()
            await asyncio.sleep(PERIOD_S)

    async def send(self) -> None:
        """Tell control once; what it does not hear now is in what it hears next."""
        try:
            await answer_of(
                self._handle, self._replica, next(self._numbers), self._tallies(),
                timeout_s=TIMEOUT_S, who="control", silence="control does not answer",
            )  # fmt: skip
        except ServeError as error:
            logger.info("control is away", extra={"why": error.message})
