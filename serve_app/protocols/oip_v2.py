"""The Open Inference Protocol, version 2, in JSON: tensors in, tensors out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import orjson

from serve_app.core.columns import Array
from serve_app.core.messages import Payload, Prediction, RawColumns, Response
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.violations import shortened, told
from serve_app.errors import BadEncoding, InvalidInput
from serve_app.protocols import json_body
from serve_app.protocols.tensors import Tensor, read_tensors

PREDICT = "predict"
PREDICT_PROBA = "predict_proba"
_DATATYPES = {"float32": "FP32", "float64": "FP64", "string": "BYTES"}


class OpenInferenceV2:
    """One tensor per column, by name, or one matrix in the order of the schema.

    Floats are answered as FP64 and integers as INT64 whichever variant computed them, so
    that the answer is what the metadata says.
    """

    name = "oip_v2"
    # tritonclient's asynchronous client sends JSON as application/octet-stream.
    media_types = frozenset({"application/json", "text/json", "application/octet-stream", ""})

    def decode(self, body: bytes, columns: Sequence[str], *, max_rows: int) -> Payload:
        """The columns of a request.

        Raises:
            BadEncoding: not JSON, or not of this shape.
            InvalidInput: it asks for an output that there is not.
            TooLarge: more than `max_rows` rows.
        """
        document = json_body.parse_with_nan(body)
        tensors = read_tensors(document)
        rows = tensors[0].rows
        json_body.check_rows(rows, max_rows)
        return Payload(
            columns=_columns(tensors, columns),
            rows=rows,
            keys=json_body.members(document, "parameters"),
            id=json_body.identity(document),
            outputs=_asked_outputs(document),
        )

    def encode(self, response: Response) -> bytes:
        """The answer as tensors; what else there is to say stands in `parameters`.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        answer = response.answer
        payload = response.request.payload
        parameters: dict[str, Any] = {
            "prediction_id": response.prediction_id,
            "request_id": response.request.id,
            "snapshot": response.snapshot_version,
        }
        # Parameters are scalars in this protocol; lists are therefore JSON in a string.
        if answer.prediction.probabilities is not None:
            parameters["classes"] = _text(response.labels)
        if answer.fallback:
            parameters["fallback"] = True
        if answer.left_out:
            parameters["left_out"] = _text([asdict(failure) for failure in answer.left_out])
        if response.warnings:
            parameters["warnings"] = _text([asdict(warned) for warned in response.warnings])
        return json_body.dump(
            {
                "model_name": response.request.endpoint,
                "model_version": ",".join(answer.variants),
                "id": payload.id or response.request.id,
                "outputs": _outputs(answer.prediction, payload.outputs),
                "parameters": parameters,
            }
        )


DIALECT = OpenInferenceV2()


def metadata(endpoint: str, signature: Signature, versions: Sequence[str]) -> dict[str, Any]:
    """What an endpoint takes and gives, as the protocol describes models."""
    return {
        "name": endpoint,
        "versions": list(versions),
        "platform": "serve-app",
        "inputs": [
            {
                "name": column.name,
                "datatype": datatype(column),
                "shape": [-1],
            }
            for column in signature.inputs
        ],
        "outputs": _described_outputs(signature.output),
    }


def datatype(column: Column) -> str:
    """What the protocol calls the dtype of a column."""
    return _DATATYPES.get(column.dtype, column.dtype.upper())


def _columns(tensors: Sequence[Tensor], columns: Sequence[str]) -> RawColumns:
    first = tensors[0]
    if len(tensors) == 1 and first.width == len(columns):
        return dict(zip(columns, first.columns(), strict=True))
    found: dict[str, Sequence[Any]] = {}
    for tensor in tensors:
        name = tensor.name
        if tensor.width != 1:
            msg = (
                f"input {shortened(name)!r} has the shape {list(tensor.shape)}; send one input of "
                f"shape [rows] per column, or a single one of shape [rows, {len(columns)}]"
            )
            raise BadEncoding(msg, input=shortened(name))
        if name in found:
            raise BadEncoding(f"input {shortened(name)!r} stands twice", input=shortened(name))
        if tensor.rows != first.rows:
            msg = (
                f"input {shortened(name)!r} has {tensor.rows} rows, "
                f"but {shortened(first.name)!r} has {first.rows}"
            )
            raise BadEncoding(msg, input=shortened(name))
        found[name] = tensor.columns()[0]
    return found


def _asked_outputs(document: Mapping[str, Any]) -> tuple[str, ...]:
    asked = document.get("outputs") or []
    if not isinstance(asked, list) or not all(isinstance(output, dict) for output in asked):
        raise BadEncoding("'outputs' must be a list of objects with a 'name'", key="outputs")
    names = tuple(output.get("name") for output in asked)
    for name in names:
        if not isinstance(name, str) or name not in {PREDICT, PREDICT_PROBA}:
            msg = (
                f"there is no output {told(name)}; endpoints give {PREDICT} and, where their "
                f"models know probabilities, {PREDICT_PROBA}"
            )
            raise InvalidInput(msg, known=[PREDICT, PREDICT_PROBA])
    if len(set(names)) < len(names):
        raise BadEncoding("'outputs' names the same output twice", key="outputs")
    return names


def _outputs(prediction: Prediction, asked: tuple[str, ...]) -> list[dict[str, Any]]:
    given = {PREDICT: prediction.values}
    if prediction.probabilities is not None:
        given[PREDICT_PROBA] = prediction.probabilities
    for name in asked:
        if name not in given:
            raise _no_output(name, tuple(given))
    return [_output(name, given[name]) for name in asked or given]


def _no_output(name: object, given: tuple[str, ...]) -> InvalidInput:
    msg = f"this endpoint has no output {told(name)}; it has {', '.join(given)}"
    return InvalidInput(msg, known=list(given))


def _output(name: str, values: Array) -> dict[str, Any]:
    flat = values.reshape(-1)
    return {
        "name": name,
        "shape": list(values.shape),
        "datatype": _datatype(flat),
        "data": json_body.plain(flat),
    }


def _datatype(flat: Array) -> str:
    kind = flat.dtype.kind
    if kind in "OUS":
        return _datatype_of_labels(flat.tolist())
    return {"b": "BOOL", "i": "INT64", "u": "INT64"}.get(kind, "FP64")


def _datatype_of_labels(labels: Sequence[Any]) -> str:
    kinds = {type(label) for label in labels}
    for kind, name in ((bool, "BOOL"), (int, "INT64"), (float, "FP64")):
        if kinds == {kind}:
            return name
    return "BYTES"


def _described_outputs(output: Output) -> list[dict[str, Any]]:
    shape = [-1] if output.width == 1 else [-1, output.width]
    classifies = output.kind == "classification"
    predicted = _datatype_of_labels(output.labels) if classifies else "FP64"
    described = [{"name": PREDICT, "datatype": predicted, "shape": shape}]
    if output.probabilities:
        shape = [-1, len(output.labels)]
        described.append({"name": PREDICT_PROBA, "datatype": "FP64", "shape": shape})
    return described


def _text(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()
