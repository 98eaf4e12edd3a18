"""Calls of control's methods, from gateways."""

import asyncio
import logging
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.core.feedback import Feedback, Outcome
from serve_app.errors import NotReady, RegistryFailed, ServeError
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
        try:
            outcome: Outcome = await _within(self._timeout_s, self._handle, feedback)
        except TimeoutError:
            msg = "control, which keeps feedback, does not answer; send it again"
            raise NotReady(msg) from None
        except Exception as error:
            raise _for_clients(translate(error, "control")) from error
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
        try:
            status: dict[str, Any] = await _within(self._timeout_s, self._handle)
        except TimeoutError:
            raise NotReady("control does not answer yet") from None
        except Exception as error:
            raise translate(error, "control") from error
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
        try:
            outcome: dict[str, Any] = await _within(
                self._timeout_s, self._handle, endpoint, weights, change
            )
        except TimeoutError:
            raise NotReady("control does not answer; see serve-app status") from None
        except Exception as error:
            raise translate(error, "control") from error
        return outcome


async def _within(timeout_s: float, handle: DeploymentHandle[Any], *arguments: Any) -> Any:
    """The answer to a call, which is cancelled where it takes longer."""
    response = handle.remote(*arguments)
    try:
        # Serve waits for a replica for as long as it takes.
        async with asyncio.timeout(timeout_s):
            return await response
    except TimeoutError:
        response.cancel()  # type: ignore[no-untyped-call]
        raise


def _for_clients(error: ServeError) -> ServeError:
    """The error as strangers may see it: what the store says names files of this machine."""
    if not isinstance(error, RegistryFailed):
        return error
    logger.error("feedback cannot be kept", exc_info=error)
    return NotReady("the feedback cannot be kept now; send it again")
