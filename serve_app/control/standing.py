"""What control knows, as a frozen value, and what each event makes of it. Nothing here acts.

Every function takes a state and gives the next one; who calls keeps the snapshot of that first
and only then takes it for the state (`control/snapshots.py`), so that what cannot be kept has
never happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from serve_app.control import experiments, rollouts
from serve_app.control.numbering import numbered
from serve_app.core.access import NOBODY, Access
from serve_app.core.experiment import Experiment
from serve_app.core.former_versions import kept_by_gateways
from serve_app.core.reference import application_name
from serve_app.core.rollout import Rollout
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
    `held` are the endpoints that keep the versions which aliases named before, with the reasons,
    `present` the names of the applications that there are, where anybody looked, `rollouts` how
    far candidates are, by endpoint, `experiments` how far those of endpoints are, `steering` what
    routes that learn know by now, by endpoint; no declaration takes that from them. `access` is
    who has keys. `kept` are the versions that followed aliases named before, by reference.
    """

    current: Snapshot
    declaration: str
    declared: Mapping[str, Endpoint]
    overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    ready: frozenset[str] = frozenset()
    refusal: Refusal | None = None
    held: Mapping[str, str] = field(default_factory=dict)
    present: frozenset[str] | None = None
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    steering: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    access: Access = NOBODY
    kept: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, latest: Snapshot) -> State:
        """The state that a snapshot was kept of, when nothing has answered yet."""
        steering = {n: e.route.steering for n, e in latest.endpoints.items() if e.route.steering}
        return cls(
            latest,
            latest.declaration,
            latest.endpoints,
            latest.overrides,
            latest.aliases,
            rollouts=latest.rollouts,
            experiments=latest.experiments,
            steering=steering,
            access=latest.access,
            kept=latest.kept,
        )

    def loaded_by_gateways(self) -> frozenset[str]:
        """The versions that declared endpoints let gateways compute."""
        return frozenset(v for endpoint in self.declared.values() for v in endpoint.loads())

    def needed_by_handle(self) -> frozenset[str]:
        """The versions that declared endpoints need in replicas of their own."""
        return frozenset(v for endpoint in self.declared.values() for v in endpoint.needs())

    def follows(self) -> dict[str, str]:
        """The versions that declared endpoints ask by an alias, by reference."""
        return {
            reference: version
            for endpoint in self.declared.values()
            for reference, version in endpoint.follows().items()
        }

    def placed(self) -> dict[str, str]:
        """The application of each version that declared endpoints ask by handle.

        A version that only aliases name may be in the application of one of them; all others
        have one of their own.
        """
        endpoints = self.declared.values()
        numbered = {v for one in endpoints for v in one.by_handle() & one.by_number()}
        placed = {v: application_name(v) for one in endpoints for v in one.by_handle()}
        for one in endpoints:
            by_alias = one.by_handle() - numbered
            for reference, version in sorted(one.follows().items()):
                application = application_name(reference)
                if version in by_alias and self._is_present(version, application):
                    placed[version] = application
        return placed

    def _is_present(self, version: str, application: str) -> bool:
        if self.present is None:
            return self.current.applications.get(version) == application
        return application in self.present


def declared(
    state: State,
    declaration: str,
    endpoints: Mapping[str, Endpoint],
    held: Mapping[str, str] | None = None,
) -> State:
    """After a declaration. A new one supersedes the weights that were set at run time.

    `held` says why endpoints keep versions that their aliases do not name any more.
    """
    taken = replace(state, declaration=declaration, refusal=None)
    if declaration != state.declaration:
        taken = replace(taken, overrides={})
    return followed(taken, endpoints, held or {})


