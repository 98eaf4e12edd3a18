"""Which endpoints a caller may know of, and what it may do with those."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import TypeVar

from serve_app.core.caller import Caller
from serve_app.core.grants import EVERYTHING, Grants
from serve_app.core.reference import split_version
from serve_app.engine.stages import Stage, Stages
from serve_app.errors import Forbidden

T = TypeVar("T")
MOST_KEPT = 10_000
"""So many callers' views of one snapshot are kept."""


class Views:
    """The stages as callers see them: what they may not see is not there.

    A view is made once per snapshot and caller. Callers who see the same endpoints share one, and
    with it what others keep by its `description`.
    """

    def __init__(self) -> None:
        self._all = Stages()
        self._by_grants: dict[int, tuple[Grants, Stages]] = {}
        self._by_names: dict[frozenset[str], Stages] = {}

    def of(self, stages: Stages, caller: Caller) -> Stages:
        """Those of the stages that a caller may know of; all of them where it may do everything."""
        grants = caller.grants
        if grants is EVERYTHING:
            return stages
        if stages is not self._all:
            self._follow(stages)
        # By identity, since a hash of all grants takes long; they are kept, so that no others
        # come to lie where they did.
        known = self._by_grants.get(id(grants))
        if known is not None:
            return known[1]
        names = frozenset(filter(grants.show, (*stages.endpoints, *stages.waiting)))
        view = self._by_names.get(names)
        if view is None:
            view = self._by_names[names] = _narrowed(stages, names)
        if len(self._by_grants) >= MOST_KEPT:
            self._by_grants.clear()
        self._by_grants[id(grants)] = (grants, view)
        return view

    def _follow(self, stages: Stages) -> None:
        """Forget the views of another snapshot, but not what they share of its description."""
        former = self._by_names if stages.description is self._all.description else {}
        self._all = stages
        self._by_grants = {}
        self._by_names = {
            names: replace(_narrowed(stages, names), description=view.description)
            for names, view in former.items()
        }


def _narrowed(stages: Stages, names: frozenset[str]) -> Stages:
    """The stages of some endpoints alone; all that is said of others is left out."""
    if names.issuperset(stages.endpoints) and names.issuperset(stages.waiting):
        return stages
    endpoints = {name: stage for name, stage in stages.endpoints.items() if name in names}
    models = {model for stage in endpoints.values() for model in _models(stage)}
    return Stages(
        stages.version,
        endpoints,
        _only(stages.waiting, names),
        _only(stages.overrides, names),
        _only(stages.aliases, models),
    )


def _only(values: Mapping[str, T], names: Container[str]) -> dict[str, T]:
    return {name: value for name, value in values.items() if name in names}


def _models(stage: Stage) -> set[str]:
    """The models of which an endpoint asks a version."""
    return {split_version(version)[0] for version in stage.spec.asks()}


def require(caller: Caller, action: str, endpoint: str) -> None:
    """Return where a caller may do something with an endpoint that it may know of.

    Raises:
        Forbidden: it may not; says what would have to be granted.
    """
    grants = caller.grants
    if grants is not EVERYTHING and not grants.allow(action, endpoint):
        msg = (
            f"{caller.name} may see the endpoint {endpoint!r}, but not use it so: that needs the "
            f"scope {action}:{endpoint}"
        )
        raise Forbidden(msg, endpoint=endpoint, scope=f"{action}:{endpoint}")


def require_everywhere(caller: Caller, action: str) -> None:
    """Return where a caller may do something that concerns all endpoints.

    Raises:
        Forbidden: it may not; says what would have to be granted.
    """
    if not caller.grants.allow_everywhere(action):
        msg = f"{caller.name} may not do this: it needs the scope {action} for all endpoints"
        raise Forbidden(msg, scope=action)


def default_for(caller: Caller, default: str | None, stages: Stages) -> str | None:
    """Who answers a caller that names no endpoint: not one that it may not know of."""
    if caller.grants is EVERYTHING or default in stages.endpoints:
        return default
    return None
