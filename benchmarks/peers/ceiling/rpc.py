"""The ceiling of gRPC: typed tensors of the Open Inference Protocol, one method, grpc.aio.

Every worker listens on the same port, and the kernel shares connections among them.
"""

from __future__ import annotations

import os
from typing import Any

import grpc
import numpy as np

from benchmarks.peers.ceiling.census import NUMBERS, predicted
from serve_app.protocols.oip.messages import SERVICE, message

_request, _response = message("ModelInferRequest"), message("ModelInferResponse")
_servers: list[grpc.aio.Server] = []


async def serve() -> None:
    """Listen; the server lives as long as the process."""
    handler: Any = grpc.unary_unary_rpc_method_handler(
        _infer,
        request_deserializer=_request.FromString,
        response_serializer=lambda answer: answer.SerializeToString(),
    )
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {"ModelInfer": handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{os.environ['BENCH_GRPC_PORT']}")
    await server.start()
    _servers.append(server)


async def _infer(request: Any, _context: Any) -> Any:
    found = np.asarray(predicted(_rows(request)), dtype=np.float64)
    answer = _response(model_name=request.model_name)
    output = answer.outputs.add(name="predict_proba", datatype="FP64", shape=found.shape)
    output.contents.fp64_contents.extend(found.ravel().tolist())
    return answer


def _rows(request: Any) -> list[dict[str, Any]]:
    columns: dict[str, Any] = {}
    for tensor in request.inputs:
        if tensor.name in NUMBERS:
            columns[tensor.name] = tensor.contents.fp64_contents
        else:
            columns[tensor.name] = [value.decode() for value in tensor.contents.bytes_contents]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
