"""`python -m benchmarks.overhead.connections`: from a request's bytes to its answer's, by uvicorn.

Connections are in memory, so that neither the kernel nor a load generator counts: what is left is
uvicorn with its parser in C, and an application. The least application, a gateway without Ray over
a model that computes nothing, and the same behind the edge and `express`, as requests of the main
port reach it, answer in turns. With `--instructions` instructions of the processor are counted, as
`benchmarks.overhead.access` does, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import uvicorn
import uvloop
from rich.console import Console
from rich.table import Table
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from benchmarks.load import build_request
from benchmarks.overhead.access import COUNTED_TURNS, WARM_UP_TURNS, CannotCount, counted
from benchmarks.overhead.in_process import BODY, PATH, TOGETHER, gateway
from serve_app.gateway.bounded import Bounded, RequestBounds
from serve_app.gateway.middleware import Edge
from serve_app.serving.express import HEALTH, Express, Straight
from serve_app.serving.untraced import Parts

REQUEST = build_request(
    "POST",
    PATH,
    {
        "host": "127.0.0.1:8000",
        "accept": "*/*",
        "user-agent": "python-httpx/0.28",
        "content-type": "application/json",
        "x-forwarded-for": "10.0.0.1",
    },
    BODY,
)


class _Transport:
    """A connection in memory; what is written is counted and forgotten."""

    def __init__(self) -> None:
        self.writes = 0
        self.first = b""

    def write(self, data: bytes) -> None:
        self.writes += 1
        self.first = self.first or data

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        addresses = {"sockname": ("127.0.0.1", 8000), "peername": ("127.0.0.1", 40000)}
        return addresses.get(name, default)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nobody closes it."""

    pause_reading = resume_reading = close


class Connections:
    """Several connections to one application, over each of which a request comes per turn."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            lambda: app, factory=True, lifespan="off", access_log=False, log_config=None
        )
        config.load()
        self._state = ServerState()
        self._state.default_headers = [(b"server", b"uvicorn")]
        loop = asyncio.get_running_loop()
        self._protocols: list[Any] = []
        protocol: Any = config.http_protocol_class
        for _ in range(TOGETHER):
            made = protocol(config=config, server_state=self._state, app_state={}, _loop=loop)
            made.connection_made(_Transport())
            self._protocols.append(made)

    async def turn(self) -> None:
        """Have a request of each connection answered.

        Raises:
            RuntimeError: one was not answered 200.
        """
        for protocol in self._protocols:
            protocol.data_received(REQUEST)
        await asyncio.gather(*self._state.tasks)
        for protocol in self._protocols:
            if not protocol.transport.first.startswith(b"HTTP/1.1 200 "):
                msg = f"a request was answered {protocol.transport.first[:80]!r}"
                raise RuntimeError(msg)


async def _least(_scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{}"})


async def _serve_itself(_scope: Scope, _receive: Receive, send: Send) -> None:
    """What Serve answers to a health check."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _main_port() -> ASGIApp:
    """A gateway as requests of the main port reach it with `express`."""
    bounds = RequestBounds(TOGETHER)
    bounded = Bounded(gateway(Parts()), bounds, _uncounted, clock=time.monotonic)
    straight = Straight(_serve_itself, express=Express(bounded, asyncio.get_running_loop()))

    async def ignore(_message: Any) -> None:
        """Nobody reads the health check."""

    await straight({"type": "http", "path": HEALTH, "headers": []}, _nothing, ignore)
    return Edge(straight)


def _uncounted(protocol: str, status: str) -> None:
    """Refusals, of which there are none."""


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def targets() -> dict[str, Connections]:
    """Connections to each application."""
    apps: dict[str, ASGIApp] = {
        "the least application": _least,
        "a gateway": gateway(Parts()),
        "a gateway with express": await _main_port(),
    }
    return {name: Connections(app) for name, app in apps.items()}


async def marked() -> None:
    """Answer requests of each target between two marks."""
    gc.disable()
    for connections in (await targets()).values():
        for _ in range(WARM_UP_TURNS):
            await connections.turn()
        os.getpriority(os.PRIO_PROCESS, 0)
        for _ in range(COUNTED_TURNS):
            await connections.turn()
        os.getpriority(os.PRIO_PROCESS, 0)


async def measured_us(turns: int) -> dict[str, float]:
    """Median microseconds of processor time for each request, by target."""
    made = await targets()
    costs: dict[str, list[float]] = {name: [] for name in made}
    for connections in made.values():
        for _ in range(WARM_UP_TURNS):
            await connections.turn()
    gc.disable()
    for turn in range(turns):
        for name, connections in made.items():
            before_s = time.process_time()
            await connections.turn()
            costs[name].append(1e6 * (time.process_time() - before_s) / TOGETHER)
        if turn % 100 == 0:
            gc.collect()
    gc.enable()
    return {name: statistics.median(own) for name, own in costs.items()}


def _table(costs: Mapping[str, float], unit: str) -> Table:
    table = Table("from bytes to bytes", unit, "times the least")
    least = next(iter(costs.values()))
    for name, cost in costs.items():
        table.add_row(name, f"{cost:,.1f}", f"{cost / least:.2f}")
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and show; 1 where instructions cannot be counted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead.connections")
    parser.add_argument("--turns", type=int, default=1000, help=f"of {TOGETHER} requests each")
    parser.add_argument("--instructions", action="store_true", help="count those by Valgrind")
    parser.add_argument("--marked", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.marked:
        uvloop.run(marked())
        return 0
    if not options.instructions:
        Console().print(_table(uvloop.run(measured_us(options.turns)), "µs of processor time"))
        return 0
    try:
        counts = counted("benchmarks.overhead.connections")
    except CannotCount as error:
        print(error, file=sys.stderr)
        return 1
    names = ("the least application", "a gateway", "a gateway with express")
    Console().print(_table(dict(zip(names, counts, strict=True)), "instructions"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
