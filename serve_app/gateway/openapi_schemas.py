"""JSON schemas of what an endpoint takes and answers, derived from its signature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from serve_app.core.policy import Policy
from serve_app.core.signature import Column, Output
from serve_app.protocols import feedback, methods, oip_outputs

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
    if column.shape:
        return _nested({"type": _json_type(column)}, column.shape)
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


def _nested(value: JSON, shape: tuple[int | None, ...]) -> JSON:
    """Lists in lists, of the sizes of a tensor."""
    for size in reversed(shape):
        value = _list_of(value)
        if size is not None:
            value |= {"minItems": size, "maxItems": size}
    return value


def table(described: EndpointDescription) -> JSON:
    """Rows as an object of columns; all have as many values, which no schema can say."""
    policy = described.policy
    columns = {column.name: _column(column, policy) for column in described.inputs}
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


def request(described: EndpointDescription) -> JSON:
    """The body of a prediction request in the native dialect."""
    name = described.name
    signatures = [*methods.signatures(described.output), None]
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
                "description": "`predict_proba` and `raw_scores`, where there are any, make "
                "those the predictions.",
                "enum": signatures,
            },
        },
    }


def examples(described: EndpointDescription) -> JSON:
    """The body of a request of TensorFlow Serving's classify or regress."""
    row_schema = row(described)
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


def infer_request(described: EndpointDescription) -> JSON:
    """The body of a request in the Open Inference Protocol."""
    names = oip_outputs.names(described.output)
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
                "anyOf": [_tensors(described), *_matrix(described)],
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


def _tensors(described: EndpointDescription) -> JSON:
    columns = [_tensor(column, described.policy) for column in described.inputs]
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
            "data": _list_of(cell(column, policy)),
        },
    }


def _matrix(described: EndpointDescription) -> list[JSON]:
    """The schema of a single tensor, where all columns are of one datatype."""
    if any(column.shape for column in described.inputs):
        return []
    datatypes = {tuple(_datatypes(column)) for column in described.inputs}
    if len(datatypes) != 1:
        return []
    width = len(described.inputs)
    kinds = {_json_type(column) for column in described.inputs}
    nullable = all(described.policy.null(column) != "refuse" for column in described.inputs)
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
    own = oip_outputs.datatype(column)
    return ["FP32", "FP64"] if own in {"FP32", "FP64"} else [own]


def ref(name: str) -> JSON:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def answer(described: EndpointDescription) -> JSON:
    """The body of an answer in the native dialect."""
    output = described.output
    number: JSON = {"type": ["number", "null"]}
    value = number
    if output.kind == "classification":
        value = {"enum": list(output.labels)} if output.labels else {}
    if output.kind == "tensors":
        value = {"type": "object", "required": [column.name for column in output.columns]}
    value = value if output.width == 1 else _list_of(value)
    if output.probabilities or output.raw_scores:
        value = {"anyOf": [value, number, _list_of(number)]}
    predictions = _list_of(value)
    properties: JSON = {
        "predictions": {"description": "One per row.", **predictions},
        "outputs": {"description": "The same, where columns were sent.", **predictions},
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
    if output.columns:
        properties["outputs"] = {
            "description": "What a graph gives beside, by its own names; or the predictions again, "
            "where columns were sent.",
            "type": ["object", "array"],
        }
    if output.probabilities:
        properties["probabilities"] = _list_of(_list_of(number))
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
                "shape": [1, *(size or 1 for size in column.shape)],
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
    if column.shape:
        value = _made_up(replace(column, shape=()))
        for size in reversed(column.shape):
            value = [value] * (size or 1)
        return value
    kind = _json_type(column)
    if kind == "boolean":
        return False
    if kind == "string":
        return "text"
    value = column.minimum if column.minimum is not None else column.maximum
    return int(value or 0) if kind == "integer" else float(value or 0)


def _in_json(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


FEEDBACK: JSON = {
    "type": "object",
    "anyOf": [
        {"required": ["truth"], "properties": {"truth": {"not": {"type": "null"}}}},
        {"required": ["reward"], "properties": {"reward": {"type": "number"}}},
    ],
    "properties": {
        "prediction_id": {
            "description": "The one that the answer told.",
            "type": ["string", "null"],
            "minLength": 1,
            "maxLength": feedback.MAX_ID_CHARACTERS,
        },
        "truth": {"description": "What was right, one value per row."},
        "reward": {
            "description": "How good the prediction was; more is better.",
            "type": ["number", "null"],
            "minimum": -feedback.MAX_REWARD,
            "maximum": feedback.MAX_REWARD,
        },
        "variants": {
            "description": "Those of the answer.",
            "type": ["array", "null"],
            "items": {"type": "string", "maxLength": feedback.MAX_ID_CHARACTERS},
            "maxItems": feedback.MAX_VARIANTS,
        },
    },
}
FEEDBACK_ANSWER: JSON = {
    "type": "object",
    "required": ["endpoint", "prediction_id", "outcome", "request_id"],
    "properties": {
        "endpoint": {"type": "string"},
        "prediction_id": {"type": ["string", "null"]},
        "outcome": {
            "description": "New, added to what was known of the prediction, or known already.",
            "enum": ["stored", "completed", "known"],
        },
        "request_id": {"type": "string"},
    },
}
