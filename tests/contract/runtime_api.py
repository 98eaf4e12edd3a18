"""Lambda's runtime API, which a function's process asks for events and gives its answers to.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

VERSION = "/2018-06-01/runtime"
FUNCTION = "arn:aws:lambda:eu-central-1:000000000000:function:example"
WAIT_S = 60.0


@dataclass(frozen=True)
class Outcome:
    """What became of an invocation: `kind` is response or error, and how long it took."""

    kind: str
    body: bytes
    took_s: float

    @property
    def value(self):
        return json.loads(self.body)


class _Handler(BaseHTTPRequestHandler):
    """Speaks for the API that its server has."""

    protocol_version = "HTTP/1.1"
    # The head and the body leave together, as from any grown server.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self):
        assert self.path == f"{VERSION}/invocation/next"
        event = self.server.api.events.get()
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

    def do_POST(self):
        body = self._body()
        if self.path == f"{VERSION}/init/error":
            self.server.api.init_errors.put(json.loads(body))
            # Who waits for an answer does not wait for nothing.
            self.server.api.outcomes.put(("", "init error", body))
        else:
            _, name, kind = self.path.removeprefix(VERSION).rsplit("/", 2)
            self.server.api.outcomes.put((name, kind, body))
        self._answer(202, b'{"status":"OK"}', {})

    def _body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers["content-length"]))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status, body, headers):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


class RuntimeApi:
    """Hands events out one by one, and takes what becomes of them."""

    def __init__(self):
        self.events = queue.SimpleQueue()
        self.outcomes = queue.SimpleQueue()
        self.init_errors = queue.SimpleQueue()
        self._numbers = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.api = self
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self):
        host, port = self._server.server_address[:2]
        return f"{host}:{port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def invoke(self, event, *, left_s=30.0):
        """The outcome of one event, which has so many seconds."""
        self._numbers += 1
        given = json.dumps(event).encode()
        started = time.perf_counter()
        self.events.put((f"invocation-{self._numbers}", given, left_s))
        name, kind, body = self.outcomes.get(timeout=WAIT_S)
        took_s = time.perf_counter() - started
        assert name == f"invocation-{self._numbers}", body
        return Outcome(kind, body, took_s)


@contextmanager
def function(api, handler, environ, log: Path):
    """A process of Lambda's own runtime client with a handler, which is gone afterwards."""
    root = Path(__file__).parents[2]
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
