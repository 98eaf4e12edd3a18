"""The ceiling of gRPC: typed tensors of the Open Inference Protocol, one method, grpc.aio.

Every worker listens on the same port, and the kernel shares connections among them.
"""

from __future__ import annotations

import os
from typing import Any

import grpc

from benchmarks.peers import typed
from benchmarks.peers.ceiling.census import predicted
from serve_app.protocols.oip.messages import SERVICE

_servers: list[grpc.aio.Server] = []


async def serve() -> None:
    """Listen; the server lives as long as the process."""
    handler: Any = grpc.unary_unary_rpc_method_handler(
        _infer,
        request_deserializer=typed.REQUEST.FromString,
        response_serializer=lambda answer: answer.SerializeToString(),
    )
    server = grpc.aio.server(options=[("grpc.so_reuseport", 1)])
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {typed.METHOD: handler}),)
    )
    server.add_insecure_port(f"127.0.0.1:{os.environ['BENCH_GRPC_PORT']}")
    await server.start()
    _servers.append(server)


async def _infer(request: Any, _context: Any) -> Any:
    return typed.answer(request, predicted(typed.rows(request)))
