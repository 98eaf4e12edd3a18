"""Tells control what became of the requests of versions that it compares."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.core.arms import Arms
from serve_app.core.ports import Clock
from serve_app.errors import ServeError
from serve_app.serving.calls import answer_of

PERIOD_S = 0.5
TIMEOUT_S = 5.0
logger = logging.getLogger("serve_app.gateway")


class ArmSender:
    """Tells control once a period what was counted so far; nothing where nothing was.

    `handle` is that of control's method, `arms` gives the totals: they are told again and again,
    so that what control does not hear now is in what it hears next. `clock` gives seconds that
    only grow.
    """

    def __init__(
        self,
        arms: Callable[[], Mapping[str, Arms]],
        handle: DeploymentHandle[Any],
        replica: str,
        *,
        clock: Clock,
    ) -> None:
        self._handle = handle
        self._replica = replica
        self._arms = arms
        self._clock = clock
        self._unheard_since_s: float | None = None

    def silence_s(self) -> float:
        """How long control has not taken what it was to hear; 0 where nothing waits for it."""
        since_s = self._unheard_since_s
        return 0.0 if since_s is None else self._clock() - since_s

    async def send_for_ever(self) -> None:
        """Tell control again and again, until cancelled."""
        while True:
            await asyncio.sleep(PERIOD_S)
            await self.send()

    async def send(self) -> None:
        """Tell control once, and remember since when it does not answer."""
        counted = self._arms()
        if not counted:
            self._unheard_since_s = None
            return
        if self._unheard_since_s is None:
            self._unheard_since_s = self._clock()
        try:
            await answer_of(
                self._handle, self._replica, counted,
                timeout_s=TIMEOUT_S, who="control", silence="control does not answer",
            )  # fmt: skip
        except ServeError as error:
            logger.info("control is away", extra={"why": error.message})
        else:
            self._unheard_since_s = None
