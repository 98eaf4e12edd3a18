"""Typed tensors of the Open Inference Protocol, for servers that are written here."""

from __future__ import annotations

from typing import Any

import numpy as np

from serve_app.protocols.oip.messages import SERVICE, message

METHOD = "ModelInfer"
PATH = f"/{SERVICE}/{METHOD}"
REQUEST, RESPONSE = message("ModelInferRequest"), message("ModelInferResponse")


def rows(request: Any) -> list[dict[str, Any]]:
    """The rows of a request, which has a tensor for each column."""
    columns: dict[str, Any] = {}
    for tensor in request.inputs:
        if tensor.datatype == "BYTES":
            columns[tensor.name] = [value.decode() for value in tensor.contents.bytes_contents]
        else:
            columns[tensor.name] = tensor.contents.fp64_contents
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def answer(request: Any, probabilities: Any) -> Any:
    """The response that holds probabilities, one row for each row of the request."""
    found = np.asarray(probabilities, dtype=np.float64)
    response = RESPONSE(model_name=request.model_name)
    output = response.outputs.add(name="predict_proba", datatype="FP64", shape=found.shape)
    output.contents.fp64_contents.extend(found.ravel().tolist())
    return response
