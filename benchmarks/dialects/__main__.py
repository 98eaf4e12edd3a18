"""What dialects cost beside each other, and MLServer beside one of them.

`make bench-dialects`. One server at a time, the gateway in one process without Ray; the load
generator shares the machine with it. Dialects take turns, several rounds of each, so that what
the machine does besides falls on all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import joblib
import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LinearRegression

from benchmarks.dialects import bodies, codecs
from benchmarks.load import run_closed
from benchmarks.peers.environments import Environment
from benchmarks.wire import build_request
from serve_app.cluster.node import Cluster
from serve_app.engine.registration.register import Candidate, register
from serve_app.examples.datasets import diabetes
from serve_app.registry.store import Registry

ROW_COLUMNS, WIDE_COLUMNS, WIDE_ROWS = 14, 30, 10_000
CONNECTIONS = 16
START_S = 60.0
READ_BYTES = 1 << 20
MLSERVER_PATH = "/v2/models/wide/infer"


def trained(columns: int) -> tuple[LinearRegression, pd.DataFrame]:
    """A linear regression on columns of noise, which costs next to nothing to ask."""
    values = np.random.default_rng(3).normal(50, 10, (500, columns))
    frame = pd.DataFrame(values, columns=[f"column_{index}" for index in range(columns)])
    return LinearRegression().fit(frame.to_numpy(), values.sum(axis=1)), frame


@contextlib.contextmanager
def serving(command: Sequence[str], port: int, path: str, **environment: str) -> Iterator[None]:
    """A server that answers at a path; ended after."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdout=said, stderr=said, env={**os.environ, **environment}
        )
        try:
            deadline = time.monotonic() + START_S
            while not asyncio.run(_answers(port, path)):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    text = said.read().decode(errors="replace")[-2000:]
                    raise SystemExit(f"{command[0]} does not answer on port {port}: {text}")
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait(20)


async def _answers(port: int, path: str) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    asked = build_request("GET", path)
    report = await run_closed("127.0.0.1", port, [asked], connections=1, duration_s=0.01)
    return report.failed == 0 and report.rate_per_s > 0


def rate(port: int, asked: Sequence[bodies.Asked], connections: int, duration_s: float) -> float:
    """Requests a second; ends the benchmark when one fails."""
    requests = [one.request() for one in asked]
    running = run_closed(
        "127.0.0.1", port, requests, connections=connections, duration_s=duration_s
    )
    report = asyncio.run(running)
    if report.failed or not report.rate_per_s:
        raise SystemExit(f"{asked[0].path} failed: {report.failed_by} {report.bodies}")
    return report.rate_per_s


def throughput(
    port: int, endpoint: str, rows: Sequence[bodies.Row], rounds: int, duration_s: float
) -> dict[str, float]:
    """By dialect: requests of one row a second, the best of rounds in turn.

    The best and not the median, since a neighbour on a shared machine only ever takes away.
    """
    asked = {name: [write(row, endpoint) for row in rows] for name, write in bodies.ROW.items()}
    found: dict[str, list[float]] = {name: [] for name in asked}
    for requests in asked.values():
        rate(port, requests, CONNECTIONS, duration_s / 4)
    for _ in range(rounds):
        for name, requests in asked.items():
            found[name].append(rate(port, requests, CONNECTIONS, duration_s))
    return {name: max(rates) for name, rates in found.items()}


def large_rate(port: int, asked: bodies.Asked, duration_s: float) -> float:
    """Requests a second of one caller that sends and reads as quickly as the kernel does.

    Asyncio copies a body of megabytes several times, which would count as the server's time.
    """
    request = asked.request()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        _ask(connection, request)
        count, started = 0, time.monotonic()
        while time.monotonic() - started < duration_s:
            _ask(connection, request)
            count += 1
        return count / (time.monotonic() - started)


def _ask(connection: socket.socket, request: bytes) -> None:
    connection.sendall(request)
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.recv(READ_BYTES)
    head, _, body = head.partition(b"\r\n\r\n")
    first, *lines = head.lower().split(b"\r\n")
    if b" 200 " not in first:
        raise SystemExit(f"a large request failed: {first.decode()} {body[:300].decode()}")
    length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
    missing = length - len(body)
    while missing:
        missing -= len(connection.recv(READ_BYTES))


def shown(title: str, heads: Sequence[str], lines: Mapping[str, Sequence[str]]) -> Table:
    """A table with a line per name."""
    table = Table(title=title)
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place else "left")
    for name, cells in lines.items():
        table.add_row(name, *cells)
    return table


