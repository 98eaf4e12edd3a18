"""Refuses variants and weights that no route can serve."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from serve_app.errors import ConfigError, InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from serve_app.core.snapshot import RouteSpec


def checked(variants: Sequence[tuple[str, float]]) -> tuple[tuple[str, float], ...]:
    """The variants of a weight above 0, in the order given.

    Raises:
        ConfigError: there are none, one stands twice, or a weight is negative or not finite.
    """
    if not variants:
        raise ConfigError("the route has no variants; list at least one version and its weight")
    names = [name for name, _ in variants]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"{twice} stands twice among the variants; give it one weight")
    for name, weight in variants:
        if not math.isfinite(weight) or weight < 0:
            raise ConfigError(
                f"{name} has the weight {weight}; write 0 or a finite number above it, such as 90"
            )
    members = tuple((name, float(weight)) for name, weight in variants if weight > 0)
    if not members:
        raise ConfigError(
            "all weights are 0, so nobody would answer; give one variant a weight above 0"
        )
    return members


def reweighted(spec: RouteSpec, weights: Mapping[str, float], *, endpoint: str) -> RouteSpec:
    """The route of an endpoint with other weights of some of its variants.

    They are by version, or by the reference that the declaration names it by.

    Raises:
        NotFound: a version is no variant.
        InvalidInput: a weight is negative or not finite, or nobody would be left to answer.
    """
    known = [variant.declared for variant in spec.variants]
    for version, weight in weights.items():
        if spec.declared(version) is None:
            msg = f"{version!r} is no variant of {endpoint!r}; it has {', '.join(known)}"
            raise NotFound(msg, known=known)
        if not (math.isfinite(weight) and weight >= 0):
            msg = f"the weight of {version} must be 0 or more, got {weight}"
            raise InvalidInput(msg)
    changed = spec.with_weights(weights)
    if not any(variant.weight > 0 for variant in changed.variants):
        msg = f"all weights of {endpoint!r} would be 0, so nobody would answer"
        raise InvalidInput(msg)
    return changed
