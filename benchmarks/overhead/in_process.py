"""A gateway without Ray over models that compute next to nothing, and requests of one row for it.

What surrounds a gateway (HTTP parsing, Serve, HAProxy) is left out, so that shares of its processor
time are upper bounds, and differences between two gateways are those of what they are made of.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import orjson
from starlette.types import ASGIApp, Message, Scope

from serve_app.core.columns import Columns
from serve_app.core.identifiers import OwnedIds, PredictionIds
from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.predict import Predictor
from serve_app.gateway import app
from serve_app.gateway.context import Settings
from serve_app.gateway.routes import GatewayApp
from serve_app.monitoring.recording import Recording
from serve_app.security.limits import NO_LIMITS, RowLimiter
from serve_app.serving.untraced import Parts

COLUMNS = 20
TOGETHER = 16
"""So many requests are answered at the same time."""
TIMEOUT_S = 60.0
PATH = "/v1/models/area:predict"
ROW = {f"x{n}": float(n) for n in range(COLUMNS)}
BODY = orjson.dumps({"instances": [ROW]})
Headers = list[tuple[bytes, bytes]]


class _Instant:
    """Models that say 1.0 of every row, a turn of the event loop later."""

    async def ask(self, version: str, task: Any, columns: Columns, deadline: float) -> Any:  # noqa: ARG002
        await asyncio.sleep(0)
        return Prediction(np.ones(columns.rows))


def gateway(
    parts: Parts, *, limiter: RowLimiter = NO_LIMITS, owned: OwnedIds | None = None
) -> GatewayApp:
    """A gateway as `serving/ingress.py` builds one, of one endpoint over one version."""
    limits = Limits(max_rows=1024, max_calls=8, max_waiting_rows=20_000, slow_call_s=0.02)
    clock = time.monotonic
    calls = parts.calls(_Instant())
    coalesced = CoalescedModels(calls, clock=clock, limits=limits, coalescer=parts.coalescer)
    models = parts.models(coalesced)
    assembler = Assembler(replicas=models, inline=models, clock=clock, schema=parts.schema)
    recorder = parts.recorder(Recording())
    predictor = Predictor(clock=clock, ids=PredictionIds(), recorder=recorder, limiter=limiter)
    if owned is not None:
        predictor.mark_with(owned)
    predictor.swap(assembler.stages(Snapshot(1, "hash", {"area": _endpoint()})))
    return app.build(predictor, Settings(1_000_000, 1000))


def _endpoint() -> Endpoint:
    columns = tuple(Column(name, "float64") for name in ROW)
    variant = Variant("area@1", 1.0)
    signature = Signature(columns, Output("regression"))
    route = RouteSpec("single", (variant,), {})
    return Endpoint("area", route, signature, TIMEOUT_S, TIMEOUT_S)


async def cost_us(target: ASGIApp, headers: Headers) -> float:
    """Microseconds of processor time for each of some requests at the same time."""
    before_s = time.process_time()
    await ask_together(target, headers)
    return 1e6 * (time.process_time() - before_s) / TOGETHER


async def ask_together(target: ASGIApp, headers: Headers) -> None:
    """Have some requests answered at the same time.

    Raises:
        RuntimeError: one was not answered 200.
    """
    await asyncio.gather(*(_ask(target, headers) for _ in range(TOGETHER)))


async def _ask(target: ASGIApp, headers: Headers) -> None:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await target(_scope(headers), receive, send)
    if statuses != [200]:
        raise RuntimeError(f"a request was answered {statuses}")


def _scope(more: Headers) -> Scope:
    """What a server makes of a request, with the headers that HAProxy and clients send."""
    headers = [
        (b"host", b"127.0.0.1:8000"),
        (b"accept", b"*/*"),
        (b"user-agent", b"python-httpx/0.28"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(BODY)),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-request-id", b"0f8fad5b-d9cb-469f-a165-70867728950e"),
        (b"x-request-disconnect-disabled", b"?1"),
        *more,
    ]
    return {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "raw_path": PATH.encode(),
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "headers": headers,
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8000),
    }
