"""Who needs a version among what is deployed, so that it cannot be deleted."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from serve_app.config.secrets import read_setting
from serve_app.core.reference import is_version
from serve_app.errors import Conflict

_ROLES = {
    "fallback": " as its fallback",
    "meta": " as its meta-model",
    "preprocess": " for its preprocessing",
    "shadows": " as a shadow",
}
Holders = dict[str, list[str]]
"""Who needs a version, in words, by the version's reference."""


def of_registry(details: Mapping[str, Any], registry: str, home: Path) -> list[Mapping[str, Any]]:
    """The configs of the applications that read a registry, by what Serve tells of itself.

    Relative registries of configs are below `home`, `registry` is below this process's folder.
    """
    here = _place(registry, Path.cwd())
    configs = [
        {"name": name, **(body.get("deployed_app_config") or {})}
        for name, body in details["applications"].items()
    ]
    return [config for config in configs if _place(_registry(config), home) == here]


def holders(configs: Sequence[Mapping[str, Any]], standing: Sequence[Mapping[str, Any]]) -> Holders:
    """Everything among configs of applications, and endpoints that stand, that needs a version."""
    needed: Holders = {}
    for config in configs:
        for version in _of_application(config):
            needed.setdefault(version, []).append(f"application {config['name']}")
    declared = [body for config in configs for body in _declared(config)]
    for name, body in [*declared, *((one["name"], one) for one in standing)]:
        for version, role in _of_endpoint(body):
            words = f"endpoint {name}{role}"
            if words not in needed.setdefault(version, []):
                needed[version].append(words)
    return needed


def check_unneeded(versions: Sequence[str], needed: Holders) -> None:
    """Let versions pass that nobody needs.

    Raises:
        Conflict: somebody needs one; says who.
    """
    for version in versions:
        if version in needed:
            msg = (
                f"{version} is not deleted, since the running cluster needs it: "
                f"{', '.join(needed[version])}; take it out of what is deployed first"
            )
            raise Conflict(msg, version=version)


def _registry(config: Mapping[str, Any]) -> str:
    """Where an application's versions are, which may stand among settings of that place."""
    given = (config.get("args") or {}).get("registry", "./registry")
    return str(
        read_setting(given.get("url", "./registry") if isinstance(given, Mapping) else given)
    )


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