def mlserver(folder: Path, port: int, model: LinearRegression) -> list[str]:
    """The command of an MLServer with the same model, its files written to a folder."""
    environment = Environment("mlserver")
    environment.build()
    joblib.dump(model, folder / "model.joblib")
    settings = {
        "host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2,
        "metrics_endpoint": None, "parallel_workers": 0, "debug": False,
    }  # fmt: skip
    served = {
        "name": "wide",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(served))
    return [environment.script("mlserver"), "start", str(folder)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dialects", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--port", type=int, default=18200, help="the first of four")
    parser.add_argument("--without-mlserver", action="store_true")
    parser.add_argument(
        "--demo",
        action="store_true",
        help="ask the running demo instead, through HAProxy and Ray; its gateway needs "
        "`default_endpoint: progression`, which Azure ML's path does not name",
    )
    parser.add_argument("--state", type=Path, default=Path("state"), help="of the demo")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    said = parser.parse_args(arguments)
    console = Console()
    names = [f"column_{index}" for index in range(ROW_COLUMNS)]
    rows = bodies.rows(names, 100)
    if said.demo:
        return _of_the_demo(console, said)
    wide, frame = trained(WIDE_COLUMNS)
    # Rows of the training data: values beyond its ranges would be warned of, one by one.
    matrix = frame.sample(WIDE_ROWS, replace=True, random_state=9).to_numpy()
    cost = codecs.row_us(rows[0])
    codec = codecs.matrix_ms(matrix, list(frame.columns))
    asked = {
        "V2, JSON": bodies.as_json(MLSERVER_PATH, matrix),
        "V2, bytes": bodies.as_bytes(MLSERVER_PATH, matrix),
    }
    large: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        registry = Path(place) / "registry"
        for name, columns in (("row", ROW_COLUMNS), ("wide", WIDE_COLUMNS)):
            model, data = trained(columns)
            register(Registry(str(registry)), Candidate(name, model, data))
        own = [sys.executable, "-m", "benchmarks.dialects.server", str(registry), str(said.port)]
        with serving(own, said.port, "/v2/health/ready", OMP_NUM_THREADS="1"):
            rates = throughput(said.port, "row", rows, said.rounds, said.seconds)
        theirs = None if said.without_mlserver else mlserver(Path(place), said.port + 1, wide)
        for _ in range(said.rounds):
            with serving(own, said.port, "/v2/health/ready", OMP_NUM_THREADS="1"):
                for name, one in asked.items():
                    large.setdefault(name, []).append(large_rate(said.port, one, said.seconds))
            if theirs is not None:
                with serving(theirs, said.port + 1, "/v2/health/ready", OMP_NUM_THREADS="1"):
                    found = large_rate(said.port + 1, asked["V2, JSON"], said.seconds)
                    large.setdefault("MLServer, JSON", []).append(found)
    _print(console, cost, rates, codec, large)
    if said.json:
        figures: dict[str, Any] = {
            "row_us": cost, "requests_per_s": rates, "matrix_ms": codec, "matrix_per_s": large,
        }  # fmt: skip
        said.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _of_the_demo(console: Console, said: argparse.Namespace) -> int:
    """One-row requests in every dialect to the endpoint `progression` of the running demo."""
    port = Cluster(said.state).require().http_port
    frame = diabetes().frame.head(100)
    names = [str(name) for name in frame]
    rows = [dict(zip(names, row, strict=True)) for row in frame.to_numpy().tolist()]
    rates = throughput(port, "progression", rows, said.rounds, said.seconds)
    best = max(rates.values())
    lines = {name: (f"{found:,.0f}", f"{found / best:.2f}") for name, found in rates.items()}
    title = f"one row of 10 numbers, {CONNECTIONS} connections, through HAProxy and Ray"
    console.print(shown(title, ("dialect", "requests/s", "ratio"), lines))
    return 0


def _print(
    console: Console,
    cost: Mapping[str, float],
    rates: Mapping[str, float],
    codec: Mapping[str, float],
    large: Mapping[str, Sequence[float]],
) -> None:
    best = max(rates.values())
    lines = {
        name: (f"{cost[name]:.1f}", f"{rates[name]:,.0f}", f"{rates[name] / best:.2f}")
        for name in rates
    }
    title = f"one row of {ROW_COLUMNS} numbers, {CONNECTIONS} connections, without Ray"
    console.print(shown(title, ("dialect", "µs to read and write", "requests/s", "ratio"), lines))
    base = median(large["V2, JSON"])
    whole = {
        name: (f"{median(found):,.1f}", f"{median(found) / base:.1f}")
        for name, found in large.items()
    }
    title = f"{WIDE_ROWS:,} rows of {WIDE_COLUMNS} numbers, 1 connection"
    console.print(shown(title, ("", "requests/s", "ratio"), whole))
    times = {name: (f"{ms:.2f}", f"{codec['JSON'] / ms:.1f}") for name, ms in codec.items()}
    title = "the same without HTTP and model: read, hold against the schema, write"
    console.print(shown(title, ("", "ms", "ratio"), times))


if __name__ == "__main__":
    sys.exit(main())
