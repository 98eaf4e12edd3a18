"""Calls of control's methods, from gateways."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from serve_app.core.access import KeyChange
from serve_app.core.quota import AnyRequest, Leases
from serve_app.errors import ServeError
from serve_app.gateway.admin.actions import Change, EndpointOrder
from serve_app.serving.calls import answer_of
from serve_app.serving.handles import connected
from serve_app.serving.issuer import Issuer

APPLICATION = "control"
DEPLOYMENT = "Control"
STATUS_TIMEOUT_S = 10.0
WATCH_S = 30.0
"""How long a gateway waits for the next snapshot before it says again which one it has."""
logger = logging.getLogger("serve_app.gateway")


def control_handle() -> DeploymentHandle[Any]:
    """The handle of control, whether it runs already or not."""
    return serve.get_deployment_handle(DEPLOYMENT, APPLICATION, _check_exists=False)


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
        status: dict[str, Any] = await answer_of(
            self._handle,
            timeout_s=self._timeout_s, who="control", silence="control does not answer yet",
        )  # fmt: skip
        return status


class ControlCaller:
    """Asks control what it knows and lets it change things; `handle` is that of its deployment.

    Every method raises ServeError where control refused, in its own words, or does not answer.
    """

    def __init__(
        self, handle: DeploymentHandle[Any], *, timeout_s: float = STATUS_TIMEOUT_S
    ) -> None:
        self._handle = handle
        self._timeout_s = timeout_s

    async def in_effect(self) -> dict[str, Any]:
        """What is in effect, as `Control.in_effect` says it."""
        effect: dict[str, Any] = await self._call("in_effect")
        return effect

    async def set_weights(
        self, endpoint: str, weights: dict[str, float], change: Change
    ) -> dict[str, Any]:
        """What stands then, as `Control.set_weights` says it."""
        outcome: dict[str, Any] = await self._call("set_weights", endpoint, weights, change)
        return outcome

    async def loads(self) -> dict[str, Any]:
        """How often every endpoint is asked now, as `Control.loads` says it."""
        known: dict[str, Any] = await self._call("loads")
        return known

    async def requests(self, endpoint: str) -> dict[str, Any]:
        """How often an endpoint was asked of late, as `Control.requests` says it."""
        course: dict[str, Any] = await self._call("requests", endpoint)
        return course

    async def rollouts(self) -> list[Mapping[str, Any]]:
        """How each rollout stands."""
        known: list[Mapping[str, Any]] = await self._call("rollouts")
        return known

    async def experiments(self) -> list[Mapping[str, Any]]:
        """How each experiment stands."""
        known: list[Mapping[str, Any]] = await self._call("experiments")
        return known

    async def move_experiment(self, endpoint: str, action: str, change: Change) -> dict[str, Any]:
        """How an experiment stands once somebody has started or stopped it."""
        report: dict[str, Any] = await self._call("move_experiment", endpoint, action, change)
        return report

    async def move_rollout(self, endpoint: str, action: str, change: Change) -> dict[str, Any]:
        """How a rollout stands once somebody has moved it."""
        report: dict[str, Any] = await self._call("move_rollout", endpoint, action, change)
        return report

    async def follow_issuer(self, issuer: Issuer) -> None:
        """Let the keys of an issuer of tokens be fetched; they come with the snapshot."""
        await self._call("follow_issuer", issuer)

    async def lease(self, requests: Sequence[AnyRequest]) -> Leases:
        """Rows of a day that a gateway may let pass."""
        leases: Leases = await self._call("lease", list(requests))
        return leases

    async def shared_secret(self, name: str) -> str:
        """A secret that all gateways have, as hexadecimal digits."""
        secret: str = await self._call("shared_secret", name)
        return secret

    async def keys(self) -> list[Mapping[str, Any]]:
        """Every key that there ever was, without what could be used."""
        known: list[Mapping[str, Any]] = await self._call("keys")
        return known

    async def change_keys(self, order: KeyChange, change: Change) -> dict[str, Any]:
        """What came of making, replacing or revoking a key."""
        outcome: dict[str, Any] = await self._call("change_keys", order, change)
        return outcome

    async def change_endpoint(self, order: EndpointOrder) -> dict[str, Any]:
        """The change that is under way then."""
        change: dict[str, Any] = await self._call("change_endpoint", order)
        return change

    async def endpoint_changes(self) -> list[Mapping[str, Any]]:
        """The changes of endpoints that control remembers, the newest first."""
        known: list[Mapping[str, Any]] = await self._call("endpoint_changes")
        return known

    async def endpoint_change(self, identity: str) -> dict[str, Any]:
        """How far a change is."""
        change: dict[str, Any] = await self._call("endpoint_change", identity)
        return change

    async def follow_aliases(self) -> dict[str, Any]:
        """What came of following moved aliases at once."""
        followed: dict[str, Any] = await self._call("look_at_aliases")
        return followed

    async def look_at_aliases(self) -> None:
        """Let moved aliases be followed at once; whoever does not hear it looks by itself soon."""
        try:
            await self._call("look_at_aliases")
        except ServeError as error:
            logger.info("control did not look at aliases", extra={"why": error.message})

    async def _call(self, method: str, *arguments: Any) -> Any:
        handle = connected(lambda: self._handle.options(method_name=method), "control")
        silence = "control does not answer; see serve-app status"
        return await answer_of(
            handle, *arguments, timeout_s=self._timeout_s, who="control", silence=silence
        )
