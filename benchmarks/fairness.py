"""What a client of one row notices of another one that floods: `make bench-fairness`.

The polite client sends its requests at a steady rate, alone first and then beside the flood,
in one run and at the same server, so that the ratio of both is what counts. So does the flood,
which is a process of its own: what it is answered beside the polite client stands beside what it
is answered alone, since who floods is to wait and not to starve. `--start` starts a cluster for it,
with replicas as `configs/local.yaml` has them and a key for each of both, and with `--in-flight` a
limit of requests at once for each; `--without-turns` has callers there take no turns. At another
server `--key` and `--flood-key` are theirs, where it asks.

Both clients stand for other machines. So the polite one's process, which does nearly nothing, goes
before all others at the processors, where it may: else it would wait there for the flood's. The
table says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from rich.console import Console
from rich.table import Table

from benchmarks.load import build_request, run_closed, run_open
from benchmarks.report import Report
from benchmarks.scaling.cluster import REPOSITORY, Failed
from benchmarks.scaling.cluster import Cluster as OwnCluster
from serve_app.cluster.node import Cluster
from serve_app.errors import NotReady
from serve_app.examples.datasets import breast_cancer

PREDICT = "/v1/models/diagnosis:predict"
RATE_PER_S = 20.0
WARM_UP_S = 3.0
FLOODS = ((100, 64), (1, 64), (10_000, 16))
"""Rows of each request of a flood, and its connections."""
GOAL = 2.0
"""The 99th percentile beside a flood is to be so many times that alone at most."""
PORT = 18400
PRIORITY = -10
"""Of the polite client's process, as `nice` has it; the flood's and the server's have 0."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a flood: answers a second, and what else came how often, by status."""

    rate_per_s: float
    failed_by: dict[str, int]

    def __str__(self) -> str:
        by = ", ".join(f"{status}: {many}" for status, many in sorted(self.failed_by.items()))
        return f"{self.rate_per_s:,.1f} {by}".strip()


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


