"""What Compute Engine takes of an instance, by the description that Google's library carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from serve_app.errors import NotReady
from serve_app.platforms.ray_up.ray_files import package_folder

Schema = dict[str, Any]
_DOCUMENT = "discovery_cache/documents/compute.v1.json"
_BY_RAY = {"sourceInstanceTemplate": {"type": "string"}}
"""Taken out of `node_config` by Ray, which passes it beside the instance."""
_LONGEST_LIST = 12


@lru_cache
def node_config_schema() -> Schema:
    """The JSON Schema of `node_config`: an Instance as Compute Engine's `insert` takes it.

    Raises:
        NotReady: google-api-python-client is not installed.
    """
    folder = package_folder("googleapiclient")
    if folder is None:
        msg = (
            "node_config cannot be checked: the description of Compute Engine is part of "
            "google-api-python-client, which is not installed here and which ray up needs as well"
        )
        raise NotReady(msg)
    return instance_schema(json.loads((folder / _DOCUMENT).read_text()))


def instance_schema(document: Mapping[str, Any]) -> Schema:
    """The JSON Schema of an instance in a discovery document of Compute Engine."""
    defined: dict[str, Schema] = {}
    _define("Instance", document["schemas"], defined)
    root = defined["Instance"]
    properties = {**root["properties"], **_BY_RAY}
    return {**root, "properties": properties, "$defs": defined}


def _define(name: str, schemas: Mapping[str, Any], defined: dict[str, Schema]) -> Schema:
    if name not in defined:
        defined[name] = {}
        defined[name] = _translated(schemas[name], schemas, defined)
    return {"$ref": f"#/$defs/{name}"}


def _translated(
    description: Mapping[str, Any], schemas: Mapping[str, Any], defined: dict[str, Schema]
) -> Schema:
    if "$ref" in description:
        return _define(description["$ref"], schemas, defined)
    kind = description.get("type")
    if kind == "object":
        return _object(description, schemas, defined)
    if kind == "array":
        return {"type": "array", "items": _translated(description["items"], schemas, defined)}
    if kind == "any" or kind is None:
        return {}
    # Whole numbers of 64 bits travel as text, and are taken as numbers too.
    is_long = description.get("format") in {"int64", "uint64"}
    values = description.get("enum", ())
    listed = {"enum": values} if 0 < len(values) <= _LONGEST_LIST else {}
    return {"type": ["string", "integer"] if is_long else kind, **listed}


def _object(
    description: Mapping[str, Any], schemas: Mapping[str, Any], defined: dict[str, Schema]
) -> Schema:
    properties = {
        name: _translated(one, schemas, defined)
        for name, one in description.get("properties", {}).items()
    }
    others = description.get("additionalProperties")
    rest: Any = False if others is None else _translated(others, schemas, defined)
    return {"type": "object", "properties": properties, "additionalProperties": rest}
