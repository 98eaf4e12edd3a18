"""`serve-app run` as a process of its own."""

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[3]
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
START_S = 60
COMMAND = "import sys\nfrom serve_app.cli.main import main\nmain(sys.argv[1:])"


class Running:
    """A process that was started with some arguments; `url` is where it answers."""

    def __init__(self, process):
        self.process = process
        self.log = []
        self.url = None

    def _next(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"it ended: {self.process.stderr.read()}")
        self.log.append(json.loads(line))
        return self.log[-1]

    def until(self, message):
        """The first line of the log that says this."""
        while True:
            line = self._next()
            if line["message"] == message:
                return line

    def get(self, path, body=None, **headers):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with DIRECT.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()


@contextlib.contextmanager
def running(*arguments, home, environment=(), before=""):
    """A process on a free port, once it answers; `before` is Python that runs first in it."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"{before}\n{COMMAND}", "run", *arguments, "--port", "0"],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT), **dict(environment)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        one = Running(process)
        one.url = f"http://127.0.0.1:{one.until('listening')['port']}"
        one.until("answering")
        yield one
    finally:
        process.kill()
        process.wait(START_S)
        process.stdout.close()
        process.stderr.close()


def ended(process, within_s):
    """The exit code of a process that ends by itself in time."""
    started_s = time.monotonic()
    code = process.wait(within_s)
    return code, time.monotonic() - started_s
