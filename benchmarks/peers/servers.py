"""Starts one server, waits for its first right answer, and leaves nothing of it behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.peers import answers, processes
from benchmarks.peers.answers import Question
from benchmarks.peers.model import Stored
from benchmarks.peers.peer import ONE_THREAD, Launch, Peer, Place

READY_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 60.0
FIRST_TIMEOUT_S = 10.0
POLL_S = 0.02
PORTS = 16
LOG_CHARS = 1500


class NotStarted(Exception):
    """A server did not come up or did not go away; says what it said."""


class Server:
    """A server that was started fresh."""

    def __init__(self, peer: Peer, port: int, model: Stored, kept: Path) -> None:
        self.peer = peer
        # Short, for the sockets that some servers put below it.
        self._scratch = Path(tempfile.mkdtemp(prefix="bench-"))
        self.place = Place(port, model, kept, self._scratch)
        self._mark = uuid.uuid4().hex
        self._sessions: list[int] = []
        self._last: subprocess.Popen[bytes] | None = None
        self._log = self._scratch / "server.log"
        self._launch: Launch | None = None

    def url(self, rows: int) -> str:
        """Where predictions of so many rows are asked for."""
        return f"http://127.0.0.1:{self.place.port}{self.peer.speaks(rows).path}"

    def start(self, question: Question) -> float:
        """Start it; gives the seconds from the first process to the first right answer.

        Raises:
            NotStarted: a command failed, or there was no answer in time.
            Wrong: the first answer was another than scikit-learn's.
        """
        require_free(self.place.port)
        self._launch = self.peer.launch(self.place)
        began = time.monotonic()
        deadline = began + READY_TIMEOUT_S
        *before, last = self._launch.commands
        for command in before:
            self._finish(self._spawn(command), deadline)
        self._last = self._spawn(last)
        if self._launch.returns:
            self._finish(self._last, deadline)
        self._answered(question, deadline)
        return time.monotonic() - began

    def processes(self) -> list[psutil.Process]:
        """All living processes of the server."""
        return processes.belonging(self._mark, self._sessions)

    def stop(self) -> None:
        """End every process and remove its files.

        Raises:
            NotStarted: a process cannot be ended.
        """
        try:
            if self._launch is not None and self._launch.stop and self._sessions:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._spawn(self._launch.stop).wait(STOP_TIMEOUT_S)
            left = processes.end(self.processes)
        finally:
            if self._last is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._last.wait(STOP_TIMEOUT_S)
            shutil.rmtree(self._scratch, ignore_errors=True)
        if left:
            raise NotStarted(f"{self.peer.name}: these processes cannot be ended: {left}")

    def said(self) -> str:
        """The end of what the server wrote."""
        return self._log.read_text(errors="replace").strip()[-LOG_CHARS:]

    def _spawn(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        assert self._launch is not None
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"PYTHONPATH", "VIRTUAL_ENV"} and not name.startswith("RAY_")
        }
        scripts = self.peer.environment.script("")
        variables = {
            **inherited,
            **ONE_THREAD,
            **self._launch.variables,
            "PATH": os.pathsep.join([scripts, inherited.get("PATH", os.defpath)]),
            processes.MARK_VARIABLE: self._mark,
        }
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self._scratch,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._sessions.append(process.pid)
        return process

    def _finish(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        try:
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise NotStarted(f"{self.peer.name} took too long: {self.said()}") from None
        if code != 0:
            raise NotStarted(f"{self.peer.name} did not start: {self.said()}")

    def _answered(self, question: Question, deadline: float) -> None:
        """Poll until there is an answer, which has to be right."""
        assert self._launch is not None
        last = "nobody listens"
        while time.monotonic() < deadline:
            if not self._launch.returns and self._last is not None:
                code = self._last.poll()
                if code is not None:
                    raise NotStarted(f"{self.peer.name} ended with {code}: {self.said()}")
            try:
                said = answers.ask(self.place.port, [question], timeout_s=FIRST_TIMEOUT_S)
            except OSError as error:
                last = repr(error)
            else:
                if said[0].status == 200:
                    answers.check(self.peer.name, said, [question])
                    return
                last = f"status {said[0].status}: {said[0].body[:300]!r}"
            time.sleep(POLL_S)
        raise NotStarted(f"{self.peer.name} gave no answer ({last}): {self.said()}")


@contextlib.contextmanager
def running(server: Server, question: Question) -> Iterator[tuple[Server, float]]:
    """A started server and its seconds to the first right answer; stopped in any case."""
    try:
        yield server, server.start(question)
    finally:
        server.stop()


def require_free(first: int) -> None:
    """Make sure that the row of ports is free.

    Raises:
        NotStarted: one is taken; says which.
    """
    for port in range(first, first + PORTS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise NotStarted(
                    f"port {port} is taken; choose the first of {PORTS} others with --port"
                ) from None
