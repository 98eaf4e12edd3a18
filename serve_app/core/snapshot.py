"""The versioned description of all endpoints that control hands to gateways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from serve_app.core import record_settings
from serve_app.core.access import NOBODY, Access
from serve_app.core.cache import CacheLimits
from serve_app.core.experiment import Experiment
from serve_app.core.former_snapshots import with_route
from serve_app.core.meta_model import MetaModel
from serve_app.core.preprocess import Preprocess
from serve_app.core.record_settings import RecordSettings
from serve_app.core.reference import application_name
from serve_app.core.rollout import Rollout
from serve_app.core.route_spec import RouteSpec
from serve_app.core.signature import Signature
from serve_app.core.variant import Shadow, Variant
from serve_app.errors import Conflict

__all__ = ["Endpoint", "RouteSpec", "Shadow", "Snapshot", "Variant"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything that a gateway needs to answer for one endpoint.

    `inline` says that its variants compute in the gateway and not in replicas of their own,
    `cache` how much gateways remember of what was answered, `records` what is kept of requests,
    `shadows` who is shown requests without answering them, `experiment` what its variants are
    compared in, as JSON values, `meta` who answers by what all variants gave, where they are
    stacked.
    """

    name: str
    route: RouteSpec
    signature: Signature
    timeout_s: float
    variant_timeout_s: float
    fallback: Variant | None = None
    preprocess: Preprocess | None = None
    reactions: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None
    inline: bool = False
    cache: CacheLimits | None = None
    records: RecordSettings = record_settings.DEFAULT
    shadows: tuple[Shadow, ...] = ()
    experiment: Mapping[str, Any] | None = None
    meta: MetaModel | None = None

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The versions that its route may ask, with the weights that are in effect."""
        return self.route.variants

    def needs(self) -> frozenset[str]:
        """The versions that must answer handles before this endpoint can be served.

        A fallback need not, unless an alias chooses it: until the next one answers, the former
        one can.
        """
        versions = {v.version for v in self.variants if v.weight > 0 and not self.inline}
        versions.update(one.version for one in self.shadows if not self.inline)
        if self.fallback is not None and self.fallback.alias is not None and not self.inline:
            versions.add(self.fallback.version)
        versions.update(one.version for one in self._beside() if not one.inline)
        return frozenset(versions)

    def loads(self) -> frozenset[str]:
        """The versions that gateways load and compute themselves."""
        versions: set[str] = set()
        if self.inline:
            versions.update(variant.version for variant in self.variants)
            versions.update(shadow.version for shadow in self.shadows)
            if self.fallback is not None:
                versions.add(self.fallback.version)
        versions.update(one.version for one in self._beside() if one.inline)
        return frozenset(versions)

    def asks(self) -> frozenset[str]:
        """Every version that a request to this endpoint may need, wherever it computes."""
        return frozenset(one.version for one in self._named())

    def answers(self) -> frozenset[str]:
        """The versions that may have a part in an answer: all but those that are shadows alone."""
        return replace(self, shadows=()).asks() if self.shadows else self.asks()

    def by_handle(self) -> frozenset[str]:
        """The versions that it asks in applications of theirs."""
        return self.asks() - self.loads()

    def follows(self) -> dict[str, str]:
        """The versions that it asks by an alias, by the references that name them so."""
        also = {one.further: one.version for one in self.variants if one.further is not None}
        return also | {one.declared: one.version for one in self._named() if one.alias}

    def by_number(self) -> frozenset[str]:
        """The versions that its declaration names by their numbers."""
        return frozenset(one.version for one in self._named() if not one.alias)

    def _named(self) -> list[Variant | Preprocess | MetaModel]:
        shadows = [one.variant for one in self.shadows]
        last = [] if self.fallback is None else [self.fallback]
        return [*self.variants, *shadows, *last, *self._beside()]

    def _beside(self) -> list[Preprocess | MetaModel]:
        """Who computes before and after the variants, each where it says itself."""
        return [one for one in (self.preprocess, self.meta) if one is not None]

    def with_weights(self, weights: Mapping[str, float]) -> Endpoint:
        """The endpoint with these weights in place of its own; itself where none differs."""
        return self.steered(weights, self.route.steering)

    def steered(self, weights: Mapping[str, float], steering: Mapping[str, Any]) -> Endpoint:
        """The endpoint with its route steered so; itself where nothing differs."""
        route = self.route.steered(weights, steering)
        return self if route is self.route else replace(self, route=route)

    def equals_except_steering(self, other: Endpoint) -> bool:
        """Whether the two differ in nothing but weights and what else steers."""
        return self is other or self.steered(other.route.weights, other.route.steering) == other

    def to_json(self) -> dict[str, Any]:
        """The endpoint as JSON values."""
        fallback, preprocess, cache = self.fallback, self.preprocess, self.cache
        # Gateways of a former version read all that does not say how requests are recorded.
        recorded = self.records != record_settings.DEFAULT
        return {
            **({"records": self.records.to_json()} if recorded else {}),
            **({"shadows": [shadow.to_json() for shadow in self.shadows]} if self.shadows else {}),
            **({} if self.experiment is None else {"experiment": dict(self.experiment)}),
            **({} if self.meta is None else {"meta": self.meta.to_json()}),
            "name": self.name,
            "route": self.route.to_json(),
            "signature": self.signature.to_json(),
            "timeout_s": self.timeout_s,
            "variant_timeout_s": self.variant_timeout_s,
            "fallback": None if fallback is None else fallback.to_json(),
            "preprocess": None if preprocess is None else preprocess.to_json(),
            "reactions": dict(self.reactions),
            "example": None if self.example is None else dict(self.example),
            "inline": self.inline,
            "cache": None if cache is None else asdict(cache),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Endpoint:
        """Read what `to_json` wrote, now or in a former version of this package."""
        fields = dict(body) if "route" in body else with_route(body)
        fields["route"] = RouteSpec.from_json(fields["route"])
        fields["signature"] = Signature.from_json(body["signature"])
        fallback = body["fallback"]
        fields["fallback"] = None if fallback is None else Variant.from_json(fallback)
        cache = body.get("cache")
        fields["cache"] = None if cache is None else CacheLimits(**cache)
        if "records" in body:
            fields["records"] = RecordSettings.from_json(body["records"])
        fields["shadows"] = tuple(map(Shadow.from_json, body.get("shadows", ())))
        preprocess = body["preprocess"]
        fields["preprocess"] = None if preprocess is None else Preprocess(**preprocess)
        meta = body.get("meta")
        fields["meta"] = None if meta is None else MetaModel.from_json(meta)
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All endpoints at one time. Its version only grows.

    Description: `declaration` is the hash of the declared configuration that it follows,
    `description` the version since which nothing but steering has changed, `waiting` the
    versions that declared endpoints still wait for (until then their former description stands).

    Steering: the weights of the endpoints' variants and what their routes learned, `epochs` the
    versions in which those of each endpoint changed last, `overrides` what was set of weights at
    run time since the declaration (by the references that it writes), `aliases` the numbers of
    versions that the registry's aliases name, by model, `applications` those that hold versions
    which are not in one of their own name, `rollouts` how far the candidates of endpoints are that
    have one, `experiments` how far those of endpoints are, `kept` the versions that aliases named
    before and that stay loaded, by the references that endpoints follow.

    Neither: `access`, who has keys.
    """

    version: int
    declaration: str
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    epochs: Mapping[str, int] = field(default_factory=dict)
    description: int = 0
    applications: Mapping[str, str] = field(default_factory=dict)
    rollouts: Mapping[str, Rollout] = field(default_factory=dict)
    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    access: Access = NOBODY
    kept: Mapping[str, str] = field(default_factory=dict)

    def placed(self) -> dict[str, str]:
        """The application of each version that is asked by handle."""
        versions = {v for one in self.endpoints.values() for v in one.by_handle()}
        return {v: self.applications.get(v) or application_name(v) for v in versions}

    def to_json(self) -> dict[str, Any]:
        """The snapshot as JSON values."""
        endpoints = {name: endpoint.to_json() for name, endpoint in self.endpoints.items()}
        return {**self._common_json(), "endpoints": endpoints, "access": self.access.to_json()}

    def since(self, seen: int) -> dict[str, Any]:
        """As JSON values, for whoever has the snapshot of version `seen`: all that may differ.

        That is its steering alone, where endpoints are still described as they were then.
        """
        if not 0 < self.description <= seen:
            return self.to_json()
        changed = {
            name: endpoint.route
            for name, endpoint in self.endpoints.items()
            if self.epochs.get(name, self.version) > seen
        }
        weights = {name: route.weights for name, route in changed.items()}
        steering = {name: dict(route.steering) for name, route in changed.items()}
        former = {n: [dict(w) for w in one.former] for n, one in changed.items() if one.former}
        steered = {"weights": weights, "steering": steering, "former": former}
        return {**self._common_json(), **steered, **self.access.since(seen)}

    def _common_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "declaration": self.declaration,
            "overrides": {name: dict(weights) for name, weights in self.overrides.items()},
            "waiting": {name: list(versions) for name, versions in self.waiting.items()},
            "aliases": {model: dict(numbers) for model, numbers in self.aliases.items()},
            "epochs": dict(self.epochs),
            "description": self.description,
            "applications": dict(self.applications),
            "rollouts": {name: one.to_json() for name, one in self.rollouts.items()},
            "experiments": {name: one.to_json() for name, one in self.experiments.items()},
            "kept": dict(self.kept),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any], former: Snapshot | None = None) -> Snapshot:
        """Read what `to_json` wrote, or what `since` wrote for whoever has `former`.

        Raises:
            Conflict: it holds the steering alone, of other descriptions than those of `former`.
        """
        return cls(
            version=body["version"],
            declaration=body["declaration"],
            endpoints=_endpoints(body, former),
            overrides=body["overrides"],
            waiting={name: tuple(versions) for name, versions in body["waiting"].items()},
            aliases=body.get("aliases", {}),
            epochs=body.get("epochs", {}),
            description=body.get("description", 0),
            applications=body.get("applications", {}),
            rollouts={
                name: Rollout.from_json(one) for name, one in body.get("rollouts", {}).items()
            },
            experiments={
                name: Experiment.from_json(one) for name, one in body.get("experiments", {}).items()
            },
            access=Access.within(body, NOBODY if former is None else former.access),
            kept=body.get("kept", {}),
        )


def _endpoints(body: Mapping[str, Any], former: Snapshot | None) -> dict[str, Endpoint]:
    if "endpoints" in body:
        return {name: Endpoint.from_json(e) for name, e in body["endpoints"].items()}
    if former is None or former.description != body["description"]:
        msg = "a snapshot came without the descriptions of its endpoints, which are others here"
        raise Conflict(msg)
    steering, before = body.get("steering", {}), body.get("former", {})
    changed = {
        name: former.endpoints[name].steered(weights, steering.get(name, {}))
        for name, weights in body["weights"].items()
    }
    for name, endpoint in changed.items():
        route = replace(endpoint.route, former=tuple(before.get(name, ())))
        changed[name] = replace(endpoint, route=route)
    return {**former.endpoints, **changed}
