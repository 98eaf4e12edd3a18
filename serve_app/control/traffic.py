"""Which versions answered when, from the events that are kept of every change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.control.changes import DECLARED, FOLLOWED, IN_EFFECT, WEIGHTS_SET
from serve_app.core.events import Event
from serve_app.core.reference import model_of

ROLLOUT = "rollout"
"""The kind of event that says how far a candidate's rollout is."""
Weights = Mapping[str, float]
_Standing = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class TrafficChange:
    """From when on an endpoint's versions had these weights, and who changed them, and why.

    `at_s` is in seconds since 1970, `kind` that of the event. Without weights, the endpoint was
    there no more.
    """

    at_s: float
    endpoint: str
    weights: Weights
    who: str
    kind: str
    why: str = ""


def traffic_changes(events: Iterable[Event]) -> list[TrafficChange]:
    """Every change of the weights of every endpoint, oldest first.

    `events` are in the order in which they happened. What stood before the first of them is not
    known, so that the first declaration says what is.
    """
    standing: _Standing = {}
    changes: list[TrafficChange] = []
    for event in events:
        read = _READERS.get(event.kind)
        if read is None:
            continue
        for endpoint, weights in read(event, standing):
            if standing.get(endpoint, {}) == weights:
                continue
            standing[endpoint] = weights
            changes.append(
                TrafficChange(event.at_s, endpoint, weights, event.who, event.kind, event.why)
            )
    return changes


def traffic_at(changes: Sequence[TrafficChange], at_s: float) -> dict[str, TrafficChange]:
    """What stood at a time, by endpoint, with the change since which it did.

    Endpoints that were not there, or of which nothing is known yet, are left out.
    """
    last = {one.endpoint: one for one in changes if one.at_s <= at_s}
    return {name: one for name, one in sorted(last.items()) if one.weights}


def of_model(changes: Iterable[TrafficChange], model: str) -> list[TrafficChange]:
    """The changes that concern a model: its versions had weights after it, or before."""
    mine: list[TrafficChange] = []
    answered: set[str] = set()
    for one in changes:
        now = any(model_of(version) == model for version in one.weights)
        if now or one.endpoint in answered:
            mine.append(one)
        (answered.add if now else answered.discard)(one.endpoint)
    return mine


def answers_since(
    changes: Sequence[TrafficChange], endpoint: str, version: str
) -> TrafficChange | None:
    """The change since which a version has had a weight above 0 without a break.

    None where it has none, or where that was so before the first event that is known.
    """
    since: TrafficChange | None = None
    for one in changes:
        if one.endpoint != endpoint:
            continue
        if one.weights.get(version, 0.0) <= 0:
            since = None
        elif since is None:
            since = one
    return since


def _declared(event: Event, standing: _Standing) -> Iterator[tuple[str, dict[str, float]]]:
    """All endpoints anew; those that are declared no more have none."""
    after: Mapping[str, Weights] = event.after or {}
    for name in sorted({*standing, *after}):
        yield name, dict(after.get(name, {}))


def _given(event: Event, _: _Standing) -> Iterator[tuple[str, dict[str, float]]]:
    yield event.subject, dict(event.after or {})


def _followed(event: Event, standing: _Standing) -> Iterator[tuple[str, dict[str, float]]]:
    """The weights of the versions that an alias named before go to those that it names now."""
    before, after = event.before or {}, event.after or {}
    moved = {was: after[alias] for alias, was in before.items() if alias in after}
    known = standing.get(event.subject, {})
    weights: dict[str, float] = {}
    for version, weight in known.items():
        now = moved.get(version, version)
        weights[now] = weights.get(now, 0.0) + weight
    yield event.subject, weights


def _rolled_out(event: Event, standing: _Standing) -> Iterator[tuple[str, dict[str, float]]]:
    """The candidate's share is its own, and the rest is the other's."""
    after = event.after or {}
    candidate, share = after.get("candidate"), after.get("share")
    known = standing.get(event.subject, {})
    if candidate is None or share is None or candidate not in known:
        return
    others = [version for version in known if version != candidate]
    rest = {version: (1.0 - share) / len(others) for version in others}
    yield event.subject, {**rest, candidate: float(share)}


_Reader = Callable[[Event, _Standing], Iterator[tuple[str, dict[str, float]]]]
_READERS: Mapping[str, _Reader] = {
    DECLARED: _declared,
    IN_EFFECT: _given,
    WEIGHTS_SET: _given,
    FOLLOWED: _followed,
    ROLLOUT: _rolled_out,
}


def events_of(rows: Iterable[Mapping[str, Any]]) -> list[Event]:
    """Events out of what the admin API tells of them, the newest first, in their order."""
    events = [
        Event(
            at_s=row["at_s"],
            who=row["who"],
            kind=row["kind"],
            subject=row["subject"],
            why=row.get("why") or "",
            before=row.get("before"),
            after=row.get("after"),
            id=row.get("id"),
        )
        for row in rows
    ]
    return sorted(events, key=lambda one: one.id or 0)
