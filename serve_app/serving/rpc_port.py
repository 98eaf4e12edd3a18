"""The port of gRPC of a gateway."""

import asyncio

from serve_app.config import GatewayArgs
from serve_app.gateway import rpc
from serve_app.gateway.access import Gate
from serve_app.gateway.rpc import InferenceService
from serve_app.gateway.tls import grpc_credentials
from serve_app.serving.listeners import refuse_strangers


async def open_rpc(
    args: GatewayArgs, service: InferenceService, gate: Gate | None
) -> rpc.RpcServer | None:
    """Answer gRPC where the gateway has a port for it.

    Raises:
        ConfigError: another program has the port, or the certificate cannot be used.
    """
    if args.grpc_port is None:
        return None
    address = f"{args.grpc_host}:{args.grpc_port}"
    await asyncio.to_thread(refuse_strangers, args.grpc_port, address)
    tls = None if args.grpc_tls is None else grpc_credentials(args.grpc_tls)
    return await rpc.serve(service, address, args.max_body_bytes, gate, credentials=tls)
