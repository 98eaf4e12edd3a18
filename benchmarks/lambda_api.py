"""Lambda's runtime API, which a function's process asks for events and gives its answers to.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

VERSION = "/2018-06-01/runtime"
FUNCTION = "arn:aws:lambda:eu-central-1:000000000000:function:example"
WAIT_S = 60.0


class Event(NamedTuple):
    """An event as it is handed out, with the seconds that it has."""

    name: str
    body: bytes
    left_s: float


@dataclass(frozen=True)
class Outcome:
    """What became of an invocation: `kind` is response or error, and how long it took."""

    kind: str
    body: bytes
    took_s: float

    @property
    def value(self) -> Any:
        """What the function gave, or how it failed."""
        return json.loads(self.body)


class _Handler(BaseHTTPRequestHandler):
    """Speaks for the API that its server has."""

    protocol_version = "HTTP/1.1"
    # The head and the body leave together, as from any grown server.
    wbufsize = -1
    disable_nagle_algorithm = True

    def _api(self) -> RuntimeApi:
        assert isinstance(self.server, _Server)
        return self.server.api

    def do_GET(self) -> None:
        assert self.path == f"{VERSION}/invocation/next"
        event = self._api().events.get()
        if event is None:
            self.close_connection = True
            return
        name, body, left_s = event
        self._answer(
            200,
            body,
            {
                "Lambda-Runtime-Aws-Request-Id": name,
                "Lambda-Runtime-Deadline-Ms": str(int((time.time() + left_s) * 1000)),
                "Lambda-Runtime-Invoked-Function-Arn": FUNCTION,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        if self.path == f"{VERSION}/init/error":
            self._api().init_errors.put(json.loads(body))
            # Who waits for an answer does not wait for nothing.
            self._api().outcomes.put(("", "init error", body))
        else:
            _, name, kind = self.path.removeprefix(VERSION).rsplit("/", 2)
            self._api().outcomes.put((name, kind, body))
        self._answer(202, b'{"status":"OK"}', {})

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers["content-length"]))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    """Serves one function, and does not mind when its process is gone."""

    daemon_threads = True
    api: RuntimeApi

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what is wrong with this side alone."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class RuntimeApi:
    """Hands events out one by one, and takes what becomes of them."""

    def __init__(self) -> None:
        self.events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self.outcomes: queue.SimpleQueue[tuple[str, str, bytes]] = queue.SimpleQueue()
        self.init_errors: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._numbers = 0
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """Where it listens, as AWS_LAMBDA_RUNTIME_API says it."""
        return f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def invoke(self, event: Any, *, left_s: float = 30.0) -> Outcome:
        """The outcome of one event, which has so many seconds."""
        self._numbers += 1
        given = json.dumps(event).encode()
        started = time.perf_counter()
        self.events.put(Event(f"invocation-{self._numbers}", given, left_s))
        name, kind, body = self.outcomes.get(timeout=WAIT_S)
        took_s = time.perf_counter() - started
        assert name == f"invocation-{self._numbers}", body
        return Outcome(kind, body, took_s)


@contextmanager
def function(
    api: RuntimeApi, handler: str, environ: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Lambda's own runtime client with a handler, which is gone afterwards."""
    root = Path(__file__).parents[1]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": path,
        "AWS_LAMBDA_RUNTIME_API": api.address,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": "example",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "LAMBDA_TASK_ROOT": str(root),
        **environ,
    }
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            env=environment,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
