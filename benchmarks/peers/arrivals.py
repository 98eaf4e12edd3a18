"""One-row requests that arrive at a steady rate, whether or not the server keeps up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from benchmarks.load import Report, run_open
from benchmarks.peers.measured import Open

CONNECTIONS = 64
GRACE_S = 2.0


def arrive(
    name: str, port: int, requests: Sequence[bytes], *, rate_per_s: float, seconds: float
) -> Open:
    """Let them arrive; failures are counted, for a server that cannot keep up may refuse."""
    report = asyncio.run(_run(port, requests, rate_per_s, seconds))
    latency = report.latency
    return Open(
        peer=name,
        rate_per_s=rate_per_s,
        answered=report.ok,
        unsent=report.unsent,
        p50_ms=latency.p50_ms if latency else None,
        p99_ms=latency.p99_ms if latency else None,
        p999_ms=latency.p999_ms if latency else None,
        failed_by=dict(report.failed_by),
    )


async def _run(port: int, requests: Sequence[bytes], rate_per_s: float, seconds: float) -> Report:
    stop = asyncio.Event()
    timer = asyncio.get_running_loop().call_later(seconds + GRACE_S, stop.set)
    report = await run_open(
        "127.0.0.1",
        port,
        requests,
        rate_per_s=rate_per_s,
        duration_s=seconds,
        connections=CONNECTIONS,
        stop=stop,
    )
    timer.cancel()
    return report
