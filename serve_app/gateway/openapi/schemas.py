"""JSON schemas of what an endpoint takes and answers, derived from its signature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serve_app.core.policy import Policy
from serve_app.core.signature import Column, Output
from serve_app.gateway.openapi.columns import cell, json_type, made_up
from serve_app.protocols import methods
from serve_app.protocols.oip import datatypes
from serve_app.protocols.oip import outputs as oip_outputs

JSON = dict[str, Any]
_SIZE: JSON = {"type": "integer", "minimum": 0}


@dataclass(frozen=True, slots=True)
class EndpointDescription:
    """What the documentation tells of one endpoint.

    `variants` are (version, weight) pairs; `reactions` says what happens when a rule of the
    schema is broken: only what is refused is a rule of the documented schema too.
    """

    name: str
    inputs: tuple[Column, ...]
    output: Output
    variants: tuple[tuple[str, float], ...]
    route: str
    example: Mapping[str, Any] | None = None
    reactions: Mapping[str, str] = field(default_factory=dict)
    together: bool = False
    weighted: bool = True

    @property
    def policy(self) -> Policy:
        """The reactions, as the schema of the endpoint reads them."""
        return Policy.from_json(self.reactions)

    @property
    def example_row(self) -> JSON:
        """One row that could be sent: of the training data, or else made up."""
        given = self.example or {}
        return {c.name: _in_json(given.get(c.name, made_up(c))) for c in self.inputs}


def row(endpoint: EndpointDescription) -> JSON:
    """A row as an object."""
    policy = endpoint.policy
    schema: JSON = {
        "type": "object",
        "properties": {c.name: cell(c, policy) for c in endpoint.inputs},
        "additionalProperties": policy.unknown != "refuse",
        "examples": [endpoint.example_row],
    }
    if policy.missing == "refuse":
        schema["required"] = [column.name for column in endpoint.inputs]
    return schema


def cells(endpoint: EndpointDescription) -> JSON:
    """A row as a list, in the order of the columns."""
    size = len(endpoint.inputs)
    return {
        "type": "array",
        "prefixItems": [{"title": c.name, **cell(c, endpoint.policy)} for c in endpoint.inputs],
        "minItems": size,
        "maxItems": size,
    }


def table(endpoint: EndpointDescription) -> JSON:
    """Rows as an object of columns; all have as many values, which no schema can say."""
    policy = endpoint.policy
    columns = {column.name: _column(column, policy) for column in endpoint.inputs}
    schema: JSON = {
        "description": "A list of values for each column, as long as all others.",
        "type": "object",
        "properties": columns,
        "additionalProperties": False if policy.unknown == "refuse" else {"type": "array"},
        "minProperties": 1,
    }
    if policy.missing == "refuse":
        schema["required"] = list(columns)
    return schema


def _column(column: Column, policy: Policy) -> JSON:
    value = cell(column, policy)
    return {"anyOf": [_list_of(value), _list_of({**_list_of(value), "minItems": 1, "maxItems": 1})]}


def _list_of(items: JSON) -> JSON:
    return {"type": "array", "items": items}


def request(endpoint: EndpointDescription) -> JSON:
    """The body of a prediction request in the native dialect."""
    name = endpoint.name
    signatures = [*methods.signatures(endpoint.output), None]
    alike = [_list_of(ref(f"{name}.{kind}")) for kind in ("Row", "Cells")]
    table = ref(f"{name}.Table")
    return {
        "type": "object",
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "properties": {
            "inputs": {
                "description": "Columns in place of rows: a list of values for each.",
                "anyOf": [table, *alike],
            },
            "instances": {
                "description": "The rows: all objects, all lists, or all of them small tables.",
                "anyOf": [*alike, _list_of(table)],
            },
            "id": {
                "description": "Given back with the answer.",
                "type": ["string", "integer", "null"],
                "minimum": -(2**63),
                "maximum": 2**64 - 1,
            },
            "parameters": {
                "description": "Other named values, of which a route may use one as its key.",
                "type": ["object", "null"],
            },
            "signature_name": {
                "description": "What stands for the predictions, where it is not what the model "
                "decides.",
                "enum": signatures,
            },
        },
    }


def examples(endpoint: EndpointDescription) -> JSON:
    """The body of a request of TensorFlow Serving's classify or regress."""
    row_schema = row(endpoint)
    features = {
        name: {"anyOf": [value, {**_list_of(value), "minItems": 1, "maxItems": 1}]}
        for name, value in row_schema["properties"].items()
    }
    return {
        "description": "Features that all examples share may stand under `context` instead.",
        "type": "object",
        "required": ["examples"],
        "properties": {"examples": _list_of({**row_schema, "properties": features})},
    }


