"""Real clusters, started and deployed to through the same commands that users type."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs"
BIN = Path(sys.executable).parent
PAST_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(condition: Callable[[], Any], *, timeout_s: float, what: str) -> Any:
    """Poll until a condition holds; fail with what was waited for."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail(f"not within {timeout_s} s: {what}")


def free_row(length: int, above: int = 0) -> int:
    """The first of a row of free ports, none of which a cluster below `above` has yet to take.

    Processes that share the tests of one run look in other places: what is free a moment before
    both take it is free to both.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    begin = above + 50 * worker if above else 18_000 + 4_000 * worker + os.getpid() % 150 * 20
    for first in range(begin, 30_000, length):
        with _Held(first, length) as free:
            if free:
                return first
    pytest.fail("no row of free ports")


class _Held:
    """Holds a row of ports for as long as it is entered; false when one is taken."""

    def __init__(self, first: int, length: int) -> None:
        self._ports = range(first, first + length)
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> bool:
        for port in self._ports:
            probe = socket.socket()
            self._sockets.append(probe)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True

    def __exit__(self, *_: object) -> None:
        for probe in self._sockets:
            probe.close()


@dataclass
class Answer:
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class TestCluster:
    """One cluster in a folder of its own, used like a user would: with the command line."""

    __test__ = False
    home: Path
    http_port: int
    dashboard_port: int
    internal_ports: int
    _names: Iterator[int] = field(default_factory=itertools.count)

    def run(self, *arguments: str, code: int = 0, timeout_s: float = 300) -> str:
        """Run `serve-app`, check its exit code, give what it printed."""
        done = subprocess.run(
            [str(BIN / "serve-app"), *arguments],
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert done.returncode == code, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done.stdout if code == 0 else done.stderr

    def start(self, *options: str) -> None:
        self.run(
            "cluster", "start", "--drain-s", "1",
            "--http-port", str(self.http_port),
            "--dashboard-port", str(self.dashboard_port),
            "--internal-ports", str(self.internal_ports),
            *options,
        )  # fmt: skip

    def write(self, body: dict[str, Any]) -> Path:
        """Write a config for this cluster's ports."""
        body = {**body, "http_options": {"host": "127.0.0.1", "port": self.http_port}}
        path = self.home / f"config-{next(self._names)}.yaml"
        path.write_text(yaml.safe_dump(body, sort_keys=False))
        return path

    def deploy(self, body: dict[str, Any]) -> None:
        """Validate, deploy and wait, as `serve-app deploy` does."""
        self.run("deploy", self.write(body).name)

    def serve_deploy(self, body: dict[str, Any]) -> None:
        """Ray's own command and nothing else."""
        done = subprocess.run(
            [str(BIN / "serve"), "deploy", self.write(body).name, "-a", self.dashboard_url],
            cwd=self.home,
            env={**os.environ, **json.loads(self.run("cluster", "env", "--json"))},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    @property
    def token(self) -> Path:
        """The file with what Ray's dashboard must be shown."""
        return self.home / "state" / "ray-token"

    def dashboard(self, path: str) -> Any:
        """JSON of a page of Ray's dashboard."""
        shown = {"authorization": f"Bearer {self.token.read_text()}"}
        request = urllib.request.Request(f"{self.dashboard_url}{path}", headers=shown)
        with PAST_PROXIES.open(request) as answer:
            return json.load(answer)

    @property
    def admin_url(self) -> str:
        """The admin API's, whose port is the ninth of the row of internal ones."""
        return f"http://127.0.0.1:{self.internal_ports + 8}"

    @property
    def dashboard_url(self) -> str:
        return f"http://127.0.0.1:{self.dashboard_port}"

    def request(
        self, path: str, body: Any = None, *, headers: dict[str, str] | None = None
    ) -> Answer:
        """GET, or POST when there is a body (bytes, or anything that becomes JSON)."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", **(headers or {})}
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data, sent)
        try:
            with PAST_PROXIES.open(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def predict(self, endpoint: str, rows: list[Any], **more: Any) -> Any:
        answer = self.request(f"/v1/models/{endpoint}:predict", {"instances": rows, **more})
        assert answer.status == 200, answer.content
        return answer.json()

    def applications(self) -> dict[str, Any]:
        return self.dashboard("/api/serve/applications/")["applications"]

    def replicas(self, application: str) -> list[int]:
        """The process ids of an application's running replicas."""
        deployments = self.applications().get(application, {}).get("deployments", {})
        return [
            replica["pid"]
            for deployment in deployments.values()
            for replica in deployment["replicas"]
            if replica["state"] == "RUNNING"
        ]

    def kill(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        until(lambda: not psutil.pid_exists(pid), timeout_s=10, what=f"death of {pid}")


def config(name: str) -> dict[str, Any]:
    """A config of the project, ready to be changed by a test."""
    body: dict[str, Any] = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
    return body


def application(body: dict[str, Any], name: str) -> dict[str, Any]:
    """One application of a config."""
    return next(app for app in body["applications"] if app["name"] == name)


def endpoints(body: dict[str, Any]) -> dict[str, Any]:
    """The declared endpoints of a config."""
    found: dict[str, Any] = application(body, "control")["deployments"][0]["user_config"][
        "endpoints"
    ]
    return found
