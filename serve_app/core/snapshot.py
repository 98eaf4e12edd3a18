"""The versioned description of all endpoints that control hands to gateways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from serve_app.core.cache import CacheLimits
from serve_app.core.signature import Signature, Target


@dataclass(frozen=True, slots=True)
class Variant:
    """A version as a target of an endpoint; `labels` are its classes in its own order.

    `targets` are those that it says something of, in its own order, where there are several.
    """

    version: str
    weight: float = 1.0
    labels: tuple[Any, ...] = ()
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Preprocess:
    """The transformer that runs before all variants, and whether inside the gateway."""

    version: str
    inline: bool


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Everything that a gateway needs to answer for one endpoint.

    `inline` says that its variants compute in the gateway and not in replicas of their own,
    `cache` how much gateways remember of what was answered.
    """

    name: str
    kind: str
    signature: Signature
    variants: tuple[Variant, ...]
    timeout_s: float
    variant_timeout_s: float
    key: str | None = None
    combine: str | None = None
    quorum: int = 1
    fallback: Variant | None = None
    preprocess: Preprocess | None = None
    reactions: Mapping[str, str] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None
    inline: bool = False
    cache: CacheLimits | None = None

    def needs(self) -> frozenset[str]:
        """The versions that must answer handles before this endpoint can be served."""
        versions = {v.version for v in self.variants if v.weight > 0 and not self.inline}
        if self.preprocess is not None and not self.preprocess.inline:
            versions.add(self.preprocess.version)
        return frozenset(versions)

    def loads(self) -> frozenset[str]:
        """The versions that gateways load and compute themselves."""
        versions: set[str] = set()
        if self.inline:
            versions.update(variant.version for variant in self.variants)
            if self.fallback is not None:
                versions.add(self.fallback.version)
        if self.preprocess is not None and self.preprocess.inline:
            versions.add(self.preprocess.version)
        return frozenset(versions)

    def asks(self) -> frozenset[str]:
        """Every version that a request to this endpoint may need, wherever it computes."""
        versions = {variant.version for variant in self.variants}
        if self.fallback is not None:
            versions.add(self.fallback.version)
        if self.preprocess is not None:
            versions.add(self.preprocess.version)
        return frozenset(versions)

    def with_weights(self, weights: Mapping[str, float]) -> Endpoint:
        """The same endpoint with these weights in place of the variants' own."""
        variants = tuple(replace(v, weight=weights.get(v.version, v.weight)) for v in self.variants)
        return replace(self, variants=variants)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Endpoint:
        """Read what `Snapshot.to_json` wrote."""
        fields = dict(body)
        fields["signature"] = Signature.from_json(body["signature"])
        fields["variants"] = tuple(_variant(variant) for variant in body["variants"])
        fields["fallback"] = None if body["fallback"] is None else _variant(body["fallback"])
        cache = body.get("cache")
        fields["cache"] = None if cache is None else CacheLimits(**cache)
        preprocess = body["preprocess"]
        fields["preprocess"] = None if preprocess is None else Preprocess(**preprocess)
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All endpoints at one time. Its version only grows.

    `declaration` is the hash of the declared configuration that it follows, `overrides`
    the weights that were set at run time since, `waiting` the versions that declared
    endpoints still wait for (until then their former description stands), `aliases` the
    numbers of versions that the registry's aliases name, by model.
    """

    version: int
    declaration: str
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    overrides: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The snapshot as JSON values."""
        return {
            "version": self.version,
            "declaration": self.declaration,
            "endpoints": {name: _endpoint_json(e) for name, e in self.endpoints.items()},
            "overrides": {name: dict(weights) for name, weights in self.overrides.items()},
            "waiting": {name: list(versions) for name, versions in self.waiting.items()},
            "aliases": {model: dict(numbers) for model, numbers in self.aliases.items()},
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Snapshot:
        """Read what `to_json` wrote."""
        return cls(
            version=body["version"],
            declaration=body["declaration"],
            endpoints={name: Endpoint.from_json(e) for name, e in body["endpoints"].items()},
            overrides=body["overrides"],
            waiting={name: tuple(versions) for name, versions in body["waiting"].items()},
            aliases=body.get("aliases", {}),
        )


def _variant(body: Mapping[str, Any]) -> Variant:
    targets = tuple(Target.from_json(target) for target in body.get("targets", ()))
    return Variant(body["version"], body["weight"], tuple(body["labels"]), targets)


def _endpoint_json(endpoint: Endpoint) -> dict[str, Any]:
    body = asdict(replace(endpoint, signature=None, reactions={}, example=None))  # type: ignore[arg-type]
    return {
        **body,
        "signature": endpoint.signature.to_json(),
        "reactions": dict(endpoint.reactions),
        "example": None if endpoint.example is None else dict(endpoint.example),
    }
