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
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.overhead.in_process import TOGETHER, cost_us, gateway
from serve_app.config import TelemetrySettings
from serve_app.monitoring.telemetry.destination import resource_of
from serve_app.monitoring.telemetry.outbox import SpanOutbox
from serve_app.monitoring.telemetry.sampling import Sampling
from serve_app.monitoring.telemetry.tracing import Tracing
from serve_app.serving.open_telemetry import TracedParts
from serve_app.serving.untraced import Parts


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and show microseconds for each request and shares of what was before."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead.telemetry")
    parser.add_argument("--turns", type=int, default=2000, help=f"of {TOGETHER} requests each")
    options = parser.parse_args(arguments)
    off_us, none_us, all_us = asyncio.run(_measured(options.turns))
    table = Table("telemetry", "µs of processor time", "share")
    table.add_row("not configured", f"{off_us:.1f}", "1.000")
    for ratio in (0.0, 0.01, 0.1, 1.0):
        mixed_us = (1 - ratio) * none_us + ratio * all_us
        table.add_row(f"sampling {ratio:g}", f"{mixed_us:.1f}", f"{mixed_us / off_us:.3f}")
    Console().print(table)
    return 0


async def _measured(turns: int) -> list[float]:
    """The median cost of a request: telemetry not configured, nothing sampled, all sampled."""
    outbox = SpanOutbox()
    ways = (Parts(), _traced(outbox, 0.0), _traced(outbox, 1.0))
    targets = [parts.app(gateway(parts)) for parts in ways]
    costs: list[list[float]] = [[] for _ in targets]
    gc.collect()
    gc.disable()
    for turn in range(turns):
        for target, own in zip(targets, costs, strict=True):
            own.append(await cost_us(target, []))
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


if __name__ == "__main__":
    raise SystemExit(main())
