"""Who in the running cluster needs a version, so that it cannot be deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from serve_app.cluster import web
from serve_app.cluster.node import Cluster
from serve_app.config import HOME_VARIABLE
from serve_app.core.reference import is_version
from serve_app.errors import ServeError

_ROLES = {"fallback": " as its fallback", "preprocess": " for its preprocessing"}
Holders = dict[str, list[str]]
"""Who needs a version, in words, by the version's reference."""


def holders(state: str, registry: str) -> Holders:
    """Everything that needs a version of a registry in the cluster of a state folder, if one runs.

    Raises:
        NotReady: a cluster runs and does not answer, so that nobody can tell.
    """
    running = Cluster(Path(state)).running()
    if running is None:
        return {}
    serve = running.dashboard.serve_details()
    configs = {
        name: body.get("deployed_app_config") or {} for name, body in serve["applications"].items()
    }
    home = Path(running.environment.get(HOME_VARIABLE, "."))
    configs = {
        name: config
        for name, config in configs.items()
        if _place((config.get("args") or {}).get("registry", "./registry"), home)
        == _place(registry, Path.cwd())
    }
    found: Holders = {}
    for name, config in configs.items():
        for version in _of_application(config):
            found.setdefault(version, []).append(f"application {name}")
    declared = [body for config in configs.values() for body in _declared(config)]
    try:
        standing = web.get(f"{running.http_url}/v1/endpoints")["endpoints"] if configs else []
    except ServeError:
        # No gateway answers; what was deployed still says who would.
        standing = []
    for name, body in [*declared, *((one["name"], one) for one in standing)]:
        for version, role in _of_endpoint(body):
            words = f"endpoint {name}{role}"
            if words not in found.setdefault(version, []):
                found[version].append(words)
    return found


def _place(registry: str, home: Path) -> str:
    """One spelling of where a registry is; a relative one is below `home`."""
    path = registry.removeprefix("file://")
    return path.rstrip("/") if "://" in path else str((home / path).resolve())


def _of_application(config: Mapping[str, Any]) -> Iterator[str]:
    args = config.get("args") or {}
    if "model" in args and "version" in args:
        yield f"{args['model']}@{args['version']}"


def _declared(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for deployment in config.get("deployments") or []:
        yield from ((deployment.get("user_config") or {}).get("endpoints") or {}).items()


def _of_endpoint(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The versions that an endpoint's description names, and what each is to it."""
    for key, value in body.items():
        if key != "signature":
            yield from ((version, _ROLES.get(key, "")) for version in _references(value))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, str) and is_version(value):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
