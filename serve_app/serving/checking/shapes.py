"""Which keys each mapping of a config may hold: Ray's schemas with ours in their places."""

import inspect
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pydantic
from pydantic.fields import FieldInfo
from ray.serve.schema import DeploymentSchema, ServeApplicationSchema, ServeDeploySchema

from serve_app.config import (
    ControlArgs,
    ControlSettings,
    Frozen,
    GatewayArgs,
    ModelArgs,
    MonitorArgs,
    RouteSettings,
    ScalingSettings,
)
from serve_app.config.routes import TAG, settings_models

Path_ = tuple[str | int, ...]
_Ours = Mapping[tuple[type, str], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of one mapping, each with what its value may be.

    `ours` are schemas of our own that stand where Ray has none, by Ray's schema and key.
    """

    keys: Mapping[str, FieldInfo]
    ours: _Ours = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spot:
    """A mapping of a config, with the keys that it may hold.

    It is one of `several` where it stands in a list beside others.
    """

    path: Path_
    body: dict[str, Any]
    shape: Shape
    several: bool = False


def shape_of_config() -> Shape:
    """The keys at the top of a file."""
    return _shape([ServeDeploySchema], {}, {})


def arguments_of(import_path: Any) -> type[Frozen] | None:
    """The settings that a builder takes as `args`, if it is to be found and takes any of ours."""
    module, separator, name = str(import_path or "").replace(":", ".").rpartition(".")
    if not separator:
        return None
    try:
        return settings_of(getattr(import_module(module), name))
    except Exception:  # noqa: BLE001 - somebody's module; whoever checks the path says what it is
        return None


def without_tags(path: Path_, body: Any) -> Path_:
    """A path without the tags of unions, which pydantic puts between keys."""
    kept: list[str | int] = []
    former: str | int | None = None
    for place, part in enumerate(path):
        # A tag may be called like a key beside it: routes of rules have `rules`.
        is_tag = former == "route" and isinstance(body, dict) and part == body.get(TAG)
        former = part
        is_last = place == len(path) - 1
        if is_tag or (not is_last and isinstance(body, dict) and part not in body):
            continue
        kept.append(part)
        if isinstance(body, dict):
            body = body.get(part)
        else:
            body = body[part] if isinstance(body, list) and isinstance(part, int) else None
    return tuple(kept)


def settings_of(builder: Any) -> type[Frozen] | None:
    """The settings that a builder takes, if they are ours."""
    parameters = list(inspect.signature(builder).parameters.values())
    model = parameters[0].annotation if len(parameters) == 1 else None
    return model if inspect.isclass(model) and issubclass(model, Frozen) else None


def spots(spot: Spot) -> Iterator[Spot]:
    """The mappings right below a mapping, those in lists and below free names too."""
    for key, value in spot.body.items():
        info = spot.shape.keys.get(key)
        if info is not None:
            ours = spot.shape.ours
            yield from _spots(info.annotation, info.discriminator, value, (*spot.path, key), ours)


def empty_spots(spot: Spot) -> Iterator[Spot]:
    """The mappings that could stand right below a mapping and do not."""
    for key, info in spot.shape.keys.items():
        if spot.body.get(key) is None:
            ours = spot.shape.ours
            yield from _spots(info.annotation, info.discriminator, {}, (*spot.path, key), ours)


def _spots(
    annotation: Any, discriminator: Any, value: Any, path: Path_, ours: _Ours
) -> Iterator[Spot]:
    options = list(_options(annotation))
    if RouteSettings in options:
        options, discriminator = list(settings_models()), TAG
    if isinstance(value, dict):
        models = [one for one in options if _is_model(one)]
        if models:
            yield Spot(path, value, _shape(_chosen(models, discriminator, value), value, ours))
            return
        for inner in _inner(options, dict, -1):
            for key, item in value.items():
                yield from _spots(inner, None, item, (*path, key), ours)
    elif isinstance(value, list):
        for inner in (*_inner(options, list, 0), *_inner(options, tuple, 0)):
            for index, item in enumerate(value):
                for spot in _spots(inner, None, item, (*path, index), ours):
                    yield Spot(spot.path, spot.body, spot.shape, several=len(value) > 1)


def _shape(
    models: Iterable[type[pydantic.BaseModel]], body: Mapping[str, Any], ours: _Ours
) -> Shape:
    keys: dict[str, FieldInfo] = {}
    for model in models:
        if model is ServeApplicationSchema:
            ours = _ours(body)
        for name, info in model.model_fields.items():
            own = ours.get((model, name))
            keys[info.alias or name] = info if own is None else FieldInfo(annotation=own)
    return Shape(keys, ours)


def _ours(application: Mapping[str, Any]) -> _Ours:
    if "import_path" not in application:
        return {
            (ServeApplicationSchema, "args"): GatewayArgs | ControlArgs | ModelArgs | MonitorArgs
        }
    arguments = arguments_of(application["import_path"])
    if arguments is None:
        return {}
    made: dict[tuple[type, str], Any] = {(ServeApplicationSchema, "args"): arguments}
    settings = ControlSettings if issubclass(arguments, ControlArgs) else ScalingSettings
    made[DeploymentSchema, "user_config"] = settings
    return made


def _chosen(
    models: list[type[pydantic.BaseModel]], discriminator: Any, value: Mapping[str, Any]
) -> list[type[pydantic.BaseModel]]:
    """The one model that the tag of a union names, or all of them."""
    if not isinstance(discriminator, str):
        return models
    chosen = value.get(discriminator)
    named = [
        one for one in models if chosen in get_args(one.model_fields[discriminator].annotation)
    ]
    return named or models


def _options(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _options(get_args(annotation)[0])
    elif origin in {Union, types.UnionType}:
        for one in get_args(annotation):
            yield from _options(one)
    else:
        yield annotation


def _inner(options: Iterable[Any], kind: type, position: int) -> Iterator[Any]:
    for one in options:
        if get_origin(one) is kind and get_args(one):
            yield get_args(one)[position]


def _is_model(annotation: Any) -> bool:
    return (
        inspect.isclass(annotation)
        and get_origin(annotation) is not Literal
        and issubclass(annotation, pydantic.BaseModel)
    )
