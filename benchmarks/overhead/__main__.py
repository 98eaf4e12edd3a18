"""`make bench-overhead`: processor time per one-row request, beside a bare Ray application.

A gateway, one with `express`, and the least application answer with the same version, inline, in
one cluster and behind the same proxy, under the same load in alternating rounds. What is read is
the time that their replicas computed, so that other work on the machine changes the figures little.
With `--replicas` the version has a replica of its own, which one gateway asks by Serve's way and
another one over its socket.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import os
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.load import build_request, run_closed
from benchmarks.report import Report
from serve_app.examples.datasets import diabetes

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
VERSION = "progression-xgb@1"
CONNECTIONS = 16
WARM_UP_S = 2.0
READY_S = 90.0
POLL_S = 0.2
ROWS = 100

Load = Callable[[str, float], Awaitable[Report]]
"""Asks at a path for some seconds."""


class Failed(Exception):
    """A command or a request failed; says which."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round saw; the processor time is that of the replica, for each request."""

    rate_per_s: float
    spent_us: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Target:
    """An application that is measured: its path and its replicas' processes."""

    name: str
    path: str
    processes: tuple[str, ...]


PATH = "/v1/models/progression:predict"
TARGETS = (
    Target("serve-app", PATH, ("gateway:Gateway",)),
    Target("serve-app, express", f"/express{PATH}", ("express:Gateway",)),
    Target("a bare Ray application", "/bare/predict", ("bare:Bare",)),
)
MODEL = "progression-xgb-1:Model"
WITH_REPLICAS = (
    Target("by Serve's way", PATH, ("gateway:Gateway", MODEL)),
    Target("over its socket", f"/sockets{PATH}", ("sockets:Gateway", MODEL)),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--connections", type=int, nargs="+", default=[CONNECTIONS])
    parser.add_argument("--port", type=int, default=18200, help="the first of a row of 13 ports")
    parser.add_argument("--replicas", action="store_true", help="ask a replica, in two ways")
    said = parser.parse_args(arguments)
    targets = WITH_REPLICAS if said.replicas else TARGETS
    with tempfile.TemporaryDirectory(prefix="serve-app-overhead-") as folder:
        try:
            _start(Path(folder), said.port, targets)
            for connections in said.connections:
                load = functools.partial(_load, said.port, connections)
                found = _measured(targets, load, said.rounds, said.seconds)
                Console().print(_table(found, connections))
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            _serve_app("cluster", "stop", f"--state={folder}/state", folder=folder, check=False)
    return 0


def _start(folder: Path, port: int, targets: Sequence[Target]) -> None:
    """Start a cluster with all targets, and wait until each answers."""
    state, registry = folder / "state", folder / "registry"
    _serve_app("train-examples", f"--registry={registry}", folder=str(folder))
    ports = (f"--http-port={port}", f"--dashboard-port={port + 1}", f"--internal-ports={port + 2}")
    _serve_app("cluster", "start", f"--state={state}", *ports, folder=str(folder))
    name = "replicas.yaml" if targets is WITH_REPLICAS else "both.yaml"
    template = string.Template((HERE / name).read_text())
    config = folder / name
    config.write_text(
        template.substitute(port=port, registry=registry, state=state, version=VERSION)
    )
    shown = _serve_app("cluster", "env", "--json", f"--state={state}", folder=str(folder))
    address = f"http://127.0.0.1:{port + 1}"
    # Ray's own command: ours refuses an application that is not of this project.
    _run("serve", "deploy", str(config), "-a", address, folder=str(folder), more=json.loads(shown))
    for target in targets:
        asyncio.run(_answers(target, port))


def _measured(
    targets: Sequence[Target], load: Load, rounds: int, seconds: float
) -> dict[str, list[Round]]:
    found: dict[str, list[Round]] = {target.name: [] for target in targets}
    for _ in range(rounds):
        for target in targets:
            found[target.name].append(asyncio.run(_one(target, load, seconds)))
    return found


async def _load(port: int, connections: int, path: str, duration_s: float) -> Report:
    requests = _requests(path, port)
    return await run_closed(
        "127.0.0.1", port, requests, connections=connections, duration_s=duration_s
    )


async def _one(target: Target, load: Load, seconds: float) -> Round:
    await load(target.path, WARM_UP_S)
    processes = [_process(f"ray::ServeReplica:{name}") for name in target.processes]
    before_s = _computed_s(processes)
    report = await load(target.path, seconds)
    spent_s = _computed_s(processes) - before_s
    if report.failed or report.latency is None:
        raise Failed(f"{target.name}: {report.failed} requests failed: {report.failed_by}")
    latency = report.latency
    spent_us = 1e6 * spent_s / report.ok
    return Round(report.rate_per_s, spent_us, latency.p50_ms, latency.p99_ms)


def _requests(path: str, port: int) -> list[bytes]:
    rows = diabetes().frame.head(ROWS).to_dict(orient="records")
    headers = {"host": f"127.0.0.1:{port}", "content-type": "application/json"}
    bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
    return [build_request("POST", path, headers, body) for body in bodies]


def _computed_s(processes: Sequence[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def _process(name: str) -> psutil.Process:
    found = [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [""])[0] == name]
    if len(found) != 1:
        raise Failed(f"{len(found)} processes are called {name}; stop other clusters first")
    return found[0]


async def _answers(target: Target, port: int) -> None:
    """Wait until an application answers."""
    deadline = time.monotonic() + READY_S
    requests = _requests(target.path, port)[:1]
    while True:
        report = await run_closed("127.0.0.1", port, requests, connections=1, duration_s=POLL_S)
        if report.ok:
            return
        if time.monotonic() > deadline:
            raise Failed(f"{target.name} gave no answer in {READY_S:.0f} s: {report.bodies}")


def _serve_app(*arguments: str, folder: str, check: bool = True) -> str:
    return _run("serve-app", *arguments, folder=folder, check=check)


def _run(
    script: str,
    *arguments: str,
    folder: str,
    check: bool = True,
    more: Mapping[str, str] | None = None,
) -> str:
    """What a command prints; `more` are variables of its environment."""
    command = [str(Path(sys.executable).with_name(script)), *arguments]
    # Replicas have to find the bare application.
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SERVE_APP_HOME": folder}
    environment.update(more or {})
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    if check and done.returncode != 0:
        raise Failed(f"{script} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _table(found: dict[str, list[Round]], connections: int) -> Table:
    """Medians of all rounds; what is added is what each takes beyond the last."""
    table = Table(title=f"one row per request, {connections} connections, medians")
    heads = ("application", "requests/s", "p50", "p99", "processor time", "least to most", "added")
    for head in heads:
        table.add_column(head, justify="left" if head == "application" else "right")
    least_us = statistics.median(one.spent_us for one in list(found.values())[-1])
    for name, rounds in found.items():
        spent_us = [one.spent_us for one in rounds]
        table.add_row(
            name,
            f"{statistics.median(one.rate_per_s for one in rounds):,.0f}",
            f"{statistics.median(one.p50_ms for one in rounds):.2f} ms",
            f"{statistics.median(one.p99_ms for one in rounds):.1f} ms",
            f"{statistics.median(spent_us):.0f} µs",
            f"{min(spent_us):.0f} to {max(spent_us):.0f} µs",
            f"{statistics.median(spent_us) - least_us:+.0f} µs",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
