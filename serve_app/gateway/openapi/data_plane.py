"""The part of an OpenAPI document of ours that is the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from serve_app.gateway.openapi.schemas import JSON

_NAMED = frozenset({"securitySchemes"})
_MODEL = "/v2/models/{endpoint}"


def data_plane(document: JSON, endpoint: str | None = None, version: str | None = None) -> JSON:
    """The protocol's paths alone, with what they refer to; of one `endpoint` where it is named.

    With a `version` the paths are those of that version.
    """
    paths = {path: item for path, item in document["paths"].items() if path.startswith("/v2")}
    if endpoint is not None:
        paths = _of_endpoint(paths, endpoint, version)
    tags = {tag for item in paths.values() for tag in _tags(item)}
    endpoints = [one for one in document["x-endpoints"] if endpoint in {None, one["name"]}]
    return {
        **document,
        "info": {**document["info"], "title": f"{document['info']['title']} data plane"},
        "tags": [tag for tag in document["tags"] if tag["name"] in tags],
        "paths": paths,
        "components": {
            **_reached(paths, document["components"]),
            # Nothing refers to these by their whole names.
            **{name: document["components"][name] for name in _NAMED & {*document["components"]}},
        },
        "x-endpoints": endpoints,
    }


def _of_endpoint(paths: JSON, endpoint: str, version: str | None) -> JSON:
    place = f"/v2/models/{endpoint}"
    there = place if version is None else f"{place}/versions/{version}"
    kept = {}
    for path, item in paths.items():
        if path.startswith(_MODEL):
            named = {key: value for key, value in item.items() if key != "parameters"}
            kept[there + path.removeprefix(_MODEL)] = named
        elif path.startswith(f"{place}/"):
            kept[there + path.removeprefix(place)] = item
    return kept


def _tags(item: JSON) -> Iterator[str]:
    for operation in item.values():
        if isinstance(operation, dict):
            yield from operation["tags"]


def _reached(paths: JSON, components: JSON) -> JSON:
    """The components that paths refer to, and those that these refer to."""
    kept: dict[str, JSON] = {kind: {} for kind in components}
    open_references = list(_references(paths))
    while open_references:
        _, _, kind, name = open_references.pop().split("/", 3)
        if name not in kept[kind]:
            kept[kind][name] = components[kind][name]
            open_references += _references(components[kind][name])
    return kept


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
