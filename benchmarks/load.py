"""A load generator for HTTP/1.1 on one core, with the standard library alone.

`python -m benchmarks.load --url http://127.0.0.1:8000/v1/models/diagnosis:predict \
    --body row.json --connections 64 --duration 10` prints a report as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack
from urllib.parse import urlsplit

from benchmarks.report import Recorder, Report
from benchmarks.wire import Answer, Connection, Disconnected, build_request

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable, Sequence

__all__ = ["Options", "Report", "build_request", "main", "run_closed", "run_due", "run_open"]

CONNECT_PAUSE_S = 0.05
# The event loop's timers are late by up to a millisecond; that is no latency of the server.
TIMER_S = 0.002


class Options(TypedDict, total=False):
    """What both ways of running take besides.

    `stop` ends the run early, when the answers on their way have come. `header` is the
    response header to watch. `retry_idle_close` (true unless said otherwise) sends a request
    once more, over a new connection, when the server closed a kept connection before any
    byte of an answer, as HTTP clients do with requests that are safe to repeat.
    `timeout_s` (30 unless said otherwise) bounds connecting and answering each. `recorder`
    gathers what is seen, for those who want to know more than the report says.
    """

    stop: asyncio.Event
    header: str
    recorder: Recorder
    retry_idle_close: bool
    timeout_s: float


async def run_closed(
    host: str,
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int,
    duration_s: float,
    **options: Unpack[Options],
) -> Report:
    """Send requests in turn over each connection, the next as soon as one is answered."""
    run = _Run(host, port, options)
    turns = itertools.cycle(requests)

    async def client() -> None:
        sender = _Sender(run)
        while run.now_s() < duration_s and not run.stop.is_set():
            if not await sender.send(next(turns), began_s=run.now_s()):
                await run.stopped_within(CONNECT_PAUSE_S)
        sender.close()

    return await run.finish(client() for _ in range(connections))


async def run_open(
    host: str,
    port: int,
    requests: Sequence[bytes],
    *,
    rate_per_s: float,
    duration_s: float,
    connections: int,
    **options: Unpack[Options],
) -> Report:
    """Let requests arrive at a steady rate, whether or not the server keeps up.

    A request that finds all connections busy waits for one, and its latency counts from the
    time at which it was due.
    """
    times_s = (index / rate_per_s for index in range(round(rate_per_s * duration_s)))
    return await run_due(host, port, requests, times_s, connections=connections, **options)


async def run_due(
    host: str,
    port: int,
    requests: Sequence[bytes],
    times_s: Iterable[float],
    *,
    connections: int,
    **options: Unpack[Options],
) -> Report:
    """Let requests arrive at given times, seconds since the start that only grow.

    They wait for connections and their latency counts as `run_open` says.
    """
    run = _Run(host, port, options)
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()

    async def arrivals() -> None:
        turns = itertools.cycle(requests)
        for due_s in times_s:
            wait_s = due_s - run.now_s()
            if run.stop.is_set() or (wait_s > 0 and await run.stopped_within(wait_s)):
                break
            due.put_nowait((due_s, next(turns)))
        for _ in range(connections):
            due.put_nowait(None)

    async def client() -> None:
        sender = _Sender(run)
        while (arrival := await due.get()) is not None:
            due_s, request = arrival
            if run.stop.is_set():
                run.recorder.unsent += 1
                continue
            now_s = run.now_s()
            await sender.send(request, began_s=now_s if now_s - due_s < TIMER_S else due_s)
        sender.close()

    return await run.finish([arrivals(), *[client() for _ in range(connections)]])


class _Run:
    """What all clients of a run share."""

    def __init__(self, host: str, port: int, options: Options) -> None:
        self.host = host
        self.port = port
        self.stop = options.get("stop") or asyncio.Event()
        self.retry_idle_close = options.get("retry_idle_close", True)
        self.timeout_s = options.get("timeout_s", 30.0)
        self.recorder = options.get("recorder") or Recorder(options.get("header"))
        self._started_s = time.perf_counter()

    def now_s(self) -> float:
        return time.perf_counter() - self._started_s

    async def stopped_within(self, pause_s: float) -> bool:
        """Pause; true as soon as the run is stopped."""
        try:
            await asyncio.wait_for(self.stop.wait(), pause_s)
        except TimeoutError:
            return False
        return True

    async def finish(self, work: Iterable[Coroutine[None, None, None]]) -> Report:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
        return self.recorder.report(self.now_s())


class _Sender:
    """Sends one request after the other over a connection that it replaces when it breaks."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._connection = Connection()

    async def send(self, request: bytes, *, began_s: float) -> bool:
        """Send and record; false when there was no answer."""
        run = self._run
        try:
            answer = await self._answer(request)
        except OSError as error:
            run.recorder.failed(type(error).__name__, str(error), began_s=began_s)
            return False
        run.recorder.answered(answer, began_s=began_s, ended_s=run.now_s())
        return True

    def close(self) -> None:
        self._connection.close()

    async def _answer(self, request: bytes) -> Answer:
        run = self._run
        if not self._connection.open:
            await self._connect()
        kept = self._connection.used > 0
        try:
            return await self._connection.exchange(request, run.timeout_s)
        except Disconnected as error:
            if not (kept and error.silent and run.retry_idle_close):
                raise
        run.recorder.retried += 1
        await self._connect()
        return await self._connection.exchange(request, run.timeout_s)

    async def _connect(self) -> None:
        run = self._run
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(run.timeout_s):
            _, self._connection = await loop.create_connection(Connection, run.host, run.port)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; 1 when not one request was answered with success."""
    said = _parser().parse_args(arguments)
    url = urlsplit(said.url)
    body = said.body.read_bytes() if said.body else b""
    headers = {"host": url.netloc, "content-type": "application/json"}
    for line in said.add_header:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    request = build_request(said.method or ("POST" if body else "GET"), path, headers, body)
    options: Options = {"timeout_s": said.timeout, "retry_idle_close": not said.no_retry}
    if said.watch:
        options["header"] = said.watch
    target = (url.hostname or "127.0.0.1", url.port or 80, [request])
    shape = {"connections": said.connections, "duration_s": said.duration}
    if said.rate is None:
        report = asyncio.run(run_closed(*target, **shape, **options))
    else:
        report = asyncio.run(run_open(*target, rate_per_s=said.rate, **shape, **options))
    print(json.dumps(report.to_json(), indent=2))
    return 0 if report.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    add = parser.add_argument
    add("--url", required=True, help="http://host:port/path")
    add("--connections", type=int, default=64)
    add("--duration", type=float, default=10.0, metavar="SECONDS")
    add("--rate", type=float, metavar="PER_SECOND", help="arrivals; without it, as fast as may be")
    add("--body", type=Path, metavar="FILE", help="what to POST")
    add("--method", help="POST where there is a body, GET where there is none")
    add("--add-header", action="append", default=[], metavar="NAME:VALUE")
    add("--watch", metavar="HEADER", help="report which values of this response header came when")
    add("--timeout", type=float, default=30.0, metavar="SECONDS")
    add("--no-retry", action="store_true", help="count a kept connection that closed as a failure")
    return parser


if __name__ == "__main__":
    sys.exit(main())
