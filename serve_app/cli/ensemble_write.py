"""Learned weights in the config that they were learned for, which else stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from serve_app.documents.file_change import FileChange, read_text
from serve_app.documents.walk import items, mapping
from serve_app.documents.yaml_edit import Change, edited
from serve_app.errors import ConfigError

if TYPE_CHECKING:
    from serve_app.core.snapshot import Endpoint
    from serve_app.engine.held_out import LearnedWeights


def change_of(config: Path, text: str, spec: Endpoint, learned: LearnedWeights) -> FileChange:
    """The config with `combine: weighted` and the learned weights, all else as it was.

    `text` is what the config held when the endpoint was read of it.

    Raises:
        ConfigError: the members do not stand in the text as the endpoint has them, or cannot be
            changed alone.
    """
    path, declared = _route(yaml.safe_load(text), spec.name)
    wanted = {variant.declared: learned.weights[variant.version] for variant in spec.variants}
    written = [str(mapping(one).get("model")) for one in items(declared.get("variants"))]
    if sorted(written) != sorted(wanted):
        raise ConfigError(
            f"{config}: the variants of {spec.name!r} are {', '.join(written)}, but "
            f"weights were learned for {', '.join(wanted)}"
        )
    changes = [
        Change((*path, "variants", place, "weight"), wanted[model], after="model")
        for place, model in enumerate(written)
    ]
    combine = Change((*path, "combine"), "weighted", after="kind")
    return FileChange(config, text, edited(text, [combine, *changes]))


def read(config: Path) -> str:
    """The text of a config.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return read_text(config)
    except OSError as error:
        raise ConfigError(f"{config} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{config} is no text in UTF-8: {error}") from error


def _route(body: Any, endpoint: str) -> tuple[tuple[str | int, ...], Any]:
    """Where the route of an endpoint stands in a config, and what it says."""
    for at, application in enumerate(items(mapping(body).get("applications"))):
        for place, deployment in enumerate(items(mapping(application).get("deployments"))):
            config = mapping(mapping(deployment).get("user_config"))
            declared = mapping(mapping(config.get("endpoints")).get(endpoint))
            if declared:
                path = ("applications", at, "deployments", place, "user_config", "endpoints")
                return (*path, endpoint, "route"), mapping(declared.get("route"))
    raise ConfigError(f"the config declares no endpoint {endpoint!r}")
