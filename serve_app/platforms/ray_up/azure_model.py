"""What a machine of Azure is made of, by the template that Ray carries."""

from __future__ import annotations

from typing import Any

from serve_app.platforms.ray_up.ray_files import AZURE_TEMPLATE, ray_json

Schema = dict[str, Any]
_BY_RAY = frozenset(
    ("vmName", "adminUsername", "publicKey", "vmTags", "vmCount", "provisionPublicIp")
) | {"msi", "nsg", "subnet", "zones"}
"""Set by Ray itself when it fills in the template."""
_KINDS = {
    "string": "string",
    "securestring": "string",
    "int": "integer",
    "bool": "boolean",
    "object": "object",
    "array": "array",
}


def node_config_schema() -> Schema:
    """The JSON Schema of `node_config`: the template's parameters, and tags.

    Raises:
        NotReady: Ray is not installed.
    """
    parameters = ray_json(AZURE_TEMPLATE)["parameters"]
    properties: Schema = {
        name: {"type": _KINDS[one["type"].lower()]}
        for name, one in parameters.items()
        if name not in _BY_RAY
    }
    # Zones are written as Ray reads them, which makes the template's list of it.
    properties["availability_zone"] = {"type": ["string", "array"]}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["azure_arm_parameters"],
        "properties": {
            "tags": {"type": "object", "additionalProperties": {"type": "string"}},
            "azure_arm_parameters": {
                "type": "object",
                "additionalProperties": False,
                "required": ["vmSize"],
                "properties": properties,
            },
        },
    }
