"""The Open Inference Protocol over gRPC: messages to columns and answers to messages.

An answer is raw where the client shows that it reads `raw_output_contents` (`_reads_raw`), else
typed: Triton's clients read nothing but the one, others nothing but the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from serve_app.core.messages import Payload, Response
from serve_app.core.signature import Signature
from serve_app.core.violations import shortened
from serve_app.errors import BadEncoding
from serve_app.protocols.bodies import json_body
from serve_app.protocols.oip import binary
from serve_app.protocols.oip import graph as oip_graph
from serve_app.protocols.oip import outputs as oip_outputs
from serve_app.protocols.oip import v2 as oip_v2
from serve_app.protocols.oip.flat_data import count
from serve_app.protocols.oip.messages import message
from serve_app.protocols.oip.outputs import AnswerForm
from serve_app.protocols.oip.tensor_limits import TensorLimits
from serve_app.protocols.oip.tensors import (
    Tensor,
    capitals,
    check_count,
    check_datatype,
    checked,
    checked_shape,
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
    graph = signature if signature is not None and signature.tensors else None
    if graph is not None and not request.inputs:
        oip_graph.check_given([], graph, request.model_name)
    shaped = graph is not None and any(column.shape for column in graph.inputs)
    tensors = _tensors(request, TensorLimits.of(names, max_rows, shaped=shaped))
    rows = tensors[0].rows
    json_body.check_rows(rows, max_rows)
    outputs = [
        {"name": output.name, "parameters": _plain(output.parameters)} for output in request.outputs
    ]
    parameters = _plain(request.parameters)
    form = oip_outputs.form(
        {"outputs": outputs, "parameters": parameters}, oip_graph.own(signature)
    )
    form = replace(form, as_bytes=_reads_raw(request, form, parameters))
    return Payload(
        columns=oip_v2.columns(tensors, names, graph, request.model_name),
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
        oip_outputs.in_one_form(form),
        response.several,
    )
    answer = message("ModelInferResponse")(
        model_name=response.request.endpoint,
        model_version=",".join(response.answer.variants),
        id=response.request.payload.id or response.request.id,
        raw_output_contents=contents,
    )
    for output in outputs:
        datatype = output["datatype"]
        tensor = answer.outputs.add(name=output["name"], datatype=datatype, shape=output["shape"])
        if not form.as_bytes:
            getattr(tensor.contents, _CONTENTS[datatype]).extend(_listed(output["data"], datatype))
    for name, value in oip_v2.parameters(response).items():
        kind = "bool_param" if isinstance(value, bool) else "string_param"
        kind = "int64_param" if type(value) is int else kind
        setattr(answer.parameters[name], kind, value)
    return answer


def metadata(endpoint: str, signature: Signature, versions: Sequence[str]) -> Any:
    """The `ModelMetadataResponse` of an endpoint."""
    return message("ModelMetadataResponse")(**oip_outputs.metadata(endpoint, signature, versions))


def _reads_raw(request: Any, form: AnswerForm, parameters: Mapping[str, Any]) -> bool:
    """Whether a client shows that it reads raw contents.

    It writes them itself, as tritonclient does; or asks for them, as over HTTP; or names outputs
    by a graph's own names, as those of Triton's examples do that write typed and read raw. KServe's
    and MLServer's clients name other outputs, or none.
    """
    if request.raw_input_contents:
        return True
    flags = [one.as_bytes for one in form.wanted if one.as_bytes is not None]
    if "binary_data_output" in parameters:
        flags.append(form.as_bytes)
    if flags:
        return any(flags)
    own = set() if form.own is None else {column.name for column in form.own.columns}
    return any(one.name in own for one in form.wanted)


def _listed(data: Any, datatype: str) -> list[Any]:
    """The values of an output as messages take them."""
    values: list[Any] = data.tolist() if isinstance(data, np.ndarray) else data
    return [str(value).encode() for value in values] if datatype == "BYTES" else values


def _tensors(request: Any, limits: TensorLimits) -> list[Tensor]:
    """The inputs, which are all typed or all raw."""
    raw, inputs = request.raw_input_contents, request.inputs
    if not inputs:
        raise BadEncoding("the request has no inputs; send a tensor per column")
    limits.check_inputs(len(inputs))
    if not raw:
        return [_typed(tensor, limits) for tensor in inputs]
    for tensor in inputs:
        if tensor.HasField("contents"):
            shown = shortened(tensor.name)
            msg = (
                "contents field must not be specified when using raw_input_contents for "
                f"{shown!r} for model {shortened(request.model_name)!r}"
            )
            raise BadEncoding(msg, input=shown)
    if len(raw) != len(inputs):
        msg = f"there are {len(inputs)} inputs and {len(raw)} raw_input_contents; send one of each"
        raise BadEncoding(msg, inputs=len(inputs), raw=len(raw))
    return [_raw(tensor, content, limits) for tensor, content in zip(inputs, raw, strict=True)]


def _raw(tensor: Any, content: bytes, limits: TensorLimits) -> Tensor:
    shown = shortened(tensor.name)
    shape = checked_shape(list(tensor.shape), shown)
    limits.check_shape(shape, len(content), shown)
    datatype = capitals(tensor.datatype)
    check_datatype(datatype, binary.DATATYPES, shown)
    check_count(shape, datatype, shown)
    values: Any = binary.read(memoryview(content), datatype, count(shape), shown)
    return Tensor(tensor.name, shape, uncoded(values, _plain(tensor.parameters), shown))


def _typed(tensor: Any, limits: TensorLimits) -> Tensor:
    shown = shortened(tensor.name)
    shape = checked_shape(list(tensor.shape), shown)
    datatype = capitals(tensor.datatype)
    check_datatype(datatype, _CONTENTS.keys(), shown)
    check_count(shape, datatype, shown)
    contents = getattr(tensor.contents, _CONTENTS[datatype])
    limits.check_shape(shape, len(contents), shown)
    values: list[Any] = list(contents)
    if datatype == "BYTES":
        values = _texts(values, shown)
    typed = checked(tensor.name, shape, datatype, values)
    return typed._replace(values=uncoded(typed.values, _plain(tensor.parameters), shown))


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
