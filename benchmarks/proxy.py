"""What the edge's rules cost HAProxy, beside Ray's own configuration: `make bench-edge`.

Two HAProxies stand before the same backend, which is a third one that answers by itself: one with
the configuration that Ray Serve writes, one with the same after our launcher has added the edge's
rules (claims of clients taken away and set anew, tables of connections and refusals, time limits).
Both get the same load in turns. What is read is the time that their processes computed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.load import build_request, run_closed
from serve_app.cluster.commands import haproxy
from serve_app.cluster.edge.files import write_edge
from serve_app.cluster.edge.options import EdgeOptions
from serve_app.cluster.environment import Ports
from serve_app.cluster.proxy_launcher import LAUNCHER, is_watcher, write_proxy_launcher

CONNECTIONS = 16
WARM_UP_S = 1.0
READY_S = 20.0
POLL_S = 0.05
BODY = b'{"instances": [{"age": 50.0, "visits": 3.0}]}'
BACKEND = """\
global
    nbthread 1
    maxconn 1000
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 10s
frontend backend
    bind 127.0.0.1:{port}
    http-request return status 200 content-type application/json string '{{"predictions":[1.0]}}'
"""


class Failed(Exception):
    """A process or a request failed; says which."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A HAProxy that is measured, and the port that it listens on."""

    name: str
    port: int
    process: psutil.Process


def rays_config(folder: Path, port: int, metrics: int, backend: int) -> Path:
    """The configuration that Ray Serve writes for one application with one replica."""
    # Only where it is wanted: Ray takes its settings from the environment when it is imported.
    os.environ.setdefault("RAY_SERVE_HAPROXY_NBTHREAD", "1")
    from ray.serve._private import haproxy as rays  # noqa: PLC0415
    from ray.serve.config import HTTPOptions  # noqa: PLC0415

    settings = rays.HAProxyConfig(
        socket_path=str(folder / "admin.sock"),
        metrics_port=metrics,
        server_state_base=str(folder),
        server_state_file=str(folder / "server-state"),
        metrics_enabled=False,
        http_options=HTTPOptions(host="127.0.0.1", port=port),
        has_received_routes=True,
        has_received_servers=True,
        is_head=True,
    )
    server = rays.ServerConfig(name="one", host="127.0.0.1", port=backend)
    one = rays.BackendConfig(name="http-gateway", path_prefix="/", servers=[server], app_name="g")
    file = folder / "haproxy.cfg"
    made = rays.HAProxyApi(settings, {"http-gateway": one}, config_file_path=str(file))
    made._generate_config_file_internal()  # noqa: SLF001 - there is no other way to its text
    return file


@contextlib.contextmanager
def proxies(folder: Path, options: EdgeOptions) -> Iterator[tuple[Proxy, Proxy]]:
    """Both HAProxies with what stands behind them, until the end.

    Raises:
        Failed: one of them did not start; says what it wrote.
    """
    backend, plain, guarded = (_free_port() for _ in range(3))
    binary = haproxy()
    (folder / "backend.cfg").write_text(BACKEND.format(port=backend))
    words = {"backend": [binary, "-db", "-f", str(folder / "backend.cfg")]}
    for name, port in (("rays", plain), ("ours", guarded)):
        own = folder / name
        own.mkdir()
        ports = Ports(http=port, proxy_metrics_at=_free_port())
        config = rays_config(own, port, ports.proxy_metrics, backend)
        words[name] = [binary, "-db", "-f", str(config)]
        if name == "ours":
            write_edge(own, options, secrets.token_hex(32))
            write_proxy_launcher(own, binary, ports)
            words[name][0] = str(own / LAUNCHER)
    try:
        started = {
            name: _started(folder / f"{name}.log", own, port)
            for (name, own), port in zip(words.items(), (backend, plain, guarded), strict=True)
        }
        yield (
            Proxy("Ray's configuration", plain, started["rays"]),
            Proxy("and the edge's rules", guarded, started["ours"]),
        )
    finally:
        _end_all_of(folder)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _started(log: Path, words: Sequence[str], port: int) -> psutil.Process:
    with log.open("wb") as file:
        process = subprocess.Popen(words, stdout=file, stderr=file)
    deadline_s = time.monotonic() + READY_S
    while time.monotonic() < deadline_s and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return psutil.Process(process.pid)
        time.sleep(POLL_S)
    raise Failed(f"{' '.join(words)} does not listen:\n{log.read_text(errors='replace')}")


def _end_all_of(folder: Path) -> None:
    """End what was started in a folder; watchers first, who would start others."""
    for watchers_alone in (True, False):
        for process in list(psutil.process_iter()):
            with contextlib.suppress(psutil.Error):
                is_ours = str(folder) in " ".join(process.cmdline())
                if is_ours and (is_watcher(process) or not watchers_alone):
                    process.kill()
                    process.wait(READY_S)


async def cost_us(proxy: Proxy, seconds: float) -> float:
    """Microseconds of processor time for each request of one proxy under load.

    Raises:
        Failed: a request was not answered 200.
    """
    headers = {
        "host": f"127.0.0.1:{proxy.port}", "content-type": "application/json",
        "user-agent": "python-httpx/0.28", "accept": "*/*", "x-api-key": "sa_0_" + "x" * 60,
    }  # fmt: skip
    requests = [build_request("POST", "/v1/models/churn:predict", headers, BODY)]

    before = proxy.process.cpu_times()
    report = await run_closed(
        "127.0.0.1", proxy.port, requests, connections=CONNECTIONS, duration_s=seconds
    )
    after = proxy.process.cpu_times()
    if report.failed or not report.ok:
        raise Failed(f"{proxy.name}: {report.failed} requests failed: {report.bodies}")
    spent_s = after.user + after.system - before.user - before.system
    return 1e6 * spent_s / report.ok


def measured(rounds: int, seconds: float) -> dict[str, list[float]]:
    """What each proxy spent on a request, in alternating rounds.

    Raises:
        Failed: a proxy or a request did.
    """
    with tempfile.TemporaryDirectory(prefix="serve-app-edge-") as folder:
        with proxies(Path(folder), EdgeOptions()) as both:
            spent: dict[str, list[float]] = {one.name: [] for one in both}
            for one in both:
                asyncio.run(cost_us(one, WARM_UP_S))
            for _ in range(rounds):
                for one in both:
                    spent[one.name].append(asyncio.run(cost_us(one, seconds)))
        return spent


def table_of(spent: dict[str, list[float]]) -> Table:
    """Medians of both, with the least and the most, and what is added."""
    table = Table(title=f"HAProxy, one row per request, {CONNECTIONS} connections, medians")
    for head in ("configuration", "processor time per request", "least to most"):
        table.add_column(head, justify="left" if head == "configuration" else "right")
    medians = []
    for name, rounds in spent.items():
        medians.append(statistics.median(rounds))
        table.add_row(name, f"{medians[-1]:.1f} µs", f"{min(rounds):.1f} to {max(rounds):.1f} µs")
    table.add_row("added", f"{medians[1] - medians[0]:.1f} µs", "")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 1 when something failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    options = parser.parse_args(arguments)
    try:
        spent = measured(options.rounds, options.seconds)
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    Console().print(table_of(spent))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
