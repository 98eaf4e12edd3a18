"""Schemas that let no other fields through than those that are listed, a line for each shape.

A shape is `field:kind field:kind …`; a kind is one of `_KINDS`, another shape, a list of one (`[`),
a mapping of any names to one (`{`), or words, of which it is one (`a|b`).
"""

from __future__ import annotations

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
        "r*": _amounts({"cpu": _PROCESSORS, "memory": _BYTES, "ephemeral-storage": _BYTES}),
        "v*": _amounts({"storage": _BYTES}),
    }
)
"""Text, whole numbers, numbers, flags, open objects and lists, numbers or text, mappings of text,
bytes, and amounts of what a container or a volume takes."""


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
        return {"type": "array", "items": {"$ref": f"#/$defs/{kind[1:]}"}}
    if kind.startswith("{"):
        return {"type": "object", "additionalProperties": {"$ref": f"#/$defs/{kind[1:]}"}}
    if kind in shapes:
        return {"$ref": f"#/$defs/{kind}"}
    return {"enum": kind.split("|")}
