"""The JSON schema of what an endpoint answers in the native dialect."""

from __future__ import annotations

from serve_app.core.signature import Output
from serve_app.gateway.openapi.schemas import JSON, EndpointDescription
from serve_app.protocols import methods
from serve_app.protocols.bodies import several_targets


def answer(endpoint: EndpointDescription) -> JSON:
    """The body of an answer in the native dialect."""
    output = endpoint.output
    number: JSON = {"type": ["number", "null"]}
    value = _value(output, number)
    if len(methods.given(output)) > 1:
        others = [_list_of(_list_of(number))] if several_targets.is_split(output) else []
        value = {"anyOf": [value, number, _list_of(number), *others]}
    predictions = _list_of(value)
    properties: JSON = {
        "predictions": {"description": "One per row.", **predictions},
        "outputs": {"description": "The same, where columns were sent.", **predictions},
        "endpoint": {"const": endpoint.name},
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
    properties.update(
        _of_targets(output, number) if output.targets else _of_classes(output, number)
    )
    if output.columns:
        properties["outputs"] = {
            "description": "What a graph gives beside, by its own names; or the predictions "
            "again, where columns were sent.",
            "type": ["object", "array"],
        }
    required = ["predictions", "endpoint", "variants", "snapshot", "prediction_id", "request_id"]
    return {"type": "object", "required": required, "properties": properties}


def _value(output: Output, number: JSON) -> JSON:
    """What is predicted of one row."""
    if output.targets:
        each = [{"title": t.name, "enum": list(t.labels)} for t in output.targets]
        size = len(each)
        return {"type": "array", "prefixItems": each, "minItems": size, "maxItems": size}
    if output.kind == "tensors":
        return {"type": "object", "required": [column.name for column in output.columns]}
    if output.kind == "classification":
        value: JSON = {"enum": list(output.labels)} if output.labels else {}
    else:
        value = number
    return value if output.width == 1 else _list_of(value)


def _of_classes(output: Output, number: JSON) -> JSON:
    if not output.probabilities:
        return {}
    return {
        "probabilities": _list_of(_list_of(number)),
        "classes": {"description": "What the probabilities are of.", "type": "array"},
    }


def _of_targets(output: Output, number: JSON) -> JSON:
    """What stands beside the predictions of several targets."""
    properties: JSON = {}
    if output.probabilities:
        row = _list_of(_list_of(number) if several_targets.is_split(output) else number)
        properties["probabilities"] = {
            "description": "Per row and target, that of each class."
            if several_targets.is_split(output)
            else "Per row and target, that it is so.",
            **_list_of(row),
        }
    for name, value in several_targets.of_output(output).items():
        descriptions = {
            "targets": "What each value of a row is about.",
            "classes": "Those of each target.",
        }
        properties[name] = {"description": descriptions[name], "const": value}
    return properties


def _list_of(items: JSON) -> JSON:
    return {"type": "array", "items": items}
