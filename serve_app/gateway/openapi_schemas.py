"""JSON schemas of what an endpoint takes and answers, derived from its signature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serve_app.core.policy import Policy
from serve_app.core.signature import Column, Output
from serve_app.protocols import oip_outputs

JSON = dict[str, Any]


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
    kind: str
    example: Mapping[str, Any] | None = None
    reactions: Mapping[str, str] = field(default_factory=dict)

    @property
    def policy(self) -> Policy:
        """The reactions, as the schema of the endpoint reads them."""
        return Policy.from_json(self.reactions)

    @property
    def example_row(self) -> JSON:
        """One row that could be sent: of the training data, or else made up."""
        given = self.example or {}
        return {c.name: _in_json(given.get(c.name, _made_up(c))) for c in self.inputs}


def row(described: EndpointDescription) -> JSON:
    """A row as an object."""
    policy = described.policy
    schema: JSON = {
        "type": "object",
        "properties": {c.name: cell(c, policy) for c in described.inputs},
        "additionalProperties": policy.unknown != "refuse",
        "examples": [described.example_row],
    }
    if policy.missing == "refuse":
        schema["required"] = [column.name for column in described.inputs]
    return schema


def cells(described: EndpointDescription) -> JSON:
    """A row as a list, in the order of the columns."""
    size = len(described.inputs)
    return {
        "type": "array",
        "prefixItems": [{"title": c.name, **cell(c, described.policy)} for c in described.inputs],
        "minItems": size,
        "maxItems": size,
    }


def cell(column: Column, policy: Policy) -> JSON:
    """The value of one column; rules that only warn are told in words."""
    kind = _json_type(column)
    nullable = policy.null(column) != "refuse"
    schema: JSON = {"type": [kind, "null"] if nullable else kind}
    if kind in {"number", "integer"}:
        schema["format"] = {"float64": "double", "float32": "float"}.get(column.dtype, column.dtype)
    words = []
    if column.categories is not None:
        if policy.category == "refuse":
            schema["enum"] = [*column.categories, *([None] if nullable else [])]
        else:
            words.append("Known values: " + ", ".join(str(value) for value in column.categories))
    if kind in {"number", "integer"}:
        for bound, value in (("minimum", column.minimum), ("maximum", column.maximum)):
            if value is not None and policy.range == "refuse":
                schema[bound] = value
            elif value is not None:
                words.append(f"{bound.capitalize()} in training: {value:.15g}")
    if words:
        schema["description"] = ". ".join(words) + "."
    return schema


def request(name: str) -> JSON:
    """The body of a prediction request in the native dialect."""
    rows = [
        {"$ref": f"#/components/schemas/{name}.Row"},
        {"$ref": f"#/components/schemas/{name}.Cells"},
    ]
    return {
        "type": "object",
        "oneOf": [{"required": ["instances"]}, {"required": ["inputs"]}],
        "properties": {
            "inputs": {
                "description": "Columns in place of rows: a list of values for each.",
                "type": "object",
                "additionalProperties": {"type": "array"},
                "minProperties": 1,
            },
            "instances": {
                "description": "The rows: all of them objects, or all of them lists.",
                "type": "array",
                "items": {"anyOf": rows},
            },
            "id": {
                "description": "Given back with the answer.",
                "type": ["string", "integer", "null"],
            },
            "parameters": {
                "description": "Other named values, of which a route may use one as its key.",
                "type": ["object", "null"],
            },
        },
    }


def answer(described: EndpointDescription) -> JSON:
    """The body of an answer in the native dialect."""
    output = described.output
    value: JSON = {"type": ["number", "null"]}
    if output.kind == "classification":
        value = {"enum": list(output.labels)} if output.labels else {}
    properties: JSON = {
        "predictions": {
            "description": "One per row.",
            "type": "array",
            "items": value if output.width == 1 else {"type": "array", "items": value},
        },
        "endpoint": {"const": described.name},
        "variants": {
            "description": "The versions whose predictions are in this answer.",
            "type": "array",
            "items": {"type": "string"},
        },
        "snapshot": {"description": "The configuration that chose them.", "type": "integer"},
        "prediction_id": {"type": "string"},
        "request_id": {"type": "string"},
        "id": {"type": "string"},
        "fallback": {"description": "True when the fallback answered.", "const": True},
        "left_out": {"type": "array", "items": {"$ref": "#/components/schemas/LeftOut"}},
        "warnings": {
            "description": "The first 20 rules that were broken and only warned of.",
            "type": "array",
            "items": {"$ref": "#/components/schemas/Violation"},
        },
    }
    if output.probabilities:
        rows = {"type": "array", "items": {"type": ["number", "null"]}}
        properties["probabilities"] = {"type": "array", "items": rows}
        properties["classes"] = {"description": "What the probabilities are of.", "type": "array"}
    required = ["predictions", "endpoint", "variants", "snapshot", "prediction_id", "request_id"]
    return {"type": "object", "required": required, "properties": properties}


def native_example(described: EndpointDescription) -> JSON:
    """A request in the native dialect."""
    return {"instances": [described.example_row]}


def v2_example(described: EndpointDescription) -> JSON:
    """A request in the Open Inference Protocol."""
    example = described.example_row
    return {
        "inputs": [
            {
                "name": column.name,
                "shape": [1],
                "datatype": oip_outputs.datatype(column),
                "data": [example[column.name]],
            }
            for column in described.inputs
        ]
    }


def _json_type(column: Column) -> str:
    if column.dtype in {"float32", "float64"}:
        return "number"
    return {"bool": "boolean", "string": "string"}.get(column.dtype, "integer")


def _made_up(column: Column) -> Any:
    if column.categories:
        return column.categories[0]
    kind = _json_type(column)
    if kind == "boolean":
        return False
    if kind == "string":
        return "text"
    value = column.minimum if column.minimum is not None else column.maximum
    return int(value or 0) if kind == "integer" else float(value or 0)


def _in_json(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
