"""What a client of one row notices of another one that floods: `make bench-fairness`.

The polite client sends its requests at a steady rate, alone first and then beside the flood,
in one run and at the same server, so that the ratio of both is what counts. The flood is a
process of its own. `--key` and `--flood-key` are API keys of both, where the server asks.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.load import build_request, run_closed, run_open
from benchmarks.report import Report
from serve_app.cluster.node import Cluster
from serve_app.errors import NotReady
from serve_app.examples.datasets import breast_cancer

PREDICT = "/v1/models/diagnosis:predict"
RATE_PER_S = 20.0
WARM_UP_S = 3.0
FLOODS = ((10_000, 16), (1, 64), (100, 64))
"""Rows of each request of a flood, and its connections."""


def request(url: str, rows: int, key: str | None) -> bytes:
    """A prediction for so many rows of patients."""
    frame = breast_cancer().frame
    known = json.loads(frame.to_json(orient="records"))
    instances = [known[place % len(known)] for place in range(rows)]
    body = json.dumps({"instances": instances})
    headers = {"host": urlsplit(url).netloc, "content-type": "application/json"}
    if key is not None:
        headers["authorization"] = f"Bearer {key}"
    return build_request("POST", PREDICT, headers, body.encode())


def polite(url: str, key: str | None, duration_s: float) -> Report:
    """What a client of one row sees at a steady rate."""
    target = urlsplit(url)
    return asyncio.run(
        run_open(
            target.hostname or "127.0.0.1",
            target.port or 80,
            [request(url, 1, key)],
            rate_per_s=RATE_PER_S,
            duration_s=duration_s,
            connections=8,
        )
    )


def flood(url: str, key: str | None, rows: int, connections: int, duration_s: float) -> Report:
    """What a client sees that sends again as soon as it is answered, over all its connections."""
    target = urlsplit(url)
    return asyncio.run(
        run_closed(
            target.hostname or "127.0.0.1",
            target.port or 80,
            [request(url, rows, key)],
            connections=connections,
            duration_s=duration_s,
        )
    )


def beside_flood(options: argparse.Namespace, rows: int, connections: int) -> tuple[Report, str]:
    """What the polite client sees beside a flood, and what became of the flood."""
    words = ["--url", options.url, "--flood", str(rows), str(connections)]
    if options.flood_key is not None:
        words += ["--flood-key", options.flood_key]
    words += ["--seconds", str(options.seconds + 2 * WARM_UP_S)]
    command = [sys.executable, "-m", "benchmarks.fairness", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        polite(options.url, options.key, WARM_UP_S)
        report = polite(options.url, options.key, options.seconds)
        outcome, _ = other.communicate(timeout=options.seconds + 60)
    return report, outcome.strip()


def row(name: str, alone: Report, report: Report, outcome: str) -> list[str]:
    """One line of the table."""
    if alone.latency is None or report.latency is None:
        return [name, "-", "-", "-", str(report.failed), outcome]
    ratio = report.latency.p99_ms / alone.latency.p99_ms
    return [
        name,
        f"{report.latency.p50_ms:.1f}",
        f"{report.latency.p99_ms:.1f}",
        f"{ratio:.1f}",
        str(report.failed),
        outcome,
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when a request of the polite client failed, 2 when no demo runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--url", help="the server; that of the running demo if none is given")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--state", type=Path, default=Path("state"))
    parser.add_argument("--key", help="an API key for the polite client")
    parser.add_argument("--flood-key", help="an API key for the one that floods")
    parser.add_argument("--flood", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.url is None:
        try:
            options.url = Cluster(options.state).require().http_url
        except NotReady:
            print("no demo runs; start it with: make demo", file=sys.stderr)
            return 2
    if options.flood is not None:
        rows, connections = options.flood
        seen = flood(options.url, options.flood_key, rows, connections, options.seconds)
        by = ", ".join(f"{status}: {many}" for status, many in sorted(seen.failed_by.items()))
        print(f"{seen.rate_per_s:,.0f} answers/s {by}".strip())
        return 0
    polite(options.url, options.key, WARM_UP_S)
    alone = polite(options.url, options.key, options.seconds)
    table = Table(title=f"one row, {RATE_PER_S:g} requests/s, endpoint diagnosis")
    for name in ("beside", "p50 ms", "p99 ms", "p99 / alone", "failed", "what became of the flood"):
        table.add_column(name, justify="left" if "what" in name or "beside" in name else "right")
    table.add_row(*row("nobody", alone, alone, ""))
    failed = alone.failed
    for rows, connections in FLOODS:
        report, outcome = beside_flood(options, rows, connections)
        table.add_row(*row(f"{connections} x {rows:,} rows", alone, report, outcome))
        failed += report.failed
    Console().print(table)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