def followed(state: State, endpoints: Mapping[str, Endpoint], held: Mapping[str, str]) -> State:
    """After another look at what the declaration means, whose aliases may name other versions."""
    # What is declared as before stays the same object, so that later events compare at no cost.
    kept = {
        name: state.declared[name] if state.declared.get(name) == endpoint else endpoint
        for name, endpoint in endpoints.items()
    }
    taken = replace(
        state,
        declared=kept,
        held=held,
        rollouts=rollouts.standing(state.rollouts, kept),
        experiments=experiments.standing(state.experiments, kept),
    )
    return advanced(_still_ready(state, taken))


def applications_seen(state: State, present: frozenset[str]) -> State:
    """After a look at which applications there are."""
    return advanced(_still_ready(state, replace(state, present=present)))


def _still_ready(former: State, state: State) -> State:
    # What nobody needs may be gone when it is needed again, or not be where it is looked for.
    needed = state.loaded_by_gateways() | state.needed_by_handle()
    needed |= kept_by_gateways(state.declared.values(), state.kept)
    before, now = former.placed(), state.placed()
    same = {v for v in former.ready & needed if before.get(v) == now.get(v)}
    return replace(state, ready=frozenset(same))


def refused(state: State, refusal: Refusal) -> State:
    """After a declaration that cannot be served: the one before it goes on."""
    return replace(state, refusal=refusal)


def weights_set(state: State, endpoint: str, weights: Mapping[str, float]) -> State:
    """After a change of the weights of some of an endpoint's variants.

    They are kept by the references that the declaration writes, so that they stay with a variant
    whose alias is moved.

    Raises:
        NotFound: no such endpoint or variant.
        InvalidInput: its kind of route refuses the weights.
    """
    spec = state.declared.get(endpoint)
    if spec is None:
        known = sorted(state.declared)
        msg = f"there is no endpoint {endpoint!r}; endpoints: {', '.join(known) or 'none'}"
        raise NotFound(msg, known=known)
    written = {spec.route.declared(name) or name: weight for name, weight in weights.items()}
    merged = {**state.overrides.get(endpoint, {}), **written}
    route_of(spec.route).with_weights(merged, endpoint=endpoint)
    return advanced(replace(state, overrides={**state.overrides, endpoint: merged}))


def rollout_moved(state: State, endpoint: str, rollout: Rollout) -> State:
    """After the rollout of an endpoint has come further, or was stopped.

    Raises:
        NotFound: the endpoint has no rollout.
    """
    rollout_of(state, endpoint)
    return advanced(replace(state, rollouts={**state.rollouts, endpoint: rollout}))


def rollout_of(state: State, endpoint: str) -> Rollout:
    """The rollout of an endpoint.

    Raises:
        NotFound: it has none; names those that have one.
    """
    known = state.rollouts.get(endpoint)
    if known is None:
        names = sorted(state.rollouts)
        msg = (
            f"endpoint {endpoint!r} has no rollout, which a route of kind canary has; endpoints "
            f"with one: {', '.join(names) or 'none'}"
        )
        raise NotFound(msg, known=names)
    return known


def experiment_moved(state: State, endpoint: str, experiment: Experiment) -> State:
    """After the experiment of an endpoint was started or stopped.

    Raises:
        NotFound: the endpoint has none.
    """
    experiment_of(state, endpoint)
    return advanced(replace(state, experiments={**state.experiments, endpoint: experiment}))


def experiment_of(state: State, endpoint: str) -> Experiment:
    """The experiment of an endpoint.

    Raises:
        NotFound: it has none; names those that have one.
    """
    known = state.experiments.get(endpoint)
    if known is None:
        names = sorted(state.experiments)
        msg = (
            f"endpoint {endpoint!r} has no experiment, which its settings describe as "
            f"`experiment: {{name: …, primary: …}}`; endpoints with one: "
            f"{', '.join(names) or 'none'}"
        )
        raise NotFound(msg, known=names)
    return known


def learned(state: State, steering: Mapping[str, Mapping[str, Any]]) -> State:
    """After routes that learn know more, by endpoint; who is not named knows what it knew."""
    return advanced(replace(state, steering={**state.steering, **steering}))


