"""What a shell offers for names: of models, versions and endpoints, where they are near at hand.

Nothing here may raise or wait long: whoever presses the tab key wants a word or nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from serve_app.errors import ServeError

if TYPE_CHECKING:
    import click

    from serve_app.registry.store import Registry

TIMEOUT_S = 1.0


def complete_model(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of registered models."""
    return _models(_registry(context), incomplete)


def complete_version(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[str]:
    """Names of models; after one and an @, its versions and aliases."""
    model, at, _ = incomplete.partition("@")
    if not at:
        return complete_model(context, parameter, incomplete)
    store = _registry(context)
    try:
        known = [] if store is None else [*store.versions(model), *store.aliases(model)]
    except ServeError:
        return []
    return [name for name in (f"{model}@{one}" for one in known) if name.startswith(incomplete)]


def complete_endpoint(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Names of the running cluster's endpoints."""
    from serve_app.cluster import web

    record = Path(context.params.get("state") or "./state") / "cluster.json"
    try:
        port = json.loads(record.read_text())["http_port"]
        standing = web.get(f"http://127.0.0.1:{port}/v1/endpoints", timeout_s=TIMEOUT_S)
        names = [str(endpoint["name"]) for endpoint in standing["endpoints"]]
    except (ServeError, OSError, ValueError, KeyError, TypeError):
        return []
    return [name for name in names if name.startswith(incomplete)]


def _registry(context: click.Context) -> Registry | None:
    from serve_app.registry.store import Registry

    try:
        return Registry(context.params.get("registry") or "./registry")
    except ServeError:
        return None


def _models(store: Registry | None, incomplete: str) -> list[str]:
    try:
        known = [] if store is None else store.models()
    except ServeError:
        return []
    return [name for name in known if name.startswith(incomplete)]
