"""Measures servers in alternating rounds, each started fresh and alone on the machine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.load import run_open
from benchmarks.peers import answers, dialects, model, processes, wrk
from benchmarks.peers.answers import Question, Wrong
from benchmarks.peers.peers import Peer
from benchmarks.peers.servers import Server, running
from benchmarks.wire import build_request

WARM_UP_CONNECTIONS = 16
OPEN_CONNECTIONS = 64
OPEN_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Shape:
    """A closed load: how many rows in each body, how many bodies, how many connections."""

    rows: int
    bodies: int
    connections: int
    least_seconds: float = 0.0

    @property
    def name(self) -> str:
        """How figures name it."""
        return f"{self.rows} {'row' if self.rows == 1 else 'rows'}, {self.connections} connections"


SHAPES = (
    Shape(1, 200, 1),
    Shape(1, 200, 16),
    Shape(1, 200, 64),
    Shape(100, 20, 4),
    Shape(10_000, 2, 1, least_seconds=5.0),
)
SINGLE = tuple(shape for shape in SHAPES if shape.rows == 1)


@dataclass(frozen=True, slots=True)
class Closed:
    """One server in one round: start, loads by shape, memory, size of a one-row answer."""

    peer: str
    first_answer_s: float
    loads: dict[str, wrk.Measured]
    memory_mib: float
    processes: list[tuple[str, float]]
    answer_bytes: float
    body_bytes: float


@dataclass(frozen=True, slots=True)
class Open:
    """One server under arrivals at a steady rate; latencies count from when a request was due.

    `unsent` requests were still waiting for a connection when the time was over: the server
    could not keep up.
    """

    peer: str
    rate_per_s: float
    answered: int
    unsent: int
    p50_ms: float | None
    p99_ms: float | None
    p999_ms: float | None


class Bench:
    """The model, its questions and where servers run; measures one server at a time."""

    def __init__(self, work: Path, *, port: int, seconds: float, warm_up_s: float) -> None:
        self._work = work
        self._port = port
        self._seconds = seconds
        self._warm_up_s = warm_up_s
        self.stored, fitted = model.store(work / "model")
        rows = model.asked()
        self._rows = {shape.rows: model.cut(rows, shape.rows, shape.bodies) for shape in SHAPES}
        self._expected = {
            size: [_expected(fitted, request) for request in requests]
            for size, requests in self._rows.items()
        }
        self._questions: dict[tuple[dialects.Dialect, int], list[Question]] = {}

    def prepare(self, peer: Peer) -> None:
        """Give the model to a server, which may want it in a form of its own."""
        if peer.prepare is not None:
            server = self._server(peer)
            try:
                peer.prepare(server.place)
            finally:
                server.stop()

    def closed(self, peer: Peer) -> Closed:
        """Start a server, compare, load it in every shape, compare again, stop it.

        Raises:
            Wrong: an answer failed or was wrong.
        """
        with self._running(peer) as (server, first_answer_s):
            said = self._checked(server)
            self._warm_up(server)
            loads = {shape.name: self._load(server, shape) for shape in SINGLE}
            held = processes.memory_mib(server.processes())
            rest = [shape for shape in SHAPES if shape not in SINGLE]
            loads |= {shape.name: self._load(server, shape) for shape in rest}
            self._checked(server)
        return Closed(
            peer=peer.name,
            first_answer_s=round(first_answer_s, 2),
            loads=loads,
            memory_mib=round(sum(mib for _, mib in held), 1),
            processes=held,
            answer_bytes=_mean([one.head_bytes + len(one.body) for one in said]),
            body_bytes=_mean([len(one.body) for one in said]),
        )

    def open(self, peer: Peer, rates_per_s: Sequence[float]) -> list[Open]:
        """Start a server and let one-row requests arrive at each of the rates.

        Raises:
            Wrong: an answer failed or was wrong.
        """
        with self._running(peer) as (server, _):
            self._warm_up(server)
            return [asyncio.run(self._arrivals(server, rate)) for rate in rates_per_s]

    def _server(self, peer: Peer) -> Server:
        kept = self._work / peer.environment.name
        kept.mkdir(parents=True, exist_ok=True)
        return Server(peer, self._port, self.stored, kept)

    def _running(self, peer: Peer) -> AbstractContextManager[tuple[Server, float]]:
        return running(self._server(peer), self._asked(peer, 1)[0])

    def _asked(self, peer: Peer, size: int) -> list[Question]:
        dialect = peer.speaks(size)
        found = self._questions.get((dialect, size))
        if found is None:
            pairs = zip(self._rows[size], self._expected[size], strict=True)
            found = [Question(dialect, dialect.encode(rows), expected) for rows, expected in pairs]
            self._questions[dialect, size] = found
        return found

    def _checked(self, server: Server) -> list[answers.Said]:
        """Ask every question once; gives the answers to those of one row."""
        single: list[answers.Said] = []
        for size in self._rows:
            questions = self._asked(server.peer, size)
            try:
                said = answers.ask(server.place.port, questions)
            except OSError as error:
                raise Wrong(f"{server.peer.name}: {error!r}; {server.said()}") from error
            answers.check(server.peer.name, said, questions)
            single = said if size == 1 else single
        return single

    def _bodies(self, server: Server, size: int) -> Path:
        file = server.place.scratch / f"bodies-{size}"
        if not file.exists():
            wrk.write_bodies(file, [one.body for one in self._asked(server.peer, size)])
        return file

    def _warm_up(self, server: Server) -> None:
        wrk.load(
            server.url(1),
            self._bodies(server, 1),
            connections=WARM_UP_CONNECTIONS,
            seconds=self._warm_up_s,
        )

    def _load(self, server: Server, shape: Shape) -> wrk.Measured:
        measured = wrk.load(
            server.url(shape.rows),
            self._bodies(server, shape.rows),
            connections=shape.connections,
            seconds=max(self._seconds, shape.least_seconds),
        )
        if measured.failed or not measured.requests:
            raise Wrong(
                f"{server.peer.name}, {shape.name}: {measured.requests} answers, "
                f"failed {measured.failed_by}; {server.said()}"
            )
        return measured

    async def _arrivals(self, server: Server, rate_per_s: float) -> Open:
        headers = {"host": "127.0.0.1", "content-type": "application/json"}
        path = server.peer.speaks(1).path
        requests = [
            build_request("POST", path, headers, one.body) for one in self._asked(server.peer, 1)
        ]
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._seconds + OPEN_GRACE_S, stop.set)
        report = await run_open(
            "127.0.0.1",
            server.place.port,
            requests,
            rate_per_s=rate_per_s,
            duration_s=self._seconds,
            connections=OPEN_CONNECTIONS,
            stop=stop,
        )
        timer.cancel()
        if report.failed:
            raise Wrong(
                f"{server.peer.name}, {rate_per_s:.0f} arrivals/s: {dict(report.failed_by)}; "
                f"{dict(report.bodies)}"
            )
        latency = report.latency
        return Open(
            peer=server.peer.name,
            rate_per_s=rate_per_s,
            answered=report.ok,
            unsent=report.unsent,
            p50_ms=latency.p50_ms if latency else None,
            p99_ms=latency.p99_ms if latency else None,
            p999_ms=latency.p999_ms if latency else None,
        )


def _expected(fitted: Any, rows: model.Rows) -> dialects.Numbers:
    frame = pd.DataFrame(rows)[list(model.COLUMNS)]
    found: dialects.Numbers = fitted.predict_proba(frame)[:, 1].astype(float)
    return found


def _mean(sizes: Sequence[int]) -> float:
    return round(sum(sizes) / len(sizes), 1)
