"""Models as lists of them show each: its versions, what the newest is, its aliases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from serve_app.errors import NotFound
from serve_app.registry.named import named
from serve_app.registry.store import Registry


def listed(store: Registry) -> list[dict[str, Any]]:
    """All models in JSON's types; those that are deleted meanwhile are left out."""
    return [line for name in store.models() if (line := _line(store, name)) is not None]


def line(store: Registry, name: str) -> dict[str, Any]:
    """One model in JSON's types; a metric that could not be computed is null.

    Raises:
        NotFound: there is no such model; names those that exist.
    """
    named(store, name)
    model = _line(store, name)
    if model is None:
        raise NotFound(f"there is no model {name!r} any more")
    return model


def moves(store: Registry, name: str) -> Iterator[dict[str, Any]]:
    """Every move of every alias of a model, oldest first.

    Raises:
        NotFound: there is no such model; names those that exist.
    """
    for alias, history in store.alias_histories(name).items():
        for move in history:
            yield {"alias": alias, **asdict(move)}


def _line(store: Registry, name: str) -> dict[str, Any] | None:
    versions = store.versions(name)
    if not versions:
        return None
    try:
        newest = store.manifest(name, versions[-1])
        aliases = store.aliases(name)
    except NotFound:
        # Somebody deleted it since it was listed.
        return None
    metrics = newest.metrics.model_dump(mode="json")["held_out"] if newest.metrics else {}
    return {
        "model": name,
        "versions": versions,
        "newest": versions[-1],
        "flavour": newest.flavour,
        "gives": newest.signature.output.kind,
        "metrics": metrics,
        "aliases": aliases,
    }
