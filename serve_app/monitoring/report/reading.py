"""Makes frozen values of JSON again, by the types of their fields."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
_NUMBERS = (int, float)


def read(kind: Any, value: Any, where: str = "it") -> Any:
    """A value of a type, as `dataclasses.asdict` and JSON left it. Unknown fields are let pass.

    Raises:
        ValueError: it does not fit; says where.
    """
    if is_dataclass(kind) and isinstance(kind, type):
        return _values(kind, value, where)
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return _tuple(inner, value, where)
    if origin is Mapping:
        return _mapping(inner[1], value, where)
    if origin in {Union, types.UnionType}:
        if value is None:
            return None
        return read(next(one for one in inner if one is not types.NoneType), value, where)
    if origin is Literal:
        fits = value in inner
    elif kind is float:
        fits = isinstance(value, _NUMBERS) and not isinstance(value, bool)
    elif kind is int:
        fits = isinstance(value, int) and not isinstance(value, bool)
    else:
        fits = isinstance(value, kind)
    if not fits:
        raise ValueError(f"{where} cannot be {str(value)[:80]!r}")
    return value


def read_document(kind: type[T], body: Mapping[str, Any], schema: int) -> T:
    """A document of a type, beside whose fields stands the `schema` that they are of.

    Raises:
        ValueError: it is no such document, or one of another schema; says where it is wrong.
    """
    given = body.get("schema")
    if given != schema:
        msg = f"it is a report of schema {given!r}, and {schema} is what is known here"
        raise ValueError(msg)
    document = read(kind, {name: value for name, value in body.items() if name != "schema"})
    assert isinstance(document, kind)  # noqa: S101 - `read` makes what it is given
    return document


def _tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{where} must be a list")  # noqa: TRY004 - what JSON holds is a value
    if inner[-1] is Ellipsis:
        return tuple(read(inner[0], one, f"{where}[{at}]") for at, one in enumerate(value))
    if len(inner) != len(value):
        raise ValueError(f"{where} must have {len(inner)} values, not {len(value)}")
    return tuple(
        read(kind, one, f"{where}[{at}]")
        for at, (kind, one) in enumerate(zip(inner, value, strict=True))
    )


def _mapping(kind: Any, value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be an object")  # noqa: TRY004 - likewise
    return {name: read(kind, one, f"{where}.{name}") for name, one in value.items()}


def _values(kind: type[Any], value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} must be an object")  # noqa: TRY004 - likewise
    hints = get_type_hints(kind)
    given = {}
    for field in fields(kind):
        if field.name in value:
            given[field.name] = read(hints[field.name], value[field.name], f"{where}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{where} has no {field.name!r}")
    return kind(**given)
