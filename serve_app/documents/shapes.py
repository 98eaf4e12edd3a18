"""Schemas that let no other fields through than those that are listed, a line for each shape.

A shape is `field:kind field:kind …`; a kind is one of `_KINDS`, another shape, a list of one (`[`),
a mapping of any names to one (`{`), words, of which it is one (`a|b`), or a whole number within
bounds (`1..65535`, `1..`, `1024..6144/1024` for multiples).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_PROCESSORS: Mapping[str, Any] = {
    "type": ["number", "string"],
    "minimum": 0,
    "pattern": r"^[0-9]+(\.[0-9]+)?m?$",
    "title": "a number of processors, such as 2 or 500m",
}
# A small m would be a thousandth of a byte.
_BYTES: Mapping[str, Any] = {
    "type": ["number", "string"],
    "minimum": 0,
    "pattern": r"^[0-9]+(\.[0-9]+)?([KMGTPE]i|[kMGTPE]|[eE][0-9]+)?$",
    "title": "an amount of bytes, such as 512Mi or 4Gi",
}
_PORT_NAME = r"^(?=.*[a-z])[a-z0-9](-?[a-z0-9]){0,14}$"
_PORT: Mapping[str, Any] = {"type": "integer", "minimum": 1, "maximum": 65535}
_BOUNDS = re.compile(r"(\d+)\.\.(\d*)(?:/(\d+))?")


def _amounts(names: Mapping[str, Any]) -> Mapping[str, Any]:
    """Amounts of resources; what devices bring has a slash in its name."""
    others = {"^hugepages-": _BYTES, "/": {"type": ["integer", "string"]}}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": names,
        "patternProperties": others,
    }


_KINDS: Mapping[str, Any] = MappingProxyType(
    {
        "s": {"type": "string"},
        "i": {"type": "integer"},
        "n": {"type": "number"},
        "b": {"type": "boolean"},
        "o": {"type": "object"},
        "a": {"type": "array"},
        "q": {"type": ["integer", "string"]},
        "[s": {"type": "array", "items": {"type": "string"}},
        "t": {"type": "object", "additionalProperties": {"type": "string"}},
        "bytes": _BYTES,
        "port": _PORT,
        "portname": {
            "type": "string",
            "pattern": _PORT_NAME,
            "title": "a port's name: up to 15 small letters, digits and hyphens",
        },
        "portorname": {
            **_PORT,
            "type": ["integer", "string"],
            "pattern": _PORT_NAME,
            "title": "a port's number, or its name of up to 15 small letters, digits and hyphens",
        },
        "share": {
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": "^[0-9]+%$",
            "title": "a whole number, or a share such as 50%",
        },
        "r*": _amounts({"cpu": _PROCESSORS, "memory": _BYTES, "ephemeral-storage": _BYTES}),
        "v*": _amounts({"storage": _BYTES}),
    }
)
"""Text, whole numbers, numbers, flags, open objects and lists, numbers or text, mappings of text,
bytes, ports by numbers and names, shares, and amounts of what a container or a volume takes."""


def schema_of(
    root: str, shapes: Mapping[str, str], required: Mapping[str, tuple[str, ...]]
) -> Mapping[str, Any]:
    """The schema of one of some shapes, which lets no other fields through than theirs."""
    made = {name: _shape(fields, required.get(name, ()), shapes) for name, fields in shapes.items()}
    return {"$ref": f"#/$defs/{root}", "$defs": made}


def _shape(fields: str, required: tuple[str, ...], shapes: Mapping[str, str]) -> dict[str, Any]:
    pairs = (field.split(":", 1) for field in fields.split())
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {field: _kind(kind, shapes) for field, kind in pairs},
    }


def _kind(kind: str, shapes: Mapping[str, str]) -> Mapping[str, Any]:
    if kind in _KINDS:
        one: Mapping[str, Any] = _KINDS[kind]
        return one
    if kind.startswith("["):
        return {"type": "array", "items": _kind(kind[1:], shapes)}
    if kind.startswith("{"):
        return {"type": "object", "additionalProperties": _kind(kind[1:], shapes)}
    if bounds := _BOUNDS.fullmatch(kind):
        return _bounded(*bounds.groups())
    if kind in shapes:
        return {"$ref": f"#/$defs/{kind}"}
    return {"enum": kind.split("|")}


def _bounded(least: str, most: str, step: str | None) -> Mapping[str, Any]:
    return {
        "type": "integer",
        "minimum": int(least),
        **({"maximum": int(most)} if most else {}),
        **({"multipleOf": int(step)} if step else {}),
    }
