"""What control knows, as a frozen value, and what each event makes of it. Nothing here acts.

Every function takes a state and gives the next one; who calls keeps the snapshot of that first
and only then takes it for the state (`control/snapshots.py`), so that what cannot be kept has
never happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from serve_app.core.snapshot import Endpoint, Snapshot
from serve_app.errors import NotFound
from serve_app.routing import route_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """A declaration that cannot be served, by its hash, and everything that is wrong with it."""

    declaration: str
    problems: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"declaration": self.declaration, "problems": list(self.problems)}


@dataclass(frozen=True, slots=True)
class State:
    """What was declared, what was set since, which versions have answered, and what stands.

    `refusal` is the declaration that came last, where it was refused; the one before it stands.
    """

    current: Snapshot
    declaration: str
    declared: Mapping[str, Endpoint]
    overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()
    refusal: Refusal | None = None

    @classmethod
    def of(cls, latest: Snapshot) -> State:
        """The state that a snapshot was kept of, when nothing has answered yet."""
        return cls(latest, latest.declaration, latest.endpoints, latest.overrides, latest.aliases)

    def loaded_by_gateways(self) -> frozenset[str]:
        """The versions that declared endpoints let gateways compute."""
        return frozenset(v for endpoint in self.declared.values() for v in endpoint.loads())

    def needed_by_handle(self) -> frozenset[str]:
        """The versions that declared endpoints need in replicas of their own."""
        return frozenset(v for endpoint in self.declared.values() for v in endpoint.needs())


def declared(state: State, declaration: str, endpoints: Mapping[str, Endpoint]) -> State:
    """After a declaration. A new one supersedes the weights that were set at run time."""
    # What is declared as before stays the same object, so that later events compare at no cost.
    kept = {
        name: state.declared[name] if state.declared.get(name) == endpoint else endpoint
        for name, endpoint in endpoints.items()
    }
    overrides = state.overrides if declaration == state.declaration else {}
    taken = replace(
        state, declaration=declaration, declared=kept, overrides=overrides, refusal=None
    )
    # What nobody needs may be gone when it is needed again.
    needed = taken.loaded_by_gateways() | taken.needed_by_handle()
    return advanced(replace(taken, ready=state.ready & needed))


def refused(state: State, refusal: Refusal) -> State:
    """After a declaration that cannot be served: the one before it goes on."""
    return replace(state, refusal=refusal)


def weights_set(state: State, endpoint: str, weights: Mapping[str, float]) -> State:
    """After a change of the weights of some of an endpoint's variants.

    Raises:
        NotFound: no such endpoint or variant.
        InvalidInput: its kind of route refuses the weights.
    """
    spec = state.declared.get(endpoint)
    if spec is None:
        known = sorted(state.declared)
        msg = f"there is no endpoint {endpoint!r}; endpoints: {', '.join(known) or 'none'}"
        raise NotFound(msg, known=known)
    merged = {**state.overrides.get(endpoint, {}), **weights}
    route_of(spec.route).with_weights(merged, endpoint=endpoint)
    return advanced(replace(state, overrides={**state.overrides, endpoint: merged}))


def aliases_read(state: State, aliases: Mapping[str, Mapping[str, int]]) -> State:
    """After a look at what the registry's aliases name, by model."""
    return advanced(replace(state, aliases=aliases))


def answered(state: State, version: str) -> State:
    """After a version has answered."""
    return advanced(replace(state, ready=state.ready | {version}))


def advanced(state: State, newest: Snapshot | None = None) -> State:
    """Let every declared endpoint stand that can, under a new snapshot if anything changed.

    `newest` is the newest snapshot that was kept, where somebody else kept it.
    """
    endpoints, waiting = _standing(state)
    snapshot = replace(
        state.current,
        declaration=state.declaration,
        endpoints=endpoints,
        overrides=state.overrides,
        waiting=waiting,
        aliases=state.aliases,
    )
    if newest is None and snapshot == state.current:
        return state
    return replace(state, current=_numbered(snapshot, newest or state.current))


def _standing(state: State) -> tuple[dict[str, Endpoint], dict[str, tuple[str, ...]]]:
    """The endpoints that stand, and the versions that declared ones wait for."""
    standing = state.current.endpoints
    serving = {v for endpoint in standing.values() for v in endpoint.needs() | endpoint.loads()}
    there = state.ready | serving
    endpoints: dict[str, Endpoint] = {}
    waiting: dict[str, tuple[str, ...]] = {}
    for name, spec in state.declared.items():
        endpoint = spec.with_weights(state.overrides.get(name, {}))
        missing = (endpoint.needs() | endpoint.loads()) - there
        if not missing:
            endpoints[name] = standing[name] if standing.get(name) == endpoint else endpoint
            continue
        waiting[name] = tuple(sorted(missing))
        if name in standing:
            endpoints[name] = standing[name]
    return endpoints, waiting


def _numbered(snapshot: Snapshot, former: Snapshot) -> Snapshot:
    """The snapshot that follows a former one, with the versions in which what changed last."""
    version = former.version + 1
    epochs = {
        name: former.epochs.get(name, version)
        if name in former.endpoints
        and former.endpoints[name].route.weights == endpoint.route.weights
        else version
        for name, endpoint in snapshot.endpoints.items()
    }
    described = snapshot.endpoints.keys() == former.endpoints.keys() and all(
        endpoint.is_described_as(former.endpoints[name])
        for name, endpoint in snapshot.endpoints.items()
    )
    description = former.description if described and former.description else version
    return replace(snapshot, version=version, epochs=epochs, description=description)
