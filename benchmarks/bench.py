"""What the running demo carries: `make bench`, after `make demo`.

Each figure stands beside the same measurement of an empty route of the same gateway, taken in
the same run: machines differ and are shared, so that the ratio says more than the number.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.load import build_request, run_closed
from benchmarks.report import Report
from serve_app.cluster.node import Cluster
from serve_app.errors import NotReady
from serve_app.examples.datasets import breast_cancer

PREDICT = "/v1/models/diagnosis:predict"
EMPTY = "/v2/health/live"
CONNECTIONS = (1, 16, 64)
WARM_UP_S = 2.0
ROWS = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: requests a second, latencies in milliseconds, and what failed."""

    path: str
    connections: int
    duration_s: float
    rate_per_s: float
    p50_ms: float
    p99_ms: float
    failed: int

    @classmethod
    def of(cls, path: str, connections: int, report: Report) -> Measured:
        """The summary of a run; its latencies are infinite when nothing was answered."""
        latency = report.latency
        return cls(
            path=path,
            connections=connections,
            duration_s=round(report.duration_s, 1),
            rate_per_s=round(report.rate_per_s, 1),
            p50_ms=latency.p50_ms if latency else float("inf"),
            p99_ms=latency.p99_ms if latency else float("inf"),
            failed=report.failed,
        )


def requests(path: str, host: str) -> list[bytes]:
    """What is sent to a path: for predictions, one row of a patient after the other."""
    headers = {"host": host, "content-type": "application/json"}
    if path != PREDICT:
        return [build_request("GET", path, headers, b"")]
    rows = breast_cancer().frame.head(ROWS).to_dict(orient="records")
    bodies = [
        json.dumps({"instances": [row], "parameters": {"patient_id": index}}).encode()
        for index, row in enumerate(rows)
    ]
    return [build_request("POST", path, headers, body) for body in bodies]


async def measure(url: str, path: str, connections: int, duration_s: float) -> Measured:
    """Load one path with so many connections, after a moment to warm up."""
    target = urlsplit(url)
    host, port = target.hostname or "127.0.0.1", target.port or 80
    sent = requests(path, target.netloc)
    await run_closed(host, port, sent, connections=connections, duration_s=WARM_UP_S)
    report = await run_closed(host, port, sent, connections=connections, duration_s=duration_s)
    return Measured.of(path, connections, report)


def table(pairs: Sequence[tuple[Measured, Measured]]) -> Table:
    """One row per number of connections: the prediction, the empty route, their ratio."""
    shown = Table(title="one row per request, endpoint diagnosis, beside an empty route")
    for name in ("connections", "requests/s", "p50 ms", "p99 ms", "failed", "empty", "ratio"):
        shown.add_column(name, justify="right")
    for predicted, empty in pairs:
        shown.add_row(
            str(predicted.connections),
            f"{predicted.rate_per_s:,.0f}",
            f"{predicted.p50_ms:.1f}",
            f"{predicted.p99_ms:.1f}",
            str(predicted.failed),
            f"{empty.rate_per_s:,.0f}/s",
            f"{predicted.rate_per_s / empty.rate_per_s:.2f}",
        )
    return shown


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when a request failed, 2 when no demo runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="at the most connections")
    parser.add_argument("--state", type=Path, default=Path("state"))
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    said = parser.parse_args(arguments)
    try:
        url = Cluster(said.state).require().http_url
    except NotReady:
        print("no demo runs; start it with: make demo", file=sys.stderr)
        return 2
    pairs: list[tuple[Measured, Measured]] = []
    for connections in CONNECTIONS:
        duration_s = said.seconds if connections == max(CONNECTIONS) else said.seconds / 6
        predicted = asyncio.run(measure(url, PREDICT, connections, duration_s))
        empty = asyncio.run(measure(url, EMPTY, connections, said.seconds / 6))
        pairs.append((predicted, empty))
    Console().print(table(pairs))
    if said.json:
        said.json.write_text(
            json.dumps([[asdict(one) for one in pair] for pair in pairs], indent=2)
        )
    return 1 if any(predicted.failed for predicted, _ in pairs) else 0


if __name__ == "__main__":
    sys.exit(main())
