"""`make bench-recording`: throughput and processor time with recording and drift, and without.

The same gateway answers one-row requests of 20 numbers in alternating rounds, beside a monitor
and without one, in one cluster. Each round has a new gateway: one that once reached a monitor
goes on recording. Both are as old when they are measured: one without a monitor stops recording
after a minute.
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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import yaml
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LinearRegression

from benchmarks.load import build_request, run_closed
from benchmarks.report import Report
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PATH = "/v1/models/numbers:predict"
GATEWAY = "ray::ServeReplica:gateway:Gateway"
FEATURES = 20
CONNECTIONS = 16
SETTLE_S = 75.0
"""A gateway without a monitor holds records for a minute, and looks every second until then."""
WARM_UP_S = 4.0
READY_S = 90.0
POLL_S = 0.2
MODES = {"recording": True, "without a monitor": False}


class Failed(Exception):
    """A command or a request failed; says which."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Requests a second, and microseconds of the gateway's processor time for each."""

    rate_per_s: float
    spent_us: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recording", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of which each takes four minutes")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--port", type=int, default=18400, help="the first of a row of 13 ports")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="serve-app-recording-") as folder:
        cluster = Cluster(Path(folder), options.port)
        try:
            cluster.start()
            rounds = [cluster.round(number, options.seconds) for number in range(options.rounds)]
        except Failed as error:
            print(error, file=sys.stderr)
            return 1
        finally:
            cluster.stop()
    Console().print(table(rounds))
    return 0


class Cluster:
    """A cluster of its own on the ports from `port` on, with its state in `folder`."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._state, self._registry = folder / "state", folder / "registry"
        rng = np.random.default_rng(0)
        rows = rng.normal(size=(3000, FEATURES))
        self._frame = pd.DataFrame(rows, columns=[f"x{place}" for place in range(FEATURES)])
        self._deployed = 0

    def start(self) -> None:
        """Register the model and start the cluster."""
        fitted = LinearRegression().fit(self._frame, self._frame.sum(axis=1))
        register(Registry(str(self._registry)), Candidate("numbers", fitted, self._frame))
        port = self._port
        ports = (f"--dashboard-port={port + 1}", f"--internal-ports={port + 2}")
        self._run("cluster", "start", f"--state={self._state}", f"--http-port={port}", *ports)

    def stop(self) -> None:
        """Stop what was started."""
        self._run("cluster", "stop", f"--state={self._state}", check=False)

    def round(self, number: int, seconds: float) -> dict[str, Measured]:
        """Measure each mode once; every other round begins with the other one."""
        order = list(MODES) if number % 2 == 0 else list(reversed(MODES))
        return {mode: self._measured(MODES[mode], seconds) for mode in order}

    def _measured(self, recorded: bool, seconds: float) -> Measured:
        self._deploy(recorded)
        self._answers()
        self._load(1.0)
        time.sleep(SETTLE_S)
        self._load(WARM_UP_S)
        process = _process(GATEWAY)
        before = process.cpu_times()
        report = self._load(seconds)
        after = process.cpu_times()
        if report.failed or not report.ok:
            raise Failed(f"{report.failed} requests failed: {report.failed_by}")
        spent_s = after.user + after.system - before.user - before.system
        return Measured(report.rate_per_s, 1e6 * spent_s / report.ok)

    def _deploy(self, recorded: bool) -> None:
        """Deploy with or without the monitor, and with a new gateway."""
        template = string.Template((HERE / "recorded.yaml").read_text())
        places = {"registry": self._registry, "state": self._state, "port": self._port}
        self._deployed += 1
        body = config_of(yaml.safe_load(template.substitute(places)), recorded, self._deployed)
        file = self._folder / "recorded.yaml"
        file.write_text(yaml.safe_dump(body))
        self._run("deploy", str(file), f"--state={self._state}")

    def _answers(self) -> None:
        """Wait until the endpoint answers and the former gateway is gone."""
        deadline = time.monotonic() + READY_S
        while not self._load(POLL_S, connections=1).ok or _count(GATEWAY) != 1:
            if time.monotonic() > deadline:
                raise Failed(f"no answer of one gateway alone in {READY_S:.0f} s")
            time.sleep(POLL_S)

    def _load(self, duration_s: float, connections: int = CONNECTIONS) -> Report:
        headers = {"host": f"127.0.0.1:{self._port}", "content-type": "application/json"}
        rows = self._frame.head(100).to_dict(orient="records")
        bodies = [json.dumps({"instances": [row]}).encode() for row in rows]
        requests = [build_request("POST", PATH, headers, body) for body in bodies]
        load = run_closed(
            "127.0.0.1", self._port, requests, connections=connections, duration_s=duration_s
        )
        return asyncio.run(load)

    def _run(self, *arguments: str, check: bool = True) -> None:
        command = [str(Path(sys.executable).with_name("serve-app")), *arguments]
        environment = {
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "SERVE_APP_HOME": str(self._folder),
        }
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=self._folder, env=environment
        )
        if check and done.returncode != 0:
            raise Failed(f"serve-app {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


def config_of(body: dict[str, Any], recorded: bool, number: int) -> dict[str, Any]:
    """A config with or without its monitor, whose gateway is another one for each number."""
    kept = [one for one in body["applications"] if recorded or one["name"] != "monitor"]
    changed = [
        {**one, "args": {**one["args"], "max_rows": 10_000 + number}}
        if one["name"] == "gateway"
        else one
        for one in kept
    ]
    return {**body, "applications": changed}


def _processes(name: str) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if (p.info["cmdline"] or [""])[0] == name]


def _count(name: str) -> int:
    return len(_processes(name))


def _process(name: str) -> psutil.Process:
    processes = _processes(name)
    if len(processes) != 1:
        raise Failed(f"{len(processes)} processes are called {name}; stop other clusters first")
    return processes[0]


def table(rounds: Sequence[Mapping[str, Measured]]) -> Table:
    """The medians of all rounds, and what they are beside each other."""
    made = Table(title=f"one row of {FEATURES} numbers, {CONNECTIONS} connections, medians")
    for head in ("gateway", "requests/s", "processor time per request", "least to most"):
        made.add_column(head, justify="left" if head == "gateway" else "right")
    rates: dict[str, float] = {}
    spent: dict[str, float] = {}
    for mode in MODES:
        each = [one[mode].spent_us for one in rounds]
        rates[mode] = statistics.median(one[mode].rate_per_s for one in rounds)
        spent[mode] = statistics.median(each)
        between = f"{min(each):.0f} to {max(each):.0f} µs"
        made.add_row(mode, f"{rates[mode]:,.0f}", f"{spent[mode]:.0f} µs", between)
    on, off = MODES
    made.add_row(
        "beside it", f"{rates[on] / rates[off]:.3f}", f"{spent[on] - spent[off]:+.0f} µs", ""
    )
    return made


if __name__ == "__main__":
    sys.exit(main())
