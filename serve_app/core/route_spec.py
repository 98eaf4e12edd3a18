"""Who answers for an endpoint: its kind of route with its settings, and its variants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from serve_app.core.variant import Variant


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """Who answers: a kind of route, its own settings as JSON values, and its variants.

    What the settings mean is known to the kind alone (`serve_app.routing`). The weights of the
    variants are those that are in effect: they steer, and so does `steering`, which is what a kind
    that learns knows by now, as JSON values. All else describes, but for the `former` weights,
    oldest first, where a kind keeps subjects by them; they differ where the weights do.
    """

    kind: str
    variants: tuple[Variant, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    steering: Mapping[str, Any] = field(default_factory=dict)
    former: tuple[Mapping[str, float], ...] = field(default=(), compare=False)

    @property
    def weights(self) -> dict[str, float]:
        """The weights by version."""
        return {variant.version: variant.weight for variant in self.variants}

    def declared(self, version: str) -> str | None:
        """How the declaration names the variant of a version or of a reference; none for none."""
        return next((v.declared for v in self.variants if version in {v.version, v.declared}), None)

    def steered(self, weights: Mapping[str, float], steering: Mapping[str, Any]) -> RouteSpec:
        """The route with these weights and this steering; itself where nothing differs.

        Weights are by version, or by the reference that the declaration names it by.
        """
        variants = tuple(_reweighted(variant, weights) for variant in self.variants)
        same = all(new is old for new, old in zip(variants, self.variants, strict=True))
        if same and steering == self.steering:
            return self
        return replace(self, variants=variants, steering=steering)

    def with_weights(self, weights: Mapping[str, float]) -> RouteSpec:
        """The route with other weights, as `steered` takes them."""
        return self.steered(weights, self.steering)

    def to_json(self) -> dict[str, Any]:
        """The route as JSON values."""
        return {
            **({"steering": dict(self.steering)} if self.steering else {}),
            **({"former": [dict(one) for one in self.former]} if self.former else {}),
            "kind": self.kind,
            "settings": dict(self.settings),
            "variants": [variant.to_json() for variant in self.variants],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> RouteSpec:
        """Read what `to_json` wrote."""
        variants = tuple(map(Variant.from_json, body["variants"]))
        return cls(
            body["kind"],
            variants,
            dict(body["settings"]),
            steering=body.get("steering", {}),
            former=tuple(body.get("former", ())),
        )


def _reweighted(variant: Variant, weights: Mapping[str, float]) -> Variant:
    weight = weights.get(variant.declared, weights.get(variant.version, variant.weight))
    return variant if weight == variant.weight else replace(variant, weight=weight)
