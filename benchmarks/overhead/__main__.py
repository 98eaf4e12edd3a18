"""`make bench-overhead`: processor time per one-row request, beside a bare Ray application.

Both answer with the same version, inline, in one cluster and behind the same proxy, under the
same load in alternating rounds. What is read is the time that the two replicas computed, so that
other work on the machine changes the figures little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import string
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
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


class Failed(Exception):
    """A command or a request failed; says which."""


@dataclass(frozen=True, slots=True)
class Target:
    """An application that is measured: its path and its replica's process."""

    name: str
    path: str
    process: str


TARGETS = (
    Target("serve-app", "/v1/models/progression:predict", "ray::ServeReplica:gateway:Gateway"),
    Target("a bare Ray application", "/bare/predict", "ray::ServeReplica:bare:Bare"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--port", type=int, default=18200, help="the first of a row of 12 ports")
    said = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="serve-app-overhead-") as folder:
        try:
            found = _measured(Path(folder), said.port, said.rounds, said.seconds)
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            _serve_app("cluster", "stop", f"--state={folder}/state", folder=folder, check=False)
    Console().print(_table(found))
    return 0


def _measured(
    folder: Path, port: int, rounds: int, seconds: float
) -> dict[str, list[tuple[float, float]]]:
    state, registry = folder / "state", folder / "registry"
    _serve_app("train-examples", f"--registry={registry}", folder=str(folder))
    ports = (f"--http-port={port}", f"--dashboard-port={port + 1}", f"--internal-ports={port + 2}")
    _serve_app("cluster", "start", f"--state={state}", *ports, folder=str(folder))
    template = string.Template((HERE / "both.yaml").read_text())
    config = folder / "both.yaml"
    config.write_text(
        template.substitute(port=port, registry=registry, state=state, version=VERSION)
    )
    # Ray's own command: ours refuses an application that is not of this project.
    _run("serve", "deploy", str(config), "-a", f"http://127.0.0.1:{port + 1}", folder=str(folder))
    for target in TARGETS:
        asyncio.run(_answers(target, port))
    found: dict[str, list[tuple[float, float]]] = {target.name: [] for target in TARGETS}
    for _ in range(rounds):
        for target in TARGETS:
            found[target.name].append(asyncio.run(_one(target, port, seconds)))
    return found


async def _one(target: Target, port: int, seconds: float) -> tuple[float, float]:
    """Requests a second, and microseconds of processor time for each."""
    requests = _requests(target.path, port)

    async def load(duration_s: float) -> Report:
        return await run_closed(
            "127.0.0.1", port, requests, connections=CONNECTIONS, duration_s=duration_s
        )

    await load(WARM_UP_S)
    process = _process(target.process)
    before = process.cpu_times()
    report = await load(seconds)
    after = process.cpu_times()
    if report.failed or not report.ok:
        raise Failed(f"{target.name}: {report.failed} requests failed: {report.failed_by}")
    spent_s = after.user + after.system - before.user - before.system
    return report.rate_per_s, 1e6 * spent_s / report.ok


def _requests(path: str, port: int) -> list[bytes]:
    rows = diabetes().frame.head(ROWS).to_dict(orient="records")
    headers = {"host": f"127.0.0.1:{port}", "content-type": "application/json"}
    bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
    return [build_request("POST", path, headers, body) for body in bodies]


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


def _serve_app(*arguments: str, folder: str, check: bool = True) -> None:
    _run("serve-app", *arguments, folder=folder, check=check)


def _run(script: str, *arguments: str, folder: str, check: bool = True) -> None:
    command = [str(Path(sys.executable).with_name(script)), *arguments]
    # Replicas have to find the bare application.
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SERVE_APP_HOME": folder}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    if check and done.returncode != 0:
        raise Failed(f"{script} {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def _table(found: dict[str, list[tuple[float, float]]]) -> Table:
    table = Table(title=f"one row per request, {CONNECTIONS} connections, medians")
    for head in ("application", "requests/s", "processor time per request", "least to most"):
        table.add_column(head, justify="left" if head == "application" else "right")
    medians: list[float] = []
    for name, rounds in found.items():
        spent = [spent_us for _, spent_us in rounds]
        medians.append(statistics.median(spent))
        table.add_row(
            name,
            f"{statistics.median(rate for rate, _ in rounds):,.0f}",
            f"{medians[-1]:.0f} µs",
            f"{min(spent):.0f} to {max(spent):.0f} µs",
        )
    table.add_row("added", "", f"{medians[0] - medians[1]:.0f} µs", "")
    return table


if __name__ == "__main__":
    sys.exit(main())