def access_changed(state: State, access: Access) -> State:
    """After a change of who has keys."""
    return advanced(replace(state, access=access))


def aliases_read(state: State, aliases: Mapping[str, Mapping[str, int]]) -> State:
    """After a look at what the registry's aliases name, by model."""
    return advanced(replace(state, aliases=aliases))


def former_versions_kept(state: State, kept: Mapping[str, str]) -> State:
    """After a look at which former versions are to stay loaded."""
    return advanced(_still_ready(state, replace(state, kept=kept)))


def answered(state: State, version: str) -> State:
    """After a version has answered."""
    return advanced(replace(state, ready=state.ready | {version}))


def advanced(state: State, newest: Snapshot | None = None) -> State:
    """Let every declared endpoint stand that can, under a new snapshot if anything changed.

    `newest` is the newest snapshot that was kept, where somebody else kept it.
    """
    endpoints, waiting, applications = _standing(state)
    snapshot = replace(
        state.current,
        declaration=state.declaration,
        endpoints=endpoints,
        overrides=state.overrides,
        waiting=waiting,
        aliases=state.aliases,
        applications=applications,
        rollouts=state.rollouts,
        experiments=state.experiments,
        access=state.access,
        kept=state.kept,
    )
    if newest is None and snapshot == state.current:
        return state
    return replace(state, current=numbered(snapshot, newest or state.current))


def _standing(
    state: State,
) -> tuple[dict[str, Endpoint], dict[str, tuple[str, ...]], dict[str, str]]:
    """The endpoints that stand, the versions that declared ones wait for, and what holds them."""
    standing, former, wanted = state.current.endpoints, state.current.placed(), state.placed()
    serving = {v for endpoint in standing.values() for v in endpoint.needs() | endpoint.loads()}
    there = state.ready | {v for v in serving if wanted.get(v) in {None, former.get(v)}}
    endpoints: dict[str, Endpoint] = {}
    waiting: dict[str, tuple[str, ...]] = {}
    for name, spec in state.declared.items():
        rollout = state.rollouts.get(name)
        weights = state.overrides.get(name, {}) if rollout is None else rollout.weights
        endpoint = _steered(spec.with_weights(weights), state.steering)
        endpoint = _after(standing.get(name), endpoint)
        missing = (endpoint.needs() | endpoint.loads()) - there
        if not missing:
            endpoints[name] = standing[name] if standing.get(name) == endpoint else endpoint
            continue
        waiting[name] = tuple(sorted(missing))
        if name in standing:
            endpoints[name] = standing[name]
    # Until the other application answers, a version is asked where it was.
    unmoved = {v for v in state.needed_by_handle() - there if v in former}
    placed = {**former, **{v: one for v, one in wanted.items() if v not in unmoved}}
    by_handle = {v for one in endpoints.values() for v in one.by_handle()}
    return endpoints, waiting, _elsewhere({v: placed[v] for v in by_handle})


def _steered(endpoint: Endpoint, steering: Mapping[str, Mapping[str, Any]]) -> Endpoint:
    """An endpoint as its route is steered by what it learned."""
    learned = steering.get(endpoint.name)
    if not learned:
        return endpoint
    route = route_of(endpoint.route).steered(learned)
    return endpoint.steered(route.weights, route.steering)


def _after(former: Endpoint | None, endpoint: Endpoint) -> Endpoint:
    """An endpoint whose route knows the one that it takes the place of."""
    if former is None or former.route is endpoint.route:
        return endpoint
    route = route_of(endpoint.route).after(former.route)
    return endpoint if route is endpoint.route else replace(endpoint, route=route)


def _elsewhere(placed: Mapping[str, str]) -> dict[str, str]:
    """Of where versions are, what their names do not say."""
    return {v: name for v, name in sorted(placed.items()) if name != application_name(v)}


def outnumbered(state: State, version: int) -> State:
    """The same, with a snapshot whose version is above one that a gateway has seen."""
    return replace(state, current=numbered(state.current, Snapshot(version, "")))
