"""A real server in a process of its own, attacked beside a client that asks as it should."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx
import psutil

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60
ROW = {"age": 61.0, "dose": 2.5}
PERIOD_S = 0.02


@dataclass
class Answer:
    """What came of one request that was written as bytes."""

    status: int
    head: bytes
    body: bytes
    took_s: float


@dataclass
class Server:
    """A process that answers on a port of this machine."""

    process: psutil.Process
    port: int
    log: Path
    polite: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory_mib(self) -> float:
        return self.process.memory_info().rss / 2**20

    def post(
        self, path: str, content: bytes | Iterator[bytes], media_type: str = "application/json",
        **headers: str,
    ) -> httpx.Response:  # fmt: skip
        given = {"content-type": media_type, **{n.replace("_", "-"): v for n, v in headers.items()}}
        return httpx.post(self.url + path, content=content, headers=given, timeout=DEADLINE_S)

    def raw(self, *parts: bytes) -> Answer:
        """Write bytes as they are, and read until the server closes or answers no more."""
        began_s = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.port), DEADLINE_S) as one:
            try:
                for part in parts:
                    one.sendall(part)
                one.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # It need not read what it refuses.
            received = bytearray()
            try:
                while chunk := one.recv(65_536):
                    received += chunk
            except OSError:
                pass
        head, _, body = bytes(received).partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.") else 0
        return Answer(status, head, body, time.monotonic() - began_s)

    def predicts(self) -> bool:
        answer = self.post("/v1/models/logistic:predict", json.dumps({"instances": [ROW]}).encode())
        return answer.status_code == 200

    @contextmanager
    def beside_a_client(self) -> Iterator[None]:
        """A client asks 50 times a second meanwhile; whatever is no answer to it is kept."""
        over = threading.Event()
        content = json.dumps({"instances": [ROW]}).encode()

        def ask() -> None:
            with httpx.Client(timeout=DEADLINE_S) as client:
                while not over.wait(PERIOD_S):
                    try:
                        answer = client.post(
                            f"{self.url}/v1/models/logistic:predict",
                            content=content,
                            headers={"content-type": "application/json"},
                        )
                    except httpx.HTTPError as error:
                        self.polite.append(type(error).__name__)
                    else:
                        if answer.status_code != 200:
                            self.polite.append(str(answer.status_code))

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(DEADLINE_S)


@contextmanager
def running(
    folder: Path, registry: str, *options: str, models: Sequence[str] = ("logistic@1", "line@1"),
    output: IO[bytes] | None = None,
) -> Iterator[Server]:  # fmt: skip
    """`serve-app run` of some models, until the end; what it prints comes to `log` in the folder.

    It may be written to another `output`, whoever brings it there then.
    """
    log = folder / "log"
    command = [
        sys.executable, "-c", "import sys; from serve_app.cli.main import main; main(sys.argv[1:])",
        "run", *models, "--registry", registry, "--port", "0", *options,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with (
        nullcontext(output) if output else log.open("wb") as writing,
        subprocess.Popen(command, stdout=writing, stderr=writing, env=environment) as process,
    ):
        try:
            server = Server(psutil.Process(process.pid), _port(log, process), log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _port(log: Path, process: subprocess.Popen[bytes]) -> int:
    """The port on which it answers, once it does."""
    deadline_s = time.monotonic() + DEADLINE_S
    port = None
    while time.monotonic() < deadline_s and process.poll() is None:
        for line in log.read_text().splitlines():
            said = json.loads(line) if line.startswith("{") else {}
            if said.get("message") == "listening":
                port = said["port"]
            if said.get("message") == "answering" and port is not None:
                return int(port)
        time.sleep(0.05)
    raise AssertionError(f"it does not answer: {log.read_text()[-2000:]}")
