"""What plain Ray Serve's proxy registers for gRPC: one method, whose bytes replicas read."""

from __future__ import annotations

from typing import Any

import grpc

from benchmarks.peers.typed import METHOD
from serve_app.protocols.oip.messages import SERVICE


def add_to_server(servicer: Any, server: Any) -> None:
    """Register as generated code does; Ray Serve puts its own call in place of the servicer's."""
    handler: Any = grpc.unary_unary_rpc_method_handler(servicer.ModelInfer)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),)
    )
