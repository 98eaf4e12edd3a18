"""Challengers on live traffic, by the admin API: a canary from champion to challenger."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.cli.admin import AdminClient
from serve_app.config.retraining import RetrainSettings
from serve_app.errors import Conflict, NotReady
from serve_app.lifecycle.retraining.effects import Canary, CanaryState, Shown, Ticket
from serve_app.registry.aliases import CHAMPION, Expected
from serve_app.registry.store import Registry

ALIAS = "challenger"
_STATES: dict[str, CanaryState] = {
    "ready": "waiting",
    "running": "waiting",
    "paused": "waiting",
    "held": "waiting",
    "promoted": "promoted",
    "rolled back": "rolled back",
}


@dataclass(frozen=True, slots=True)
class AdminCanaries:
    """Moves the alias `challenger`, which an endpoint's canary follows, and looks at its rollout.

    `connect` gives the admin API, and raises NotReady while there is none; `clock` gives seconds
    since 1970.
    """

    registry: Registry
    connect: Callable[[], AdminClient]
    clock: Callable[[], float] = time.time

    def begin(self, ticket: Ticket, version: int) -> None:
        """Let the alias name the version; control follows, and begins once it answers.

        Raises:
            Conflict: the endpoint has no canary whose candidate follows the alias.
            NotReady: the cluster does not answer.
        """
        endpoint = _endpoint(ticket)
        rollout = self.rollout(endpoint)
        if rollout is None:
            msg = (
                f"endpoint {endpoint} has no rollout; its route has to be of kind canary, from "
                f"{ticket.model}@champion to {ticket.model}@{ALIAS}"
            )
            raise Conflict(msg)
        if _settings(ticket).shadow is not None:
            self._check_shadow(ticket, endpoint, rollout)
        self._name(ticket, version)

    def _check_shadow(self, ticket: Ticket, endpoint: str, rollout: Mapping[str, Any]) -> None:
        """Hold an endpoint against what a challenger needs that is to be shown requests first."""
        if rollout["start"] != "by hand":
            msg = (
                f"the canary of endpoint {endpoint} begins {rollout['start']}, and with "
                "retrain.shadow it has to say start: by hand"
            )
            raise Conflict(msg)
        known = self.connect().endpoints()["endpoints"]
        one: dict[str, Any] = next((each for each in known if each["name"] == endpoint), {})
        versions = {shadow["version"] for shadow in one.get("shadows", ())}
        if one.get("follows", {}).get(f"{ticket.model}@{ALIAS}") not in versions:
            msg = (
                f"endpoint {endpoint} has no shadow {ticket.model}@{ALIAS}, by which the "
                "challenger is shown requests: write it there, or leave out retrain.shadow"
            )
            raise Conflict(msg)

    def shown(self, ticket: Ticket, version: int, since_s: float) -> Shown:
        """What the challenger made of requests that it was shown since then.

        Raises:
            NotReady: the cluster does not answer.
        """
        endpoint, reference = _endpoint(ticket), f"{ticket.model}@{version}"
        rollout = self.rollout(endpoint)
        if rollout is None:
            return Shown(superseded=f"endpoint {endpoint} has no rollout any more")
        if self.registry.aliases(ticket.model).get(ALIAS) != version:
            return Shown(superseded=f"{ticket.model}@{ALIAS} was moved by somebody")
        if rollout["candidate"] != reference:
            return Shown()
        if rollout["phase"] != "ready":
            return Shown(has_share=True)
        within_s = max(1, math.ceil(self.clock() - since_s))
        compared = self.connect().watch("shadow", endpoint, within_s)
        return next((_shown(one) for one in compared if one["shadow"] == reference), Shown())

    def start(self, ticket: Ticket, version: int) -> None:
        """Let the rollout begin, unless it has begun."""
        self._act(ticket, version, ("ready",), "start")

    def state(self, ticket: Ticket, version: int) -> Canary:
        """How far the endpoint's rollout of the version is.

        Raises:
            NotReady: the cluster does not answer.
        """
        endpoint = _endpoint(ticket)
        rollout = self.rollout(endpoint)
        if rollout is None:
            return Canary("superseded", f"endpoint {endpoint} has no rollout any more")
        reference = f"{ticket.model}@{version}"
        if self.registry.aliases(ticket.model).get(ALIAS) != version:
            return Canary("superseded", f"{ticket.model}@{ALIAS} was moved by somebody")
        if rollout["candidate"] != reference:
            return Canary("waiting", f"{reference} does not answer yet")
        return Canary(_STATES[rollout["phase"]], rollout["why"])

    def hold(self, ticket: Ticket, version: int) -> None:
        """Pause the rollout, if it goes on."""
        self._act(ticket, version, ("running",), "pause")

    def go_on(self, ticket: Ticket, version: int) -> None:
        """Resume the rollout, if it was paused for a freeze."""
        self._act(ticket, version, ("paused",), "resume")

    def undo(self, ticket: Ticket, version: int) -> None:
        """Roll back, unless it is rolled back or the endpoint has another candidate by now.

        The alias names the champion then, so that no file which is deployed later begins again.
        """
        self._act(ticket, version, ("running", "paused", "held", "promoted"), "roll back")
        aliases = self.registry.aliases(ticket.model)
        champion = aliases.get(CHAMPION)
        if aliases.get(ALIAS) == version and champion is not None:
            self._name(ticket, champion)

    def _act(self, ticket: Ticket, version: int, phases: tuple[str, ...], action: str) -> None:
        endpoint, mark = _endpoint(ticket), f"retraining run {ticket.key}"
        rollout = self.rollout(endpoint)
        if rollout is None or rollout["candidate"] != f"{ticket.model}@{version}":
            return
        # Who paused it by hand goes on by hand.
        is_ours = action != "resume" or mark in rollout["why"]
        if rollout["phase"] in phases and is_ours:
            self.connect().move_rollout(endpoint, action, mark)

    def go_back(self, ticket: Ticket, version: int) -> None:
        """Give all requests of the ticket's endpoint to a version that is to be champion again.

        At once where its canary goes back to that one; else both aliases come to name it, and the
        endpoint follows as soon as it answers.

        Raises:
            NotReady: the cluster does not answer.
        """
        rollout = self.rollout(_endpoint(ticket))
        if rollout is None or rollout["candidate"] == f"{ticket.model}@{version}":
            return
        if rollout["stable"] == f"{ticket.model}@{version}":
            self.undo(ticket, int(rollout["candidate"].rpartition("@")[2]))
        else:
            self._name(ticket, version)

    def rest(self, ticket: Ticket) -> None:
        """Let the alias name the champion, of which no rollout begins."""
        champion = self.registry.aliases(ticket.model).get(CHAMPION)
        if champion is not None:
            self._name(ticket, champion)

    def _name(self, ticket: Ticket, version: int) -> None:
        current = self.registry.aliases(ticket.model).get(ALIAS)
        if current != version:
            self.registry.set_alias(
                ticket.model, ALIAS, version, by="retraining",
                reason=f"retraining run {ticket.key}", expected=Expected(current),
            )  # fmt: skip

    def rollout(self, endpoint: str) -> dict[str, Any] | None:
        """The rollout of an endpoint as the admin API shows it, if it has one."""
        known = self.connect().rollouts()
        return next((one for one in known if one["endpoint"] == endpoint), None)


def _settings(ticket: Ticket) -> RetrainSettings:
    return RetrainSettings.model_validate(ticket.body.get("retrain") or {})


def _endpoint(ticket: Ticket) -> str:
    endpoint = _settings(ticket).endpoint
    if endpoint is None:
        raise NotReady("the pipeline names no endpoint")
    return endpoint


def _shown(compared: Mapping[str, Any]) -> Shown:
    """What the monitor says of one shadow."""
    agreement = compared.get("agreement") or {}
    return Shown(
        rows=int(compared["rows"]),
        failed=(compared.get("requests") or {}).get("shadow_error_rate"),
        agreement=agreement.get("value"),
        agreement_upper=agreement.get("high"),
    )
