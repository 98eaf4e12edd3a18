"""Where a version answers now: by which endpoints, as what, and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from serve_app.control.traffic import TrafficChange, answers_since
from serve_app.core.reference import is_version, model_of

Role = Literal["variant", "shadow", "fallback", "preprocess", "meta"]


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint that asks a version: as what, with which weight, and under which reference.

    `since_s` is when it began to have a weight above 0, in seconds since 1970, and `who` let it:
    none of other roles, and where no event tells. `reference` is how the endpoint names it.
    """

    endpoint: str
    version: str
    role: Role
    weight: float | None
    reference: str
    since_s: float | None = None
    who: str | None = None
    why: str | None = None


def places(
    endpoints: Sequence[Mapping[str, Any]], changes: Sequence[TrafficChange], wanted: str
) -> list[Served]:
    """Where a version, or every version of a model, is asked now.

    `endpoints` are what the admin API tells of them, `changes` those of their weights.
    """
    served = [
        _since(one, changes)
        for endpoint in endpoints
        for one in _uses(endpoint)
        if wanted == (one.version if is_version(wanted) else model_of(one.version))
    ]
    return sorted(served, key=lambda one: (one.endpoint, one.role, one.version))


def _uses(endpoint: Mapping[str, Any]) -> Iterator[Served]:
    name = endpoint["name"]
    references = {version: reference for reference, version in endpoint.get("follows", {}).items()}

    def one(version: str, role: Role, weight: float | None = None) -> Served:
        return Served(name, version, role, weight, references.get(version, version))

    for variant in endpoint["variants"]:
        yield one(variant["version"], "variant", variant["weight"])
    for shadow in endpoint.get("shadows", ()):
        yield one(shadow["version"], "shadow")
    if endpoint.get("fallback"):
        yield one(endpoint["fallback"], "fallback")
    for role in ("preprocess", "meta"):
        beside = endpoint.get(role)
        if beside:
            yield one(beside["version"], "preprocess" if role == "preprocess" else "meta")


def _since(served: Served, changes: Sequence[TrafficChange]) -> Served:
    if served.role != "variant":
        return served
    change = answers_since(changes, served.endpoint, served.version)
    if change is None:
        return served
    return replace(served, since_s=change.at_s, who=change.who, why=change.why or None)
