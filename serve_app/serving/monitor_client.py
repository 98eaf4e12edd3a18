"""Calls of the monitor's methods, from gateways."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.core.feedback import Feedback, Outcome
from serve_app.errors import NotReady, RegistryFailed
from serve_app.monitoring.outbox import Delivery
from serve_app.serving.calls import answer_of
from serve_app.serving.handles import connected

APPLICATION = "monitor"
DEPLOYMENT = "Monitor"
TIMEOUT_S = 5.0
FEEDBACK_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 30.0
DOCUMENT_TIMEOUT_S = 120.0
SLOW = (
    "the application `monitor` does not answer, or takes longer than two minutes; see in "
    "serve-app status whether it runs, name an endpoint, or ask about less time"
)
SILENCE = "the application `monitor` does not answer; see in serve-app status whether it runs"
logger = logging.getLogger("serve_app.gateway")


def monitor_handle(method: str) -> DeploymentHandle[Any]:
    """The handle of a method of the monitor, whether it runs already or not.

    Raises:
        NotReady: Serve's controller is away, and has to be asked first.
    """
    return connected(lambda: _made(method), "the monitor")


def _made(method: str) -> DeploymentHandle[Any]:
    handle = serve.get_deployment_handle(DEPLOYMENT, APPLICATION, _check_exists=False)
    return handle.options(method_name=method)


class DeliverySender:
    """Hands deliveries to the monitor; `handle` is that of its method."""

    def __init__(self, handle: DeploymentHandle[Any], *, timeout_s: float = TIMEOUT_S) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self, delivery: Delivery) -> None:
        """Return once the monitor has it where nothing is lost.

        Raises:
            NotReady: the monitor is not there.
            InvalidInput: it cannot read the delivery and will not take it later either.
            RegistryFailed: it cannot keep it now.
        """
        await answer_of(
            self._handle, delivery.replica, delivery.sequence, delivery.payload,
            timeout_s=self._timeout_s, who="the monitor", silence="the monitor does not answer",
        )  # fmt: skip


class MonitorCaller:
    """Asks the monitor what it knows; raises ServeError where it does not answer."""

    def __init__(self, *, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    async def report(
        self, kind: str, endpoint: str | None, within_s: float
    ) -> list[Mapping[str, Any]]:
        """What the watch of a kind knows, as `Monitor.report` says."""
        report: list[Mapping[str, Any]] = await self._call("report", kind, endpoint, within_s)
        return report

    async def document(self, endpoint: str | None, within_s: float) -> Mapping[str, Any]:
        """All that was seen, as `Monitor.document` says."""
        document: Mapping[str, Any] = await answer_of(
            monitor_handle("document"), endpoint, within_s,
            timeout_s=DOCUMENT_TIMEOUT_S, who="the monitor", silence=SLOW,
        )  # fmt: skip
        return document

    async def findings(self) -> list[Mapping[str, Any]]:
        """What is wrong now, as `Monitor.findings` says."""
        findings: list[Mapping[str, Any]] = await self._call("findings")
        return findings

    async def alerts(self) -> Mapping[str, Any]:
        """What is wrong and what was sent last, as `Monitor.alerts` says."""
        alerts: Mapping[str, Any] = await self._call("alerts")
        return alerts

    async def test_alerts(self, receiver: str | None) -> list[Mapping[str, Any]]:
        """What became of test messages, as `Monitor.test_alerts` says."""
        results: list[Mapping[str, Any]] = await self._call("test_alerts", receiver)
        return results

    async def failing(self) -> list[str]:
        """What of its background work fails now, in words."""
        failing: list[str] = await self._call("failing")
        return [f"monitor: {one}" for one in failing]

    async def _call(self, method: str, *arguments: Any) -> Any:
        return await answer_of(
            monitor_handle(method), *arguments,
            timeout_s=self._timeout_s, who="the monitor", silence=SILENCE,
        )  # fmt: skip


class FeedbackSender:
    """Hands feedback to the monitor, which keeps it; `handle` is that of its method."""

    def __init__(
        self, handle: DeploymentHandle[Any], *, timeout_s: float = FEEDBACK_TIMEOUT_S
    ) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def __call__(self, feedback: Sequence[Feedback]) -> Sequence[Outcome]:
        """Return once all of it is kept, with what became of each.

        Raises:
            NotReady: the monitor is not there, or cannot write; it may be sent again.
        """
        silence = (
            "the application `monitor`, which keeps feedback, does not answer; send it again, "
            "and see in serve-app status whether it runs"
        )
        try:
            outcomes: Sequence[Outcome] = await answer_of(
                self._handle, feedback,
                timeout_s=self._timeout_s, who="the monitor", silence=silence,
            )  # fmt: skip
        except RegistryFailed as error:
            # What the store says names files of this machine.
            logger.error("feedback cannot be kept", exc_info=error)
            raise NotReady("the feedback cannot be kept now; send it again") from error
        return outcomes
