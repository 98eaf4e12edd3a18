"""What schemathesis has to know of bodies that fit the OpenAPI document.

JSON Schema cannot say that lists are of one length, that a tensor's data fills its shape, or that
a model takes no values near the largest double. Bodies are made to fit in the first two before
they are sent; what may still be refused stands in `REASONS`.
"""

import re

import schemathesis
from schemathesis import GenerationMode

REASONS = (
    # Values that overflow within a model, which says so itself.
    r"the model does not take these rows: (row \d+.*: )?the rows hold NaN or infinities",
    # The same output may be listed twice with different parameters.
    r"output '.*' already exists in request",
    # Labels have no order, so that there are no likeliest among them.
    r"'classification' orders numbers, and this output has none",
    # JSON Schema calls 3.0 an integer, too.
    r"output '.*': 'classification' must be a number of classes, got \d[\d.e+]*$",
    r"'id' must be a string, got -?\d[\d.e+]*$",
    # What stands in the lines of a text.
    r"the first line must name the columns: ",
    r"the body is (empty|not CSV)",
    r"a line of the body has",
)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Make the lists of a body that should be taken as long as they say that they are."""
    if case.meta.generation.mode == GenerationMode.POSITIVE and isinstance(case.body, dict):
        case.body = fitted(case.body)


@schemathesis.check
def refused_for_known_reasons_alone(context, response, case):
    """Hold each refusal of a body that fits the document against the reasons."""
    positive = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if positive and response.status_code == 400:
        said = response.json()["error"]
        assert any(re.match(reason, said) for reason in REASONS), said


def fitted(body):
    """A body of which all lists that belong together are of one length."""
    inputs, instances = body.get("inputs"), body.get("instances")
    if isinstance(inputs, dict):
        return {**body, "inputs": _table(inputs)}
    if isinstance(inputs, list) and all(isinstance(one, dict) and "shape" in one for one in inputs):
        return {**body, "inputs": _tensors(inputs)}
    if isinstance(instances, list):
        return {**body, "instances": [_table(one) for one in instances]}
    return body


def _table(columns):
    if not isinstance(columns, dict) or not all(isinstance(v, list) for v in columns.values()):
        return columns
    rows = min((len(values) for values in columns.values()), default=0)
    return {name: values[:rows] for name, values in columns.items()}


def _tensors(tensors):
    if len(tensors) == 1 and len(tensors[0]["shape"]) == 2:
        (tensor,) = tensors
        data, width = tensor["data"], tensor["shape"][1]
        nested = bool(data) and isinstance(data[0], list)
        rows = len(data) if nested else len(data) // width
        kept = data if nested else data[: rows * width]
        return [{**tensor, "shape": [rows, width], "data": kept}]
    rows = min((len(tensor["data"]) for tensor in tensors), default=0)
    return [
        {**tensor, "shape": [rows, *tensor["shape"][1:]], "data": tensor["data"][:rows]}
        for tensor in tensors
    ]
