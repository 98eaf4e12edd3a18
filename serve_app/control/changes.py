"""What control changed, as events: who did what to whom, and what stood before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serve_app.core.events import Event
from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.registry.aliases import AliasMove

DECLARED = "declared"
REFUSED = "refused"
WEIGHTS_SET = "weights set"
ALIAS_MOVED = "alias moved"
FOLLOWED = "alias followed"
HELD = "alias not followed"
IN_EFFECT = "in effect"
CONTROL = "control"
"""Who lets endpoints follow aliases."""
DEPLOYMENT = "deployment"
"""Who declares: Serve does not say who deployed."""


def declared(at_s: float, before: Snapshot, after: Snapshot) -> Event | None:
    """The event of a declaration that stands now; none where it is the one of before."""
    if before.declaration == after.declaration:
        return None
    return Event(
        at_s,
        DEPLOYMENT,
        DECLARED,
        after.declaration[:12],
        before=_endpoints(before.endpoints),
        after=_endpoints(after.endpoints),
    )


def refused(at_s: float, declaration: str, problems: tuple[str, ...]) -> Event:
    """The event of a declaration that cannot be served."""
    return Event(at_s, DEPLOYMENT, REFUSED, declaration[:12], why="; ".join(problems))


def weights_set(at_s: float, who: str, why: str, before: Endpoint, after: Endpoint) -> Event:
    """The event of weights that were changed at run time."""
    return Event(
        at_s,
        who,
        WEIGHTS_SET,
        after.name,
        why,
        before=dict(before.route.weights),
        after=dict(after.route.weights),
    )


def aliases_moved(
    at_s: float,
    before: Mapping[str, Mapping[str, int]],
    after: Mapping[str, Mapping[str, int]],
    moves: Mapping[tuple[str, str], AliasMove],
) -> Iterator[Event]:
    """The events of aliases that name other versions than before.

    `moves` are their last moves as the registry remembers them, by model and alias. A model that
    nobody looked at before has moved nothing.
    """
    for model, stands in after.items():
        stood = before.get(model)
        if stood is None:
            continue
        for alias in sorted({*stood, *stands}):
            was, now = stood.get(alias), stands.get(alias)
            if was == now:
                continue
            move = moves.get((model, alias))
            who, why = ("unknown", "") if move is None else (move.by, move.reason or "")
            yield Event(at_s, who, ALIAS_MOVED, f"{model}@{alias}", why, before=was, after=now)


def followed(at_s: float, before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """The events of endpoints that answer with other versions since aliases were moved."""
    for name, endpoint in after.endpoints.items():
        former = before.endpoints.get(name)
        if former is None or before.declaration != after.declaration:
            continue
        was, now = former.follows(), endpoint.follows()
        if was != now:
            yield Event(at_s, CONTROL, FOLLOWED, name, before=was, after=now)


def in_effect(at_s: float, before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """The events of endpoints that waited for their versions, and stand as they are declared now.

    One that waited because its alias moved has an event of that.
    """
    if before.declaration != after.declaration:
        return
    for name in before.waiting:
        former, endpoint = before.endpoints.get(name), after.endpoints.get(name)
        if name in after.waiting or endpoint is None:
            continue
        if former is not None and former.follows() != endpoint.follows():
            continue
        weights = None if former is None else dict(former.route.weights)
        yield Event(
            at_s, CONTROL, IN_EFFECT, name, before=weights, after=dict(endpoint.route.weights)
        )


def standing(at_s: float, before: Snapshot, after: Snapshot) -> Iterator[Event]:
    """The events of endpoints that stand otherwise than before, without a new declaration."""
    yield from followed(at_s, before, after)
    yield from in_effect(at_s, before, after)


def held(at_s: float, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Event]:
    """The events of endpoints that do not follow their aliases, with the reasons."""
    for name, why in after.items():
        if before.get(name) != why:
            yield Event(at_s, CONTROL, HELD, name, why)


def _endpoints(endpoints: Mapping[str, Endpoint]) -> dict[str, Any]:
    return {name: dict(endpoint.route.weights) for name, endpoint in endpoints.items()}
