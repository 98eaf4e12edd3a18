"""The ceiling: what Python can do on this machine for this one model and nothing else.

A raw ASGI application, orjson, the Pipeline taken apart by hand (a dictionary per string
column, arithmetic on numbers as scikit-learn does it) and its trees as one ONNX graph. No
validation, no routing, no versions, no framework. Beside it gRPC in the same loop (`rpc.py`).

Settings: uvicorn with uvloop and httptools, no access log, no interval of headers to add,
one worker per core; onnxruntime computes with one thread in the caller's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmarks.peers.ceiling import rpc
from benchmarks.peers.ceiling.census import answered

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
    """Answer every request as a prediction."""
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            if event["type"] == "lifespan.startup":
                await rpc.serve()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return
    parts: list[bytes] = []
    while True:
        event = await receive()
        parts.append(event.get("body", b""))
        if not event.get("more_body"):
            break
    body = answered(b"".join(parts))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
