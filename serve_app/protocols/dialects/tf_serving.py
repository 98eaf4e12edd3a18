"""TensorFlow Serving's REST API: predict, classify, regress, status and metadata.

https://www.tensorflow.org/tfx/serving/api_rest
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.core.columns import Array
from serve_app.core.messages import PREDICT_PROBA, Payload, Response
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.violations import value_text
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import methods
from serve_app.protocols.bodies import json_body, rows, several_targets
from serve_app.protocols.dialect import ANY, ByPath, Call, Refusal, Reply

_TYPES = {
    "float32": "DT_FLOAT", "float64": "DT_DOUBLE", "bool": "DT_BOOL", "string": "DT_STRING",
    **{f"{sign}int{bits}": f"DT_{sign.upper()}INT{bits}" for sign in ("", "u")
       for bits in (8, 16, 32, 64)},
}  # fmt: skip

_OF_LABELS = {bool: "bool", int: "int64", float: "float64"}


class PredictDialect(ByPath):
    """`{"instances": [row, …]}` or `{"inputs": columns}`; nothing but predictions back.

    `signature_name` `predict_proba` or `raw_scores` makes those the predictions. Numbers that
    JSON does not have are written as TensorFlow Serving writes them, NaN and Infinity.
    """

    name = "tf_serving_predict"
    media_types = ANY

    def decode(self, call: Call) -> Payload:
        """The columns of a body.

        Raises:
            BadEncoding: not JSON, or not of this shape.
            InvalidInput: there is no such signature, or rows and columns do not fit.
            TooLarge: more than `max_rows` rows.
        """
        document = json_body.parse(call.body, nan=True)
        method = methods.of_signature(document)
        given = [key for key in ("instances", "inputs") if key in document]
        if len(given) != 1:
            msg = "the body must have one of 'instances' (rows) and 'inputs' (columns)"
            raise BadEncoding(msg, known=["instances", "inputs"])
        (key,) = given
        if key == "inputs":
            columns, count = rows.of_columns(document[key], call.names, call.max_rows)
        else:
            instances = document[key]
            if not isinstance(instances, list) or not instances:
                msg = (
                    f"no values in 'instances': it must be a list of rows, "
                    f"got {value_text(instances)}"
                )
                raise BadEncoding(msg, key=key)
            json_body.check_rows(len(instances), call.max_rows)
            columns, count = rows.of_rows(instances, call.names), len(instances)
        json_body.check_rows(count, call.max_rows)
        return Payload(columns=columns, rows=count, form=key, method=method)

    def encode(self, response: Response) -> Reply:
        """`{"predictions": …}` to rows, `{"outputs": …}` to columns.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        name = "outputs" if response.request.payload.form == "inputs" else "predictions"
        values = methods.answered(response)
        output = response.several
        if output is None or response.request.payload.method != PREDICT_PROBA:
            return Reply(json_body.dump_tokens({name: json_body.plain(values)}))
        return Reply(json_body.dump_tokens({name: _shares(values, output, name)}))


def _shares(values: Array, output: Output, name: str) -> Any:
    """The probabilities of several targets; those of classes as outputs of their own, by name."""
    if not several_targets.is_split(output):
        return json_body.plain(values)
    by_name = {
        target: part.tolist() for target, part in several_targets.parts(values, output).items()
    }
    if name == "outputs":
        return by_name
    return [dict(zip(by_name, row, strict=True)) for row in zip(*by_name.values(), strict=True)]


class _Examples(ByPath):
    """Bodies of `{"examples": [{column: value}], "context": {column: value}}`."""

    media_types = ANY

    def decode(self, call: Call) -> Payload:
        """The columns of the examples; the context's values are those of every example.

        Raises:
            BadEncoding: not JSON, or not of this shape.
            TooLarge: more than `max_rows` examples.
        """
        document = json_body.parse(call.body)
        examples = document.get("examples")
        if not isinstance(examples, list) or not all(isinstance(one, dict) for one in examples):
            msg = f"'examples' must be a list of objects, got {value_text(examples)}"
            raise BadEncoding(msg, key="examples")
        json_body.check_rows(len(examples), call.max_rows)
        context = json_body.members(document, "context")
        merged = [
            {name: _value(name, value) for name, value in {**context, **one}.items()}
            for one in examples
        ]
        return Payload(columns=rows.of_rows(merged, call.names), rows=len(merged))


class Classify(_Examples):
    """Each class of each example with its probability, in the order of the labels.

    Where a row is several things at once, each of them with the probability that it is.
    """

    name = "tf_serving_classify"

    def encode(self, response: Response) -> Reply:
        """`{"results": [[[label, probability], …], …]}`.

        Raises:
            InvalidInput: the endpoint gives no probabilities.
        """
        shares = response.answer.prediction.probabilities
        if shares is None:
            msg = "this endpoint gives no probabilities of classes; use :predict or :regress"
            raise InvalidInput(msg)
        output = response.several
        if several_targets.is_split(output):
            msg = "this endpoint gives a class of each of several targets; use :predict"
            raise InvalidInput(msg)
        labels = [str(label) for label in response.labels]
        if output is not None:
            labels = several_targets.names(output)
        results = [
            [list(pair) for pair in zip(labels, row, strict=True)] for row in shares.tolist()
        ]
        return Reply(json_body.dump({"results": results}))


