"""The Open Inference Protocol, version 2, over HTTP: tensors in, tensors out.

https://github.com/kserve/open-inference-protocol, with the binary tensor extension of Triton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import orjson

from serve_app.core.messages import Payload, RawColumns, Response
from serve_app.core.signature import Signature
from serve_app.core.violations import shortened
from serve_app.errors import BadEncoding
from serve_app.protocols.bodies import json_body, large_json, several_targets
from serve_app.protocols.dialect import JSON_TYPES, ByPath, Call, Refusal, Reply
from serve_app.protocols.oip import binary
from serve_app.protocols.oip import bytes_body as oip_bytes
from serve_app.protocols.oip import graph as oip_graph
from serve_app.protocols.oip import outputs as oip_outputs
from serve_app.protocols.oip import words as oip_words
from serve_app.protocols.oip.outputs import AnswerForm
from serve_app.protocols.oip.tensor_limits import TensorLimits
from serve_app.protocols.oip.tensors import Tensor, plain_columns, read_tensors

EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "parameters",
    "model_configuration",
    "statistics",
)
"""What server metadata says is spoken beyond the protocol."""
BINARY = b"application/octet-stream"
_RAW = AnswerForm(as_bytes=True)


class OpenInferenceV2(ByPath):
    """One tensor per column, by name, or one matrix in the order of the schema.

    Whether a body is binary is told by the header `Inference-Header-Content-Length` alone:
    clients send JSON as application/octet-stream, and bytes without any type.
    """

    name = "oip_v2"
    media_types = JSON_TYPES | {"application/octet-stream"}

    def decode(self, call: Call) -> Payload:
        """The columns of a request.

        Raises:
            BadEncoding: not JSON, or not of this shape.
            InvalidInput: it asks for an output that there is not.
            TooLarge: more than `max_rows` rows.
        """
        header = call.headers.get(binary.HEADER)
        behind = None
        body = call.body
        if header is not None:
            body, rest = binary.split(body, header)
            if not body:
                return _raw(rest, call)
            behind = binary.Behind(rest)
        document = large_json.parse(body) or json_body.parse(body, nan=True)
        return self.of_document(document, call, behind)

    def of_document(
        self, document: dict[str, Any], call: Call, behind: binary.Behind | None = None
    ) -> Payload:
        """The columns of a document, with the bytes `behind` it; raises as `decode` does."""
        limits = TensorLimits.of(call.names, call.max_rows, shaped=call.shaped)
        plain = plain_columns(document, call.max_rows) if behind is None else None
        graph = _graph(call.signature)
        if plain is None or (graph is not None and not plain[0].keys() <= set(call.names)):
            tensors = read_tensors(document, behind, limits)
            rows = tensors[0].rows
            by_name = columns(tensors, call.names, graph, call.endpoint)
        else:
            by_name, rows = plain
            limits.check_inputs(len(by_name))
        json_body.check_rows(rows, call.max_rows)
        form = oip_outputs.form(document, oip_graph.own(call.signature))
        return Payload(
            columns=by_name,
            rows=rows,
            keys=json_body.members(document, "parameters"),
            id=json_body.identity(document),
            form=form,
            method=form.method,
        )

    def encode(self, response: Response) -> Reply:
        """The answer as tensors; what else there is to say stands in `parameters`.

        Raises:
            InvalidInput: probabilities were asked of a model that gives none.
        """
        form = response.request.payload.form or AnswerForm()
        outputs, behind = oip_outputs.written(
            response.answer.prediction, response.labels, form, response.several
        )
        body = json_body.dump(self._answered(response, outputs))
        if not behind:
            return Reply(body)
        length = (binary.HEADER.encode(), b"%d" % len(body))
        return Reply(b"".join((body, *behind)), BINARY, (length,))

    def _answered(self, response: Response, outputs: Sequence[Any]) -> dict[str, Any]:
        return {
            "model_name": response.request.endpoint,
            "model_version": ",".join(response.answer.variants),
            "id": response.request.payload.id or response.request.id,
            "outputs": outputs,
            "parameters": parameters(response),
        }

    def refuse(self, refusal: Refusal) -> Reply:
        """Triton's clients look at how a text begins."""
        return oip_words.in_common_form(refusal)


DIALECT = OpenInferenceV2()


def parameters(response: Response) -> dict[str, Any]:
    """What there is to say beside the outputs.

    Parameters are scalars in this protocol; lists are therefore JSON in a string.
    """
    answer = response.answer
    entries: dict[str, Any] = {
        "prediction_id": response.prediction_id,
        "request_id": response.request.id,
        "snapshot": response.snapshot_version,
    }
    entries.update({name: _text(value) for name, value in several_targets.about(response).items()})
    if answer.fallback:
        entries["fallback"] = True
    if answer.left_out:
        entries["left_out"] = _text([asdict(failure) for failure in answer.left_out])
    if response.warnings:
        entries["warnings"] = _text([asdict(warned) for warned in response.warnings])
    return entries


def _raw(content: memoryview, call: Call) -> Payload:
    """A body of bytes alone."""
    tensor = oip_bytes.tensor(content, call)
    json_body.check_rows(tensor.rows, call.max_rows)
    form = replace(_RAW, own=oip_graph.own(call.signature))
    by_name = columns([tensor], call.names, _graph(call.signature), call.endpoint)
    return Payload(columns=by_name, rows=tensor.rows, form=form)


def _graph(signature: Signature | None) -> Signature | None:
    return signature if signature is not None and signature.tensors else None


def columns(
    tensors: Sequence[Tensor],
    names: Sequence[str],
    graph: Signature | None = None,
    endpoint: str = "",
) -> RawColumns:
    """The columns that tensors are: one each, or a matrix of all in the order of `names`.

    Those that a `graph` takes are found by its own names for them.

    Raises:
        BadEncoding: they are neither.
    """
    if graph is not None:
        by_name = oip_graph.of_graph(tensors, graph, endpoint)
        if by_name is not None:
            return by_name
    return _tabular(tensors, names)


def _tabular(tensors: Sequence[Tensor], names: Sequence[str]) -> RawColumns:
    first = tensors[0]
    if len(tensors) == 1 and first.width == len(names) and len(first.shape) <= 2:
        return dict(zip(names, first.columns(), strict=True))
    if {tensor.shape for tensor in tensors} == {(first.rows,)}:
        by_name = {tensor.name: tensor.values for tensor in tensors}
        if len(by_name) == len(tensors):
            return by_name
    by_column: dict[str, Sequence[Any]] = {}
    for tensor in tensors:
        name = tensor.name
        if tensor.width != 1 or len(tensor.shape) > 2:
            raise BadEncoding(_misshaped(tensor, names), input=shortened(name))
        if name in by_column:
            raise BadEncoding(f"input {shortened(name)!r} stands twice", input=shortened(name))
        if tensor.rows != first.rows:
            msg = (
                f"input {shortened(name)!r} has {tensor.rows} rows, "
                f"but {shortened(first.name)!r} has {first.rows}"
            )
            raise BadEncoding(msg, input=shortened(name))
        by_column[name] = tensor.columns()[0]
    return by_column


def _misshaped(tensor: Tensor, names: Sequence[str]) -> str:
    if len(tensor.shape) > 2:
        return f"input {shortened(tensor.name)!r}: 'shape' must be [rows] or [rows, columns]"
    return (
        f"input {shortened(tensor.name)!r} has the shape {list(tensor.shape)}; send one input of "
        f"shape [rows] per column, or a single one of shape [rows, {len(names)}]"
    )


def _text(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_SERIALIZE_NUMPY).decode()
