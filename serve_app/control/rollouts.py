"""What becomes of rollouts: each function takes one and gives the next; nothing here acts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from serve_app.core.rollout import Phase, Rollout
from serve_app.core.snapshot import Endpoint
from serve_app.errors import Conflict

KIND = "canary"
_RESTS = "stable and candidate name the same version"
Action = Literal["start", "pause", "resume", "promote", "roll back"]


def planned(endpoint: Endpoint) -> Rollout | None:
    """The rollout that an endpoint's route describes, not begun; none of other kinds of routes.

    Where both of its aliases name one version, it is that of a candidate that has taken over.
    """
    if endpoint.route.kind != KIND:
        return None
    shares = tuple(float(step["weight"]) for step in endpoint.route.settings["steps"])
    versions = [variant.version for variant in endpoint.variants]
    if len(versions) == 1:
        return Rollout(versions[0], versions[0], shares, "promoted", why=_RESTS)
    stable, candidate = versions
    begins = endpoint.route.settings["start"] == "at once"
    return Rollout(stable, candidate, shares, "running" if begins else "ready")


def standing(
    former: Mapping[str, Rollout], endpoints: Mapping[str, Endpoint]
) -> dict[str, Rollout]:
    """The rollouts of declared endpoints: those that go on, and new ones in their beginning.

    One of the same versions by the same steps goes on, whatever else is declared anew.
    """
    rollouts: dict[str, Rollout] = {}
    for name, endpoint in endpoints.items():
        plan = planned(endpoint)
        if plan is None:
            continue
        known = former.get(name)
        rollouts[name] = known if known is not None and known.same_plan(plan) else plan
    return rollouts


def is_settled(rollout: Rollout | None, endpoint: Endpoint) -> bool:
    """Whether a rollout is over and left all requests to the one version that is described now."""
    plan = planned(endpoint)
    if rollout is None or plan is None or not plan.rests:
        return False
    answers = {"promoted": rollout.candidate, "rolled back": rollout.stable}
    return answers.get(rollout.phase) == plan.stable


def in_effect(rollout: Rollout, now_s: float) -> Rollout:
    """After every gateway has taken the share of the step; `now_s` is in seconds since 1970."""
    if rollout.since_s is not None or rollout.phase != "running":
        return rollout
    began_s = now_s if rollout.began_s is None else rollout.began_s
    return replace(rollout, since_s=now_s, began_s=began_s)


def possible(phase: Phase) -> tuple[Action, ...]:
    """What can be done with a rollout in a phase."""
    return tuple(action for action, phases in _ALLOWED.items() if phase in phases)


def acted(rollout: Rollout, action: Action, why: str, *, endpoint: str) -> Rollout:
    """After somebody has started, paused, resumed, promoted or rolled back a rollout.

    Raises:
        Conflict: that cannot be done in its phase; says what can.
    """
    if rollout.rests:
        msg = (
            f"the rollout of {endpoint!r} cannot {action}: {_RESTS}, {rollout.candidate}; it "
            "begins once the candidate's alias names another one"
        )
        raise Conflict(msg)
    can = possible(rollout.phase)
    if action not in can:
        msg = (
            f"the rollout of {endpoint!r} to {rollout.candidate} is {rollout.phase}, and cannot "
            f"{action}; it can {' or '.join(can)}"
        )
        raise Conflict(msg)
    match action:
        case "start":
            fresh = Rollout(rollout.stable, rollout.candidate, rollout.shares, "running")
            return replace(fresh, why=why)
        case "pause":
            return replace(rollout, phase="paused", why=why)
        case "resume":
            # Its time begins anew; what was counted in between is evidence as well.
            return replace(rollout, phase="running", since_s=None, why=why)
        case "promote":
            return replace(rollout, phase="promoted", why=why)
        case "roll back":
            return replace(rollout, phase="rolled back", why=why)


_ALLOWED: Mapping[Action, frozenset[str]] = {
    "start": frozenset({"ready", "rolled back"}),
    "pause": frozenset({"running"}),
    "resume": frozenset({"paused", "held"}),
    "promote": frozenset({"running", "paused", "held"}),
    "roll back": frozenset({"running", "paused", "held", "promoted"}),
}
