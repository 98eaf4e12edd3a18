"""The endpoints of one process: named on the command line, or declared in a config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pydantic
import yaml

from serve_app.config import GatewayArgs
from serve_app.config.builders import builder_of
from serve_app.control.declare import read
from serve_app.core.snapshot import Endpoint
from serve_app.documents.refused_values import refusals, words_of
from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import ConfigError
from serve_app.registry.named import named
from serve_app.registry.store import Registry
from serve_app.standalone.settings import RunSettings
from serve_app.standalone.versions import models_in, only_model


def endpoints_of(
    settings: RunSettings, declared: Declared | None, registry: Registry
) -> Mapping[str, Endpoint]:
    """The endpoints that one process answers, described in full: those of a config, or the named.

    Raises:
        ConfigError: something does not fit; names all of it.
        NotFound: a model or version is not there.
    """
    models_in(registry, settings.models)
    if declared is not None:
        return _here(read(declared.endpoints, registry.manifest, registry.resolve).checked())
    references = settings.endpoints
    if references is None:
        model = only_model(registry, settings.models)
        references = {model: model}
    named_ones = {
        name: {"route": {"kind": "single", "model": _whole(registry, reference)}}
        for name, reference in references.items()
    }
    return _here(read({"endpoints": named_ones}, registry.manifest, registry.resolve).checked())


def _here(endpoints: Mapping[str, Endpoint]) -> Mapping[str, Endpoint]:
    """The same endpoints, of which everything computes in this process."""
    return {name: _inline(spec) for name, spec in endpoints.items()}


def _inline(spec: Endpoint) -> Endpoint:
    before = spec.preprocess
    inline = None if before is None else replace(before, inline=True)
    meta = None if spec.meta is None else replace(spec.meta, inline=True)
    # Shadows are compared by the monitor, which one process alone does not have.
    return replace(spec, inline=True, preprocess=inline, meta=meta, shadows=())


def _whole(registry: Registry, reference: str) -> str:
    """A reference with its number, also where the newest version is meant or an alias."""
    name, number = named(registry, reference)
    return f"{name}@{number}"


@dataclass(frozen=True, slots=True)
class Declared:
    """What a config says of one process: the `user_config` of control, the gateway's `args`."""

    endpoints: Mapping[str, Any]
    gateway: GatewayArgs


def read_config(file: Path) -> Declared:
    """What a config declares that one process can answer.

    Raises:
        ConfigError: it cannot be read, or declares no endpoints.
    """
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} is no YAML: {error}") from error
    return declared_in(text, file)


def declared_in(text: str, file: Path) -> Declared:
    """What the text of a config declares, `file` being where it stands; raises as `read_config`."""
    try:
        body = read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file} is no YAML: {error}") from error
    endpoints: Mapping[str, Any] | None = None
    gateway = GatewayArgs()
    for application in _mappings(body, "applications"):
        if builder_of(application) == "control":
            for deployment in _mappings(application, "deployments"):
                endpoints = deployment.get("user_config") or endpoints
        if builder_of(application) == "gateway":
            try:
                gateway = GatewayArgs.model_validate(application.get("args") or {})
            except pydantic.ValidationError as error:
                problem = refusals(error)[0]
                where = ".".join(map(str, problem["loc"]))
                raise ConfigError(f"{file}: gateway: {where}: {words_of(problem)}") from None
    if not isinstance(endpoints, dict):
        msg = f"{file} declares no endpoints: no application of serve_app.app:control has any"
        raise ConfigError(msg)
    return Declared(endpoints, gateway)


def _mappings(body: Any, key: str) -> list[dict[str, Any]]:
    items = body.get(key) if isinstance(body, dict) else None
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
