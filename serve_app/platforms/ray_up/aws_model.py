"""What EC2 takes of an instance, by the model that Amazon's library carries."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from serve_app.errors import NotReady
from serve_app.platforms.ray_up.ray_files import package_folder

Schema = dict[str, Any]
_MODEL = "data/ec2/2016-11-15/service-2.json.gz"
_BY_RAY = ("MinCount", "MaxCount", "SubnetId")
"""Set by Ray itself, from the numbers of workers and `SubnetIds`."""
_LONGEST_LIST = 12
"""Lists of values beyond this (kinds of machines) grow faster than libraries are updated."""
_SIMPLE = {
    "string": "string",
    "character": "string",
    "blob": "string",
    "boolean": "boolean",
    "integer": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
}


@lru_cache
def node_config_schema() -> Schema:
    """The JSON Schema of `node_config`: the parameters of RunInstances as Ray passes them on.

    Raises:
        NotReady: botocore is not installed.
    """
    folder = package_folder("botocore")
    if folder is None:
        msg = (
            "node_config cannot be checked: the model of EC2 is part of botocore, which is not "
            "installed here; pip install boto3, which ray up needs as well"
        )
        raise NotReady(msg)
    with gzip.open(folder / _MODEL) as file:
        model = json.load(file)
    shapes = model["shapes"]
    name = model["operations"]["RunInstances"]["input"]["shape"]
    defined: dict[str, Schema] = {}
    _define(name, shapes, defined)
    root = defined[name]
    properties = {key: one for key, one in root["properties"].items() if key not in _BY_RAY}
    properties["SubnetIds"] = {"type": "array", "items": {"type": "string"}, "minItems": 1}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": defined,
    }


def _define(name: str, shapes: Mapping[str, Any], defined: dict[str, Schema]) -> Schema:
    """A reference to a shape, which is translated once, with all that it is made of."""
    if name not in defined:
        defined[name] = {}
        defined[name] = _translated(shapes[name], shapes, defined)
    return {"$ref": f"#/$defs/{name}"}


def _translated(
    shape: Mapping[str, Any], shapes: Mapping[str, Any], defined: dict[str, Schema]
) -> Schema:
    kind = shape["type"]
    if kind == "structure":
        members = shape["members"]
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                name: _define(one["shape"], shapes, defined) for name, one in members.items()
            },
            "required": list(shape.get("required", ())),
        }
    if kind == "list":
        return {"type": "array", "items": _define(shape["member"]["shape"], shapes, defined)}
    if kind == "map":
        return {
            "type": "object",
            "additionalProperties": _define(shape["value"]["shape"], shapes, defined),
        }
    if kind not in _SIMPLE:
        # Times, which people write in many forms.
        return {}
    values = shape.get("enum", ())
    listed = {"enum": values} if 0 < len(values) <= _LONGEST_LIST else {}
    return {"type": _SIMPLE[kind], **listed}
