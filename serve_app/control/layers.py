"""Parts of layers that endpoints take: that they exist, and do not overlap."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from serve_app.config import ControlSettings
from serve_app.config.assignment import LayerPartSettings
from serve_app.control.describe import Problem
from serve_app.core.snapshot import Endpoint
from serve_app.documents.near_names import did_you_mean


def problems(settings: ControlSettings) -> Iterator[Problem]:
    """What is wrong with the parts that endpoints take: no such layer, or somebody else's part."""
    by_layer: dict[str, list[tuple[str, LayerPartSettings]]] = {}
    for endpoint, part in _parts(settings):
        by_layer.setdefault(part.name, []).append((endpoint, part))
    for layer, parts in by_layer.items():
        if layer not in settings.layers:
            known = ", ".join(settings.layers) or "none"
            near = did_you_mean(layer, settings.layers)
            for endpoint, _ in parts:
                yield _problem(endpoint, f"there is no layer {layer!r}; layers: {known}.{near}")
        in_order = sorted(parts, key=lambda one: (one[1].from_, one[1].to))
        for (first, before), (second, after) in combinations(in_order, 2):
            if after.from_ < before.to:
                yield _problem(
                    second,
                    f"{first} has the layer {layer!r} from {before.from_} to {before.to} and "
                    f"{second} from {after.from_} to {after.to}, so some subjects would be in "
                    "both experiments; take parts that do not overlap",
                )


def placed(spec: Endpoint, settings: ControlSettings) -> Endpoint:
    """An endpoint whose part of a layer says all that gateways need of the layer."""
    part = _part(settings, spec.name)
    if part is None or part.name not in settings.layers:
        return spec
    resolved = part.resolved(settings.layers[part.name])
    route = replace(spec.route, settings={**spec.route.settings, "layer": resolved})
    return replace(spec, route=route)


def _parts(settings: ControlSettings) -> Iterator[tuple[str, LayerPartSettings]]:
    for name in settings.endpoints:
        part = _part(settings, name)
        if part is not None:
            yield name, part


def _part(settings: ControlSettings, endpoint: str) -> LayerPartSettings | None:
    """The part of a layer that an endpoint takes; kinds of routes that know layers say `layer`."""
    part = getattr(settings.endpoints[endpoint].route, "layer", None)
    return part if isinstance(part, LayerPartSettings) else None


def _problem(endpoint: str, message: str) -> Problem:
    return Problem(("endpoints", endpoint, "route", "layer"), message)
