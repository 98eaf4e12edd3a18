"""The command line as people use it."""

import http.server
import json
import socket
import threading
import time
from dataclasses import dataclass

import pytest
import uvicorn

from serve_app.cli.main import main
from serve_app.cluster.node import Cluster, Running
from serve_app.gateway.admin.app import build


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture
def serve_app(capsys):
    """Run `serve-app` in this process."""

    def run(*arguments):
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Said(caught.value.code or 0, printed.out, printed.err)

    return run


class World:
    """What the dashboard and the gateway of a running cluster say."""

    def __init__(self):
        self.applications = {}
        self.endpoints = []
        self.nodes = {}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A cluster that runs, as far as anybody can tell from outside."""
    made = World()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path.startswith("/api/serve"):
                body = {"applications": made.applications}
            elif self.path.startswith("/api/cluster_status"):
                types = {node: f"node_{node}" for node in made.nodes}
                report = {"autoscalerReport": {"nodeTypeMapping": types}}
                body = {"data": {"clusterStatus": report}}
            elif self.path.startswith("/api/v0/nodes"):
                found = [{"state": "ALIVE", "resources_total": one} for one in made.nodes.values()]
                body = {"data": {"result": {"result": found}}}
            elif made.endpoints is None:
                self.send_error(503)
                return
            else:
                body = {"snapshot": 1, "endpoints": made.endpoints}
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    home = {"SERVE_APP_HOME": str(tmp_path)}
    running = Running(tmp_path, port, port, port, port, "127.0.0.1", home)
    monkeypatch.setattr(Cluster, "running", lambda _: running)
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(actions):
    """The address of an admin API that does what the test's own `actions` do."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = build(actions, host="127.0.0.1", ids=lambda: "drawn")
    running = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=running.run, args=([listening],), daemon=True)
    thread.start()
    deadline = time.monotonic() + 10
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    running.should_exit = True
    thread.join(10)


@pytest.fixture
def nobody():
    """An address at which nothing answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def ask(serve_app, server):
    return lambda *arguments: serve_app(*arguments, "--server", server)