class Regress(_Examples):
    """One number for each example."""

    name = "tf_serving_regress"

    def encode(self, response: Response) -> Reply:
        """`{"results": [number, …]}`.

        Raises:
            InvalidInput: the endpoint gives classes, or several numbers per row.
        """
        values = response.answer.prediction.values
        if response.labels or values.ndim > 1 or values.dtype.kind not in "iuf":
            msg = "this endpoint does not give one number per row; use :predict or :classify"
            raise InvalidInput(msg)
        return Reply(json_body.dump({"results": json_body.plain(values.astype(float))}))


PREDICT = PredictDialect()
CLASSIFY = Classify()
REGRESS = Regress()


_FIRST_WORDS = (
    ("the body is empty", "JSON Parse error: The document is empty"),
    ("the body is not JSON", "JSON Parse error: Invalid value"),
    ("the body is not UTF-8", "JSON Parse error: Invalid encoding in string"),
    ("there is no endpoint", "Servable not found for request"),
    ("endpoint ", "Servable not found for request"),
)
"""How TensorFlow Serving begins what is told here in other words; its clients search for that."""
_LABEL = "has no version labelled"


def refuse(refusal: Refusal) -> Reply:
    """An error as TensorFlow Serving says it: its own first words, where it has some, and ours."""
    message = refusal.message
    first = next((theirs for ours, theirs in _FIRST_WORDS if message.startswith(ours)), "")
    if _LABEL in message and refusal.status == 400:
        first = "Unrecognized servable version label"
    elif first.startswith("Servable") and refusal.status != 404:
        first = ""
    return json_body.only_error(
        refusal._replace(message=f"{first}: {message}" if first else message)
    )


_AVAILABLE = ("AVAILABLE", {"error_code": "OK", "error_message": ""})
_AWAY = ("LOADING", {"error_code": "UNAVAILABLE", "error_message": "no replica could answer"})


def status(versions: Mapping[str, bool]) -> dict[str, Any]:
    """The versions of an endpoint, and whether each could answer."""
    return {
        "model_version_status": [
            {"version": version, "state": state, "status": status}
            for version, alive in versions.items()
            for state, status in (_AVAILABLE if alive else _AWAY,)
        ]
    }


def metadata(endpoint: str, signature: Signature, versions: Sequence[str]) -> dict[str, Any]:
    """What an endpoint takes and gives, as TensorFlow describes signatures."""
    output = signature.output
    labels = several_targets.all_labels(output) if output.targets else output.labels
    classes = {type(label) for label in labels}
    predicted = _OF_LABELS.get(next(iter(classes)), "string") if len(classes) == 1 else "string"
    predicted = predicted if classes else "float64"
    outputs = {"serving_default": [_tensor("predictions", predicted, output.width)]}
    for method in methods.given(output):
        if method.name == PREDICT_PROBA:
            sizes = {"probabilities": output.shares}
            if several_targets.is_split(output):
                sizes = {target.name: len(target.labels) for target in output.targets}
            outputs[method.name] = [
                _tensor(name, "float64", size, always_wide=True) for name, size in sizes.items()
            ]
        elif method.width(output):
            outputs[method.name] = [_tensor(method.name, "float64", method.width(output))]
    inputs = {column.name: _input(column) for column in signature.inputs}
    signatures = {
        name: {
            "inputs": inputs,
            "outputs": {tensor["name"].rpartition(":")[0]: tensor for tensor in tensors},
            "method_name": "tensorflow/serving/predict",
            "defaults": {},
        }
        for name, tensors in outputs.items()
    }
    return {
        "model_spec": {"name": endpoint, "signature_name": "", "version": ",".join(versions)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _input(column: Column) -> dict[str, Any]:
    # Dates and decimals are text to it.
    return _tensor(column.name, column.dtype if column.is_numeric else "string", 1)


def _tensor(name: str, dtype: str, width: int, *, always_wide: bool = False) -> dict[str, Any]:
    sizes = [-1, width] if width > 1 or always_wide else [-1]
    shape = {
        "dim": [{"size": str(size), "name": ""} for size in sizes],
        "unknown_rank": False,
    }
    return {"dtype": _TYPES[dtype], "tensor_shape": shape, "name": f"{name}:0"}


def _value(name: str, value: Any) -> Any:
    """A feature's value, which may stand in a list of its own."""
    if isinstance(value, list):
        if len(value) != 1:
            msg = f"column {name[:80]!r} has {len(value)} values in one example, and takes one"
            raise BadEncoding(msg, column=name[:80])
        return value[0]
    if isinstance(value, Mapping):
        raise BadEncoding(f"column {name[:80]!r} must be a value, got {value_text(value)}")
    return value
