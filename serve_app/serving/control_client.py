"""Calls of control's methods, from gateways."""

import asyncio
import logging
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.core.feedback import Feedback, Outcome
from serve_app.errors import NotReady, RegistryFailed
from serve_app.gateway.admin.actions import Change
from serve_app.serving.handles import translate

APPLICATION = "control"
DEPLOYMENT = "Control"
FEEDBACK_TIMEOUT_S = 5.0
STATUS_TIMEOUT_S = 10.0
logger = logging.getLogger("serve_app.gateway")


def control_handle() -> DeploymentHandle[Any]:
    """The handle of control, whether it runs already or not."""
    return serve.get_deployment_handle(DEPLOYMENT, APPLICATION, _check_exists=False)


class FeedbackSender:
    """Hands feedback to control, which keeps it; `handle` is that of its method."""

    def __init__(
        self, handle: DeploymentHandle[Any], *, timeout_s: float = FEEDBACK_TIMEOUT_S
    ) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self, feedback: Feedback) -> Outcome:
        """Return once it is kept.

        Raises:
            NotReady: control is not there, or cannot write; it may be sent again.
        """
        silence = "control, which keeps feedback, does not answer; send it again"
        try:
            outcome: Outcome = await _ask(self._handle, self._timeout_s, silence, feedback)
        except RegistryFailed as error:
            # What the store says names files of this machine.
            logger.error("feedback cannot be kept", exc_info=error)
            raise NotReady("the feedback cannot be kept now; send it again") from error
        return outcome


class StatusReader:
    """Asks control what is in effect; `handle` is that of its method."""

    def __init__(
        self, handle: DeploymentHandle[Any], *, timeout_s: float = STATUS_TIMEOUT_S
    ) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self) -> dict[str, Any]:
        """What is in effect, as control knows it.

        Raises:
            NotReady: control does not answer.
        """
        silence = "control does not answer yet"
        status: dict[str, Any] = await _ask(self._handle, self._timeout_s, silence)
        return status


class WeightSetter:
    """Changes weights through control; `handle` is that of its method."""

    def __init__(
        self, handle: DeploymentHandle[Any], *, timeout_s: float = STATUS_TIMEOUT_S
    ) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(
        self, endpoint: str, weights: dict[str, float], change: Change
    ) -> dict[str, Any]:
        """What stands then, as `Control.set_weights` says it.

        Raises:
            ServeError: control refused, in its own words, or does not answer.
        """
        silence = "control does not answer; see serve-app status"
        outcome: dict[str, Any] = await _ask(
            self._handle, self._timeout_s, silence, endpoint, weights, change
        )
        return outcome


async def _ask(
    handle: DeploymentHandle[Any], timeout_s: float, silence: str, *arguments: Any
) -> Any:
    """The answer to a call, which is cancelled where it takes longer; `silence` says so then.

    Raises:
        ServeError: control refused, in its own words, or does not answer.
    """
    response = handle.remote(*arguments)
    try:
        # Serve waits for a replica for as long as it takes.
        async with asyncio.timeout(timeout_s):
            return await response
    except TimeoutError:
        response.cancel()  # type: ignore[no-untyped-call]
        raise NotReady(silence) from None
    except Exception as error:
        raise translate(error, "control") from error
