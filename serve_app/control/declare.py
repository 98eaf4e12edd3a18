"""From declared endpoints to their full description, resolved against the registry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pydantic

from serve_app.config import ControlSettings
from serve_app.control import layers
from serve_app.control.describe import EndpointDescription, ManifestOf, Problem, Resolve
from serve_app.core.reference import split_version
from serve_app.core.snapshot import Endpoint
from serve_app.documents.refused_values import refusals, words_of
from serve_app.errors import ConfigError
from serve_app.routing import KINDS

__all__ = ["Declaration", "Problem", "declaration_hash", "declare", "hash_of", "read"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """Declared endpoints with their hash, and everything that was wrong with the rest."""

    hash: str
    endpoints: Mapping[str, Endpoint]
    problems: tuple[Problem, ...]

    def checked(self) -> Mapping[str, Endpoint]:
        """The endpoints.

        Raises:
            ConfigError: something did not fit; names all of it.
        """
        if self.problems:
            raise ConfigError("; ".join(problem.words() for problem in self.problems))
        return self.endpoints


def read(
    user_config: Mapping[str, Any], manifest_of: ManifestOf, resolve: Resolve = split_version
) -> Declaration:
    """Describe what a `user_config` declares; what cannot be read at all is a problem as well.

    `resolve` says what aliases name; without it references are numbers.
    It raises nothing of what people may write or of what the registry may lack, so that nobody
    who calls it dies of a declaration.
    """
    try:
        settings = ControlSettings.model_validate(user_config)
    except pydantic.ValidationError as error:
        problems = tuple(Problem(_in_file(item["loc"]), words_of(item)) for item in refusals(error))
        return Declaration(hash_of(user_config), {}, problems)
    return declare(settings, manifest_of, resolve)


def _in_file(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """A path as people wrote it: pydantic puts the kind of a route between its keys."""
    kinds = [at for at, part in enumerate(path) if part in KINDS and path[at - 1] == "route"]
    return tuple(part for at, part in enumerate(path) if at not in kinds)


def declare(
    settings: ControlSettings, manifest_of: ManifestOf, resolve: Resolve = split_version
) -> Declaration:
    """Describe every declared endpoint in full, reporting all problems at once.

    `resolve` says what aliases name; without it references are numbers.
    """
    endpoints: dict[str, Endpoint] = {}
    problems = list(layers.problems(settings))
    for name, endpoint in settings.endpoints.items():
        description = EndpointDescription(name, endpoint, manifest_of, resolve)
        spec = description.describe()
        problems.extend(description.problems)
        if spec is not None:
            endpoints[name] = layers.placed(spec, settings)
    return Declaration(declaration_hash(settings), endpoints, tuple(problems))


def declaration_hash(settings: ControlSettings) -> str:
    """The hash by which a declaration is known, whatever the registry makes of it."""
    return _hash(settings.declaration())


def hash_of(user_config: Mapping[str, Any]) -> str:
    """The hash by which the declaration of a `user_config` is known, readable or not."""
    try:
        return declaration_hash(ControlSettings.model_validate(user_config))
    except pydantic.ValidationError:
        return _hash(user_config)


def _hash(declaration: Any) -> str:
    canonical = json.dumps(declaration, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()