def beside_flood(options: argparse.Namespace, rows: int, connections: int) -> Result:
    """What the polite client and the flood see beside each other, and the flood alone."""
    alone = flood(options.url, options.flood_key, rows, connections, options.seconds)
    words = ["--url", options.url, "--flood", str(rows), str(connections)]
    if options.flood_key is not None:
        words += ["--flood-key", options.flood_key]
    words += ["--seconds", str(options.seconds + 2 * WARM_UP_S)]
    command = [sys.executable, "-m", "benchmarks.fairness", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        polite(options.url, options.key, WARM_UP_S)
        report = polite(options.url, options.key, options.seconds)
        written, _ = other.communicate(timeout=options.seconds + 60)
    beside = Outcome(**json.loads(written))
    return Result(report, Outcome(alone.rate_per_s, dict(alone.failed_by)), beside)


@dataclass(frozen=True, slots=True)
class Result:
    """What a polite client saw beside a flood, and what became of the flood alone and then."""

    polite: Report
    flood_alone: Outcome
    flood_beside: Outcome


def row(name: str, alone: Report, report: Report, floods: tuple[str, str] = ("", "")) -> list[str]:
    """One line of the table."""
    if alone.latency is None or report.latency is None:
        return [name, "-", "-", "-", str(report.failed), *floods]
    return [
        name,
        f"{report.latency.p50_ms:.1f}",
        f"{report.latency.p99_ms:.1f}",
        f"{report.latency.p99_ms / alone.latency.p99_ms:.1f}",
        str(report.failed),
        *floods,
    ]


@contextmanager
def own_cluster(options: argparse.Namespace) -> Iterator[None]:
    """A cluster as `configs/local.yaml` has it, in which both clients have a key.

    Raises:
        Failed: a command did; says which, and what it printed.
    """
    with tempfile.TemporaryDirectory(prefix="serve-app-fairness-") as folder:
        cluster = OwnCluster(Path(folder), options.port)
        cluster.run("train-examples", "--registry=registry")
        for name, scopes in (("ops", ("admin", "read")), ("polite", ("predict",)),
                             ("flood", ("predict",))):  # fmt: skip
            words = [f"--scope={scope}" for scope in scopes]
            cluster.run("keys", "create", name, *words, f"--output-file={name}.key")
        os.environ["SERVE_APP_API_KEY_FILE"] = str(Path(folder) / "ops.key")
        options.key = (Path(folder) / "polite.key").read_text().strip()
        options.flood_key = (Path(folder) / "flood.key").read_text().strip()
        options.url = f"http://127.0.0.1:{options.port}"
        with cluster:
            config = REPOSITORY / "configs" / "local.yaml"
            cluster.deploy(with_keys(config, options.in_flight, turns=not options.without_turns))
            yield


def with_keys(file: Path, in_flight: int = 0, *, turns: bool = True) -> dict[str, Any]:
    """A config whose gateway answers those alone who show an API key.

    Each may have so many requests at once in every gateway; 0 is without a limit. Without `turns`
    nobody waits for others.
    """
    config: dict[str, Any] = yaml.safe_load(file.read_text())
    for application in config["applications"]:
        if application["name"] == "gateway":
            application["args"]["access"] = {"mode": "keys"}
            if not turns:
                application["args"]["in_turns"] = False
            if in_flight:
                application["args"]["limits"] = {"default": {"in_flight": in_flight}}
    return config


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when a request of the polite client failed or was late, 2 when no demo runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--url", help="the server; that of the running demo if none is given")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--state", type=Path, default=Path("state"))
    parser.add_argument("--key", help="an API key for the polite client")
    parser.add_argument("--flood-key", help="an API key for the one that floods")
    parser.add_argument("--flood", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--start", action="store_true", help="a cluster of its own, with keys")
    parser.add_argument("--port", type=int, default=PORT, help="the first of a row of 13 for that")
    add = parser.add_argument
    add("--in-flight", type=int, default=0, help="how many requests each may have at once there")
    add("--without-turns", action="store_true", help="let callers take no turns there")
    options = parser.parse_args(arguments)
    if options.flood is not None:
        rows, connections = options.flood
        goes_first(0)
        seen = flood(options.url, options.flood_key, rows, connections, options.seconds)
        print(json.dumps({"rate_per_s": seen.rate_per_s, "failed_by": dict(seen.failed_by)}))
        return 0
    try:
        if options.start:
            with own_cluster(options):
                return measured(options)
        if options.url is None:
            options.url = Cluster(options.state).require().http_url
    except NotReady:
        print("no demo runs; start it with: make demo, or take --start", file=sys.stderr)
        return 2
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return measured(options)


def goes_first(priority: int) -> bool:
    """Whether this process could be given a priority."""
    try:
        os.setpriority(os.PRIO_PROCESS, 0, priority)
    except PermissionError:
        return False
    return True


def measured(options: argparse.Namespace) -> int:
    """Measure and show it; 1 when a request of the polite client failed or the goal is missed."""
    first = goes_first(PRIORITY)
    polite(options.url, options.key, WARM_UP_S)
    alone = polite(options.url, options.key, options.seconds)
    how = f"whose process goes first (nice {PRIORITY})" if first else "at the flood's priority"
    table = Table(title=f"one row, {RATE_PER_S:g} requests/s, endpoint diagnosis, {how}")
    heads = ("beside", "p50 ms", "p99 ms", "p99 / alone", "failed", "flood alone: answers/s",
             "flood beside: answers/s")  # fmt: skip
    for name in heads:
        table.add_column(name, justify="right" if name != "beside" else "left")
    table.add_row(*row("nobody", alone, alone))
    fails = bool(alone.failed)
    for rows, connections in FLOODS:
        result = beside_flood(options, rows, connections)
        floods = (str(result.flood_alone), str(result.flood_beside))
        name = f"{connections} x {rows:,} row{'s' * (rows > 1)}"
        table.add_row(*row(name, alone, result.polite, floods))
        fails = fails or bool(result.polite.failed) or not within_goal(alone, result.polite)
    Console(width=max(120, Console().width)).print(table)
    return 1 if fails else 0


def within_goal(alone: Report, beside: Report) -> bool:
    """Whether the 99th percentile beside a flood is near enough to that alone."""
    if alone.latency is None or beside.latency is None:
        return False
    return beside.latency.p99_ms <= GOAL * alone.latency.p99_ms


if __name__ == "__main__":
    raise SystemExit(main())
