"""Hands feedback to control, which keeps it for the whole cluster."""

import asyncio
import logging
from typing import Any

from ray.serve.handle import DeploymentHandle

from serve_app.core.feedback import Feedback, Outcome
from serve_app.errors import NotReady, RegistryFailed, ServeError
from serve_app.serving.handles import translate

TIMEOUT_S = 5.0
logger = logging.getLogger("serve_app.gateway")


class Kept:
    """Feedback that control keeps; `handle` is that of its method."""

    def __init__(self, handle: DeploymentHandle[Any], *, timeout_s: float = TIMEOUT_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self, feedback: Feedback) -> Outcome:
        """Return once it is kept.

        Raises:
            NotReady: control is not there, or cannot write; it may be sent again.
        """
        try:
            return await self._answered(feedback)
        except TimeoutError:
            msg = "control, which keeps feedback, does not answer; send it again"
            raise NotReady(msg) from None
        except Exception as error:
            raise _told(translate(error, "control")) from error

    async def _answered(self, feedback: Feedback) -> Outcome:
        kept = self._handle.remote(feedback)
        try:
            # Serve waits for a replica for as long as it takes.
            async with asyncio.timeout(self._timeout_s):
                outcome: Outcome = await kept
        except TimeoutError:
            kept.cancel()  # type: ignore[no-untyped-call]
            raise
        return outcome


def _told(error: ServeError) -> ServeError:
    """The error as strangers may see it: what the store says names files of this machine."""
    if not isinstance(error, RegistryFailed):
        return error
    logger.error("feedback cannot be kept", exc_info=error)
    return NotReady("the feedback cannot be kept now; send it again")
