"""The Open Inference Protocol over gRPC: messages to columns and answers to messages.

Answers always carry `raw_output_contents`: tritonclient reads nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from serve_app.core.messages import Payload, Response
from serve_app.core.signature import Signature
from serve_app.core.violations import shortened
from serve_app.errors import BadEncoding
from serve_app.protocols import binary, json_body, oip_graph, oip_outputs, oip_v2
from serve_app.protocols.oip_messages import message
from serve_app.protocols.tensors import (
    Tensor,
    check_datatype,
    checked,
    checked_shape,
    count,
    uncoded,
)

_CONTENTS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def decode(
    request: Any, names: Sequence[str], *, max_rows: int, signature: Signature | None = None
) -> Payload:
    """The columns of a `ModelInferRequest`; `signature` is that of the endpoint.

    Raises:
        BadEncoding: a tensor is not what it says of itself.
        InvalidInput: it asks for an output that there is not.
        TooLarge: more than `max_rows` rows.
    """
    raw = request.raw_input_contents
    inputs = request.inputs
    if not inputs:
        raise BadEncoding("the request has no inputs; send a tensor per column")
    if raw and len(raw) != len(inputs):
        msg = f"there are {len(inputs)} inputs and {len(raw)} raw_input_contents; send one of each"
        raise BadEncoding(msg, inputs=len(inputs), raw=len(raw))
    tensors = (
        [_raw(tensor, content) for tensor, content in zip(inputs, raw, strict=True)]
        if raw
        else [_typed(tensor) for tensor in inputs]
    )
    rows = tensors[0].rows
    json_body.check_rows(rows, max_rows)
    outputs = [
        {"name": output.name, "parameters": _plain(output.parameters)} for output in request.outputs
    ]
    parameters = _plain(request.parameters)
    form = oip_outputs.form({"outputs": outputs}, oip_graph.own(signature))
    graph = signature if signature is not None and signature.tensors else None
    return Payload(
        columns=oip_v2.columns(tensors, names, graph),
        rows=rows,
        keys=parameters,
        id=request.id or None,
        form=form,
        method=form.method,
    )


def encode(response: Response) -> Any:
    """The `ModelInferResponse` of an answer.

    Raises:
        InvalidInput: probabilities were asked of a model that gives none.
    """
    form = response.request.payload.form
    outputs, contents = oip_outputs.written(
        response.answer.prediction,
        response.labels,
        oip_outputs.all_as_bytes(form),
        response.several,
    )
    answer = message("ModelInferResponse")(
        model_name=response.request.endpoint,
        model_version=",".join(response.answer.variants),
        id=response.request.payload.id or response.request.id,
        raw_output_contents=contents,
    )
    for output in outputs:
        answer.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
    for name, value in oip_v2.parameters(response).items():
        kind = "bool_param" if isinstance(value, bool) else "string_param"
        kind = "int64_param" if type(value) is int else kind
        setattr(answer.parameters[name], kind, value)
    return answer


def metadata(endpoint: str, signature: Signature, versions: Sequence[str]) -> Any:
    """The `ModelMetadataResponse` of an endpoint."""
    return message("ModelMetadataResponse")(**oip_outputs.metadata(endpoint, signature, versions))


def _raw(tensor: Any, content: bytes) -> Tensor:
    shown = shortened(tensor.name)
    if tensor.HasField("contents"):
        msg = (
            "contents field must not be specified when using raw_input_contents for input "
            f"{shown!r}"
        )
        raise BadEncoding(msg, input=shown)
    shape = checked_shape(list(tensor.shape), shown)
    check_datatype(tensor.datatype, binary.DATATYPES, shown)
    values: Any = binary.read(memoryview(content), tensor.datatype, count(shape), shown)
    return Tensor(tensor.name, shape, uncoded(values, _plain(tensor.parameters), shown))


def _typed(tensor: Any) -> Tensor:
    shown = shortened(tensor.name)
    shape = checked_shape(list(tensor.shape), shown)
    datatype = tensor.datatype
    check_datatype(datatype, _CONTENTS.keys(), shown)
    values: list[Any] = list(getattr(tensor.contents, _CONTENTS[datatype]))
    if datatype == "BYTES":
        values = _texts(values, shown)
    found = checked(tensor.name, shape, datatype, values)
    return found._replace(values=uncoded(found.values, _plain(tensor.parameters), shown))


def _texts(values: Sequence[bytes], shown: str) -> list[str]:
    try:
        return [value.decode() for value in values]
    except UnicodeDecodeError:
        raise BadEncoding(f"input {shown!r} holds text that is not UTF-8", input=shown) from None


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as values; one that holds none is left out."""
    chosen = {name: one.WhichOneof("parameter_choice") for name, one in parameters.items()}
    return {
        name: getattr(parameters[name], kind) for name, kind in chosen.items() if kind is not None
    }
