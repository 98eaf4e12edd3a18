"""Measures servers in alternating rounds, each started fresh and alone on the machine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.peers import answers, dialects, h2load, model, processes, rpc, wrk
from benchmarks.peers import generator as generators
from benchmarks.peers.answers import Question, Said, Wrong
from benchmarks.peers.arrivals import arrive
from benchmarks.peers.measured import GRPC, HTTP1, SHAPES, Closed, Generator, Open, Shape
from benchmarks.peers.peer import Peer
from benchmarks.peers.servers import Server, running
from benchmarks.wire import build_request

WARM_UP_CONNECTIONS = 16
# Answers differ by the digits of their ids and probabilities; failed calls have no data.
LEAST_DATA = 0.8
JSON_HEADERS = ("content-type: application/json",)


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

    def measured(
        self, peer: Peer, parts: Collection[str], rates_per_s: Sequence[float]
    ) -> tuple[Closed, list[Open]]:
        """Start a server, compare, load it in the shapes of these parts, compare again, stop it.

        One-row requests then arrive at each of the rates.

        Raises:
            Wrong: an answer to a closed load failed or was wrong.
        """
        shapes = [shape for shape in SHAPES if shape.part in parts and shape.fits(peer)]
        with self._running(peer) as (server, first_answer_s):
            said = self._checked(server)
            self._warm_up(server)
            loads = {one.name: self._load(server, one) for one in shapes if one.rows == 1}
            held = processes.memory_mib(server.processes())
            loads |= {one.name: self._load(server, one) for one in shapes if one.rows > 1}
            self._checked(server)
            opened = self._arrivals(server, rates_per_s)
        closed = Closed(
            peer=peer.name,
            first_answer_s=round(first_answer_s, 2),
            loads=loads,
            memory_mib=round(sum(mib for _, mib in held), 1),
            processes=held,
            answer_bytes=_mean([one.head_bytes + len(one.body) for one in said]),
            body_bytes=_mean([len(one.body) for one in said]),
        )
        return closed, opened

    def open(self, peer: Peer, rates_per_s: Sequence[float]) -> list[Open]:
        """Start a server and let one-row requests arrive at each of the rates."""
        with self._running(peer) as (server, _):
            self._warm_up(server)
            return self._arrivals(server, rates_per_s)

    def generator(self, peer: Peer, rates_per_s: Sequence[float]) -> Generator:
        """What the generator of arrivals does with a server's bodies where nobody computes."""
        requests = self._requests(peer)
        return generators.measured(self._port, requests, rates_per_s, self._seconds)

    def _server(self, peer: Peer) -> Server:
        kept = self._work / peer.environment.name
        kept.mkdir(parents=True, exist_ok=True)
        return Server(peer, self._port, self.stored, kept)

    def _running(self, peer: Peer) -> AbstractContextManager[tuple[Server, float]]:
        return running(self._server(peer), self._asked(peer, 1)[0])

    def _asked(self, peer: Peer, size: int) -> list[Question]:
        return self._spoken(peer.speaks(size), size)

    def _spoken(self, dialect: dialects.Dialect, size: int) -> list[Question]:
        found = self._questions.get((dialect, size))
        if found is None:
            pairs = zip(self._rows[size], self._expected[size], strict=True)
            found = [Question(dialect, dialect.encode(rows), expected) for rows, expected in pairs]
            self._questions[dialect, size] = found
        return found

    def _checked(self, server: Server) -> list[Said]:
        """Ask every question once; gives the answers to those of one row."""
        single: list[Said] = []
        for size in self._rows:
            questions = self._asked(server.peer, size)
            try:
                said = answers.ask(server.place.port, questions)
            except OSError as error:
                raise Wrong(f"{server.peer.name}: {error!r}; {server.said()}") from error
            answers.check(server.peer.name, said, questions)
            single = said if size == 1 else single
        if server.peer.grpc_after is not None:
            self._checked_rpc(server)
        return single

    def _checked_rpc(self, server: Server) -> list[Said]:
        questions = self._spoken(rpc.TYPED, 1)
        assert server.peer.grpc_after is not None
        try:
            said = rpc.ask(server.place.port + server.peer.grpc_after, questions)
        except OSError as error:
            raise Wrong(f"{server.peer.name}, gRPC: {error!r}; {server.said()}") from error
        answers.check(f"{server.peer.name}, gRPC", said, questions)
        return said

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
        seconds = max(self._seconds, shape.least_seconds)
        if shape.protocol == HTTP1:
            measured = wrk.load(
                server.url(shape.rows),
                self._bodies(server, shape.rows),
                connections=shape.connections,
                seconds=seconds,
            )
        else:
            measured = self._load_http2(server, shape, seconds)
        if measured.failed or not measured.requests:
            raise Wrong(
                f"{server.peer.name}, {shape.name}: {measured.requests} answers, "
                f"failed {measured.failed_by}; {server.said()}"
            )
        return measured

    def _load_http2(self, server: Server, shape: Shape, seconds: float) -> wrk.Measured:
        """The first body again and again, for h2load knows one; void if answers are too short."""
        file = server.place.scratch / f"body-{shape.part}"
        if shape.protocol == GRPC:
            said = self._checked_rpc(server)[0]
            file.write_bytes(rpc.framed(self._spoken(rpc.TYPED, 1)[0].body))
            port = server.place.port + (server.peer.grpc_after or 0)
            call = h2load.Call(f"http://127.0.0.1:{port}{rpc.TYPED.path}", file, rpc.HEADERS)
        else:
            question = self._asked(server.peer, 1)[0]
            said = answers.ask(server.place.port, [question])[0]
            file.write_bytes(question.body)
            call = h2load.Call(server.url(1), file, JSON_HEADERS)
        log = server.place.scratch / "requests.tsv"
        measured, data_bytes = h2load.load(
            call, log, connections=shape.connections, seconds=seconds
        )
        if data_bytes < LEAST_DATA * len(said.body):
            raise Wrong(
                f"{server.peer.name}, {shape.name}: {data_bytes:.0f} bytes an answer instead of "
                f"{len(said.body)}: calls failed; {server.said()}"
            )
        return measured

    def _requests(self, peer: Peer) -> list[bytes]:
        headers = {"host": "127.0.0.1", "content-type": "application/json"}
        path = peer.speaks(1).path
        return [build_request("POST", path, headers, one.body) for one in self._asked(peer, 1)]

    def _arrivals(self, server: Server, rates_per_s: Sequence[float]) -> list[Open]:
        requests = self._requests(server.peer)
        return [
            arrive(
                server.peer.name,
                server.place.port,
                requests,
                rate_per_s=rate_per_s,
                seconds=self._seconds,
            )
            for rate_per_s in rates_per_s
        ]


def _expected(fitted: Any, rows: model.Rows) -> dialects.Numbers:
    frame = pd.DataFrame(rows)[list(model.COLUMNS)]
    found: dialects.Numbers = fitted.predict_proba(frame)[:, 1].astype(float)
    return found


def _mean(sizes: Sequence[int]) -> float:
    return round(sum(sizes) / len(sizes), 1)
