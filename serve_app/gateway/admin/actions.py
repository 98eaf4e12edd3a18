"""What the admin API can do, whoever does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from serve_app.core.access import KeyChange
from serve_app.core.events import Event

Json = Mapping[str, Any]
Placement = Literal["inline", "replicas"]
ExperimentAction = Literal["start", "stop"]
RolloutAction = Literal["start", "pause", "resume", "promote", "roll back"]
CHANGES = ("endpoint added", "endpoint replaced", "endpoint scaled", "endpoint removed")
"""What a change of endpoints may be."""
IN_EFFECT_WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes something, and why, as they say."""

    who: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint of one version: who answers, and how.

    Versions are written as people do: a model for its newest version, `model@3`, `model@champion`.
    `timeout_s` is the endpoint's own, with `replace` it may take the place of one of its name, of
    which with `keeps_settings` all stays but who answers. `managed` endpoints may be changed by
    management calls of other systems.
    """

    model: str
    placement: Placement = "inline"
    preprocess: str | None = None
    fallback: str | None = None
    timeout_s: float | None = None
    allow_pickle: bool = False
    replace: bool = False
    managed: bool = False
    keeps_settings: bool = False


@dataclass(frozen=True, slots=True)
class Replicas:
    """Between how many replicas each version of an endpoint is to have."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class AliasChange:
    """Where an alias is to be moved: `version` is None to remove it.

    With `is_expected`, it is moved only where it names `expected` now (None: nothing yet).
    """

    version: int | None
    is_expected: bool = False
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class EndpointOrder:
    """An endpoint that is to come, to be scaled, or to go where there is no `wanted`.

    What is not in effect within `within_s` seconds is put back. With `managed_alone`, an endpoint
    that there is already must be a managed one.
    """

    endpoint: str
    wanted: NewEndpoint | Replicas | None
    change: Change
    within_s: float = IN_EFFECT_WITHIN_S
    managed_alone: bool = False


class AdminActions(Protocol):
    """Everything that the admin API lets people see and change. Raises ServeErrors."""

    async def status(self) -> Json:
        """What runs and what is in effect in the whole cluster, as `serve-app status` shows it."""
        ...

    async def applications(self) -> Json:
        """The applications of the cluster with their deployments and replicas."""
        ...

    async def scaling(self) -> Json:
        """What the autoscaler decided of each deployment, and the CPUs that there are."""
        ...

    async def endpoints(self) -> Json:
        """All endpoints with their variants and weights as they are now."""
        ...

    async def endpoint(self, name: str) -> Json:
        """One endpoint: its route, variants and columns."""
        ...

    async def loads(self) -> Json:
        """How often each endpoint is asked now that is asked at all, by name."""
        ...

    async def requests(self, endpoint: str) -> Json:
        """How often an endpoint was asked of late at all gateways, and how fast it answered."""
        ...

    async def change_endpoint(self, order: EndpointOrder) -> Json:
        """Begin to add, replace, scale or remove an endpoint; gives the change under way."""
        ...

    async def changes(self) -> list[Json]:
        """The changes of endpoints that are under way or ended lately, the newest first."""
        ...

    async def change(self, identity: str) -> Json:
        """How far one of them is."""
        ...

    async def set_weights(
        self, endpoint: str, weights: Mapping[str, float], change: Change
    ) -> Json:
        """Change weights, and give the snapshot that stands then."""
        ...

    async def rollouts(self) -> list[Json]:
        """How the rollouts of endpoints stand, with what was decided last and why."""
        ...

    async def move_rollout(self, endpoint: str, action: RolloutAction, change: Change) -> Json:
        """Start, pause, resume, promote or roll back, and tell how it stands then."""
        ...

    async def experiments(self) -> list[Json]:
        """Whether the experiments of endpoints run, and what their reports decide."""
        ...

    async def experiment(self, endpoint: str) -> Json:
        """What the experiment of an endpoint has come to."""
        ...

    async def move_experiment(
        self, endpoint: str, action: ExperimentAction, change: Change
    ) -> Json:
        """Start or stop an experiment, and tell how it stands then."""
        ...

    async def keys(self) -> list[Json]:
        """Every key that there ever was, without what could be used."""
        ...

    async def change_keys(self, order: KeyChange, change: Change) -> Json:
        """Make, replace or revoke a key, and tell what came of it; a new one is in that alone."""
        ...

    async def models(self) -> list[Json]:
        """All models with their versions and aliases."""
        ...

    async def model(self, name: str) -> Json:
        """One model with its versions and aliases."""
        ...

    async def version(self, model: str, version: str) -> Json:
        """The manifest of a version, named by its number or an alias."""
        ...

    async def profile(self, model: str, version: int) -> Json:
        """What the columns of a version's training looked like."""
        ...

    async def card_notes(self, model: str, version: int) -> list[Json]:
        """What people wrote on the card of a version, oldest first."""
        ...

    async def aliases(self, model: str) -> list[Json]:
        """Every move of every alias of a model, oldest first."""
        ...

    async def move_alias(self, model: str, alias: str, move: AliasChange, change: Change) -> Json:
        """Let an alias name another version, or none."""
        ...

    async def follow_aliases(self, change: Change) -> Json:
        """Let endpoints follow at once what aliases name, and say how far that came."""
        ...

    async def delete(self, model: str, version: str | None, change: Change) -> list[str]:
        """Delete a version, or all of a model, unless something needs one; gives those."""
        ...

    async def events(self, limit: int, kind: str | None, subject: str | None) -> list[Event]:
        """What was changed, the newest first."""
        ...

    async def watched(self, kind: str, endpoint: str | None, within_s: int) -> list[Json]:
        """What the monitor's watch of a kind knows, of the last so many seconds."""
        ...

    async def alerts(self) -> Json:
        """What is wrong now, and what each receiver of alerts was sent last."""
        ...

    async def test_alerts(self, receiver: str | None) -> list[Json]:
        """Send a test message to a receiver of alerts or all, and what became of each."""
        ...

    async def findings(self, endpoint: str | None) -> list[Json]:
        """What the monitor says is wrong now, of one endpoint or all."""
        ...

    async def report(self, endpoint: str | None, within_s: int) -> Json:
        """All that the monitor saw in the last so many seconds, as one document."""
        ...

    async def feedback(self, endpoint: str | None) -> list[Json]:
        """How much feedback there is, by endpoint and variants."""
        ...

    async def feedback_records(self, endpoint: str | None, after: int, limit: int) -> list[Json]:
        """Feedback as it was received, the oldest first, that which follows a number."""
        ...
