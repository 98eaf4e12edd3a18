"""`python -m benchmarks.overhead.telemetry`: what tracing costs a gateway in processor time.

One gateway without Ray answers one-row requests over models that compute next to nothing: with
telemetry not configured, with nothing sampled, and with all sampled, in turns of a few requests, of
which medians are taken. What surrounds a gateway (HTTP parsing, Serve, HAProxy) is left out, so
that the shares are upper bounds. Spans end in the bounded outbox of a real gateway; what sends them
is not counted. Shares between are computed, since a median would not see what is sampled rarely.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from rich.console import Console
from rich.table import Table
from starlette.types import ASGIApp, Message, Scope

from serve_app.config import TelemetrySettings
from serve_app.core.columns import Columns
from serve_app.core.identifiers import PredictionIds
from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.coalesced import CoalescedModels, Limits
from serve_app.engine.predict import Predictor
from serve_app.gateway import app
from serve_app.gateway.context import Settings
from serve_app.monitoring.recording import Recording
from serve_app.monitoring.telemetry.destination import resource_of
from serve_app.monitoring.telemetry.outbox import SpanOutbox
from serve_app.monitoring.telemetry.sampling import Sampling
from serve_app.monitoring.telemetry.tracing import Tracing
from serve_app.serving.open_telemetry import TracedParts
from serve_app.serving.untraced import Parts

COLUMNS = 20
TOGETHER = 16
PATH = "/v1/models/area:predict"
ROW = {f"x{n}": float(n) for n in range(COLUMNS)}
BODY = orjson.dumps({"instances": [ROW]})


class _Instant:
    """Models that say 1.0 of every row, a turn of the event loop later."""

    async def ask(self, version: str, task: Any, columns: Columns, deadline: float) -> Any:  # noqa: ARG002
        await asyncio.sleep(0)
        return Prediction(np.ones(columns.rows))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and show microseconds for each request and shares of what was before."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead.telemetry")
    parser.add_argument("--turns", type=int, default=2000, help=f"of {TOGETHER} requests each")
    options = parser.parse_args(arguments)
    off_us, none_us, all_us = asyncio.run(_measured(options.turns))
    table = Table("telemetry", "µs of processor time", "share")
    table.add_row("not configured", f"{off_us:.1f}", "1.000")
    for ratio in (0.0, 0.01, 0.1, 1.0):
        cost_us = (1 - ratio) * none_us + ratio * all_us
        table.add_row(f"sampling {ratio:g}", f"{cost_us:.1f}", f"{cost_us / off_us:.3f}")
    Console().print(table)
    return 0


async def _measured(turns: int) -> list[float]:
    """The median cost of a request: telemetry not configured, nothing sampled, all sampled."""
    outbox = SpanOutbox()
    ways = (Parts(), _traced(outbox, 0.0), _traced(outbox, 1.0))
    targets = [_gateway(parts) for parts in ways]
    costs: list[list[float]] = [[] for _ in targets]
    gc.collect()
    gc.disable()
    for turn in range(turns):
        for target, own in zip(targets, costs, strict=True):
            own.append(await _cost_us(target))
            outbox.take()
        if turn % 100 == 0:
            gc.collect()
    return [statistics.median(own) for own in costs]


def _traced(outbox: SpanOutbox, ratio: float) -> Parts:
    source = random.Random(1)
    resource = resource_of(TelemetrySettings(), "gateway", "r")
    return TracedParts(
        Tracing(
            outbox,
            resource,
            Sampling(ratio),
            draw=source.random,
            bits=source.getrandbits,
        )
    )


def _gateway(parts: Parts) -> ASGIApp:
    """A gateway as `serving/ingress.py` builds one, of one endpoint over one version."""
    limits = Limits(max_rows=1024, max_calls=8, max_waiting_rows=20_000, slow_call_s=0.02)
    clock = time.monotonic
    calls = parts.calls(_Instant())
    coalesced = CoalescedModels(calls, clock=clock, limits=limits, coalescer=parts.coalescer)
    models = parts.models(coalesced)
    assembler = Assembler(replicas=models, inline=models, clock=clock, schema=parts.schema)
    recorder = parts.recorder(Recording())
    predictor = Predictor(clock=clock, ids=PredictionIds(), recorder=recorder)
    predictor.swap(assembler.stages(Snapshot(1, "hash", {"area": _endpoint()})))
    return parts.app(app.build(predictor, Settings(1_000_000, 1000)))


def _endpoint() -> Endpoint:
    columns = tuple(Column(name, "float64") for name in ROW)
    variant = Variant("area@1", 1.0)
    signature = Signature(columns, Output("regression"))
    return Endpoint("area", RouteSpec("single", (variant,), {}), signature, 1.0, 1.0)


async def _cost_us(target: ASGIApp) -> float:
    """Microseconds of processor time for each of some requests at the same time."""
    before_s = time.process_time()
    await asyncio.gather(*(_ask(target) for _ in range(TOGETHER)))
    return 1e6 * (time.process_time() - before_s) / TOGETHER


async def _ask(target: ASGIApp) -> None:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": BODY, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await target(_scope(), receive, send)
    if statuses != [200]:
        raise RuntimeError(f"a request was answered {statuses}")


def _scope() -> Scope:
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


if __name__ == "__main__":
    raise SystemExit(main())
