"""Reads the file of a pipeline, and says what is wrong with it by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pydantic
import yaml

from serve_app.config.pipeline import PipelineSettings
from serve_app.documents.finding import Finding
from serve_app.documents.near_names import did_you_mean
from serve_app.documents.refused_values import refusals, words_of
from serve_app.documents.yaml_lines import Positions
from serve_app.documents.yaml_reading import read_yaml
from serve_app.errors import ConfigError


def read_pipeline(path: Path) -> PipelineSettings:
    """The pipeline that a file describes.

    Raises:
        ConfigError: it is no YAML, or not a pipeline; lists every problem with its line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    try:
        body = read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(body, dict):
        raise ConfigError(f"{path} holds no pipeline; it starts with: pipeline: <name>")
    try:
        return PipelineSettings.model_validate(body)
    except pydantic.ValidationError as error:
        listed = sorted(set(_findings(error, Positions.of(text), body)))
        lines = "\n".join(
            f"  {path}:{one.line}: {f'{one.key}: ' * bool(one.key)}{one.message}" for one in listed
        )
        raise ConfigError(f"{path} is no pipeline:\n{lines}") from error


def pipeline_of(body: dict[str, Any]) -> PipelineSettings:
    """The pipeline of a run, whose body was kept by `body_of`."""
    return PipelineSettings.model_validate(body)


def body_of(settings: PipelineSettings) -> dict[str, Any]:
    """What `pipeline_of` reads: JSON in which lengths of time are written with their unit.

    When it is trained again is no part of it: a run is the same whatever began it.
    """
    return settings.model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude={"retrain": True}
    )


def _findings(
    error: pydantic.ValidationError, positions: Positions, body: dict[str, Any]
) -> Iterator[Finding]:
    for item in refusals(error):
        path = _in_file(item["loc"], body)
        key = ".".join(str(part) for part in path)
        message = words_of(item)
        if item["type"] == "extra_forbidden":
            message = _unknown_key(path)
        yield Finding(positions.line(path), key, message)


def _in_file(location: tuple[int | str, ...], body: Any) -> tuple[int | str, ...]:
    """The part of a location that stands in the file: without the tags of union members."""
    path: list[int | str] = []
    node = body
    for part in location:
        if isinstance(node, dict) and not str(part).startswith("("):
            path.append(part)
            node = node.get(part)
        elif isinstance(node, list) and isinstance(part, int):
            path.append(part)
            node = node[part] if part < len(node) else None
    return tuple(path)


def _unknown_key(path: tuple[int | str, ...]) -> str:
    models = _models_at(PipelineSettings, path[:-1])
    known = {one.alias or name for model in models for name, one in model.model_fields.items()}
    near = did_you_mean(str(path[-1]), sorted(known))
    rest = f" Known are: {', '.join(sorted(known))}" if known and not near else ""
    return f"there is no key {path[-1]!r} here.{near}{rest}"


def _models_at(form: Any, path: tuple[int | str, ...]) -> Iterator[type[pydantic.BaseModel]]:
    """The models that may stand at a place of a file below something of a form."""
    if isinstance(form, type) and issubclass(form, pydantic.BaseModel):
        if not path:
            yield form
        for name, field in form.model_fields.items():
            if path and (field.alias or name) == path[0]:
                yield from _models_at(field.annotation, path[1:])
        return
    is_many = get_origin(form) in (tuple, dict) and bool(path)
    # One entry stands for a list of it.
    is_item = is_many and (get_origin(form) is dict or isinstance(path[0], int))
    for inner in get_args(form):
        yield from _models_at(inner, path[1:] if is_item else path)