def infer_request(endpoint: EndpointDescription) -> JSON:
    """The body of a request in the Open Inference Protocol."""
    names = oip_outputs.names(endpoint.output)
    return {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {
                "type": ["string", "integer", "null"],
                "minimum": -(2**63),
                "maximum": 2**64 - 1,
            },
            "inputs": {
                "description": "A tensor per column, in any order, or one of shape "
                "[rows, columns]. Any datatype will do whose values fit the column.",
                "anyOf": [_tensors(endpoint), *_matrix(endpoint)],
            },
            "outputs": {
                "description": "Those that are wanted, each once; all where none is named.",
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "name": {"enum": names},
                        "parameters": {
                            "type": ["object", "null"],
                            "properties": {
                                "binary_data": {"type": ["boolean", "null"]},
                                "classification": {
                                    "description": "So many of the likeliest classes, as text.",
                                    "type": "integer",
                                    "minimum": 0,
                                },
                            },
                        },
                    },
                },
            },
            "parameters": {
                "type": ["object", "null"],
                "properties": {"binary_data_output": {"type": ["boolean", "null"]}},
            },
        },
    }


def _tensors(endpoint: EndpointDescription) -> JSON:
    columns = [_tensor(column, endpoint.policy) for column in endpoint.inputs]
    size = len(columns)
    return {"type": "array", "prefixItems": columns, "minItems": size, "maxItems": size}


def _tensor(column: Column, policy: Policy) -> JSON:
    shape: JSON = {"prefixItems": [_SIZE, {"const": 1}], "minItems": 1, "maxItems": 2}
    if column.shape:
        sizes = [_SIZE if size is None else {"const": size} for size in column.shape]
        shape = {"prefixItems": [_SIZE, *sizes], "minItems": len(sizes) + 1}
    return {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"const": column.name},
            "shape": {"type": "array", **shape},
            "datatype": {"enum": _datatypes(column)},
            "data": _list_of(cell(column, policy, numbers_as_text=True)),
        },
    }


def _matrix(endpoint: EndpointDescription) -> list[JSON]:
    """The schema of a single tensor, where all columns are of one datatype."""
    if any(column.shape for column in endpoint.inputs):
        return []
    datatypes = {tuple(_datatypes(column)) for column in endpoint.inputs}
    if len(datatypes) != 1:
        return []
    width = len(endpoint.inputs)
    kinds = {json_type(column) for column in endpoint.inputs}
    nullable = all(endpoint.policy.null(column) != "refuse" for column in endpoint.inputs)
    value = {"type": [*sorted(kinds), *(["null"] if nullable else [])]}
    row_schema = {**_list_of(value), "minItems": width, "maxItems": width}
    shape = {"prefixItems": [_SIZE, {"const": width}], "minItems": 2, "maxItems": 2}
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", **shape},
            "datatype": {"enum": list(*datatypes)},
            "data": {
                "description": "Row by row; flat, or one list per row.",
                "anyOf": [_list_of(row_schema), _list_of(value)],
            },
        },
    }
    return [{"type": "array", "prefixItems": [tensor], "minItems": 1, "maxItems": 1}]


def _datatypes(column: Column) -> list[str]:
    own = datatypes.of_column(column)
    return ["FP32", "FP64"] if own in {"FP32", "FP64"} else [own]


def ref(name: str) -> JSON:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def native_example(endpoint: EndpointDescription) -> JSON:
    """A request in the native dialect."""
    return {"instances": [endpoint.example_row]}


def v2_example(endpoint: EndpointDescription) -> JSON:
    """A request in the Open Inference Protocol."""
    example = endpoint.example_row
    return {
        "inputs": [
            {
                "name": column.name,
                "shape": [1, *(size or 1 for size in column.shape)],
                "datatype": datatypes.of_column(column),
                "data": [example[column.name]],
            }
            for column in endpoint.inputs
        ]
    }


def _in_json(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
