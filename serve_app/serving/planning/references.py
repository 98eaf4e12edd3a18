"""The versions that a config asks, by their numbers or by aliases."""

from collections.abc import Iterator, Mapping
from typing import Any

import pydantic

from serve_app.config import ControlArgs
from serve_app.documents.yaml_reading import read_yaml
from serve_app.engine.trusted_registry import open_registry
from serve_app.errors import ConfigError
from serve_app.registry.store import Registry
from serve_app.serving.deploying import declaration

Config = Mapping[str, Any]


def references_of(config: Config) -> list[str]:
    """Every version that applications and endpoints of a config name, once each, sorted."""
    return sorted(set(_references(config)))


def registry_and_versions(content: bytes) -> tuple[Registry, list[str]]:
    """The registry of the config in a file, as its settings want it, and `references_of` it.

    Raises:
        ConfigError: it declares no endpoints, so that nobody knows where versions are.
    """
    config = read_yaml(content)
    control = declaration.control_of(config)
    if control is None:
        raise ConfigError("it has no application of control, so that it declares no endpoints")
    try:
        registry = ControlArgs.model_validate(control.get("args") or {}).registry
    except pydantic.ValidationError as error:
        raise ConfigError(f"the args of control cannot be read: {error}") from None
    return open_registry(registry), references_of(config)


def _references(config: Config) -> Iterator[str]:
    for application in config.get("applications") or ():
        args = application.get("args") or {}
        if isinstance(args, Mapping) and {"model", "version"} <= set(args):
            yield f"{args['model']}@{args['version']}"
    yield from _within(declaration.endpoints(config))


def _within(value: Any) -> Iterator[str]:
    """Every text in some settings that names a version."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in {"model", "fallback", "meta"} and isinstance(inner, str) and "@" in inner:
                yield inner
            yield from _within(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _within(inner)
