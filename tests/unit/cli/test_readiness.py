"""Waiting for a deployment says what is missing, and gives up on what has failed."""

import http.server
import json
import threading
from pathlib import Path

import pytest
import yaml

from serve_app.cli.readiness import wait_until_ready
from serve_app.errors import NotReady, ServerFault
from serve_app.serving.cluster import Running

DECLARED = {
    "applications": [
        {"name": "gateway"},
        {
            "name": "control",
            "deployments": [{"name": "Control", "user_config": {"endpoints": {"risk": {}}}}],
        },
    ]
}
UP = "# pxname,svname,status\nhttp-default,SERVE_REPLICA::a,UP\n"


def application(status, message="", said=""):
    return {"status": status, "message": message, "deployments": {"D": {"message": said}}}


class World:
    """What the dashboard, HAProxy and the gateway say, on one port of this machine."""

    def __init__(self):
        self.applications = {name: application("RUNNING") for name in ("gateway", "control")}
        self.stats = UP
        self.endpoints = ["risk"]
        self.asked = 0

    def page(self, path):
        self.asked += 1
        if path.startswith("/api/serve/applications"):
            return json.dumps({"applications": self.applications})
        if path.startswith("/stats"):
            return self.stats
        listed = [{"name": name} for name in self.endpoints]
        return json.dumps({"snapshot": 1, "endpoints": listed})


@pytest.fixture
def world():
    """A world in which everything is ready, until a test says otherwise."""
    made = World()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            content = made.page(self.path).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        made.port = server.server_port
        yield made
        server.shutdown()
        thread.join()


@pytest.fixture
def wait(world, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(DECLARED))
    running = Running(Path("/nowhere"), world.port, world.port, world.port, 1, "127.0.0.1", {})

    def run(timeout_s=0.0):
        wait_until_ready(running, file, timeout_s=timeout_s)

    return run


def test_what_is_ready_is_waited_for_no_longer(wait, world):
    wait()
    assert world.asked >= 3


def test_an_application_that_failed_is_told_with_its_reason_at_once(wait, world):
    world.applications["control"] = application("DEPLOY_FAILED", "no version 7\nof diagnosis")
    with pytest.raises(ServerFault, match="'control' failed: no version 7 of diagnosis"):
        wait(timeout_s=60.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gateway": application("DEPLOYING")}, r"gateway \(deploying\)"),
        (
            {"gateway": application("DEPLOYING", said="waits for 1 CPU; 0.2 are free")},
            "waits for 1 CPU",
        ),
    ],
)
def test_an_application_that_still_starts_is_named_with_what_serve_says(wait, world, change, said):
    world.applications.update(change)
    with pytest.raises(NotReady, match=said):
        wait()


def test_an_application_that_serve_does_not_know_yet_is_waited_for(wait, world):
    del world.applications["control"]
    with pytest.raises(NotReady, match=r"control \(not_started\)"):
        wait()


def test_haproxy_must_see_the_gateway(wait, world):
    world.stats = UP.replace("UP", "DOWN")
    with pytest.raises(NotReady, match="HAProxy does not see the gateway yet"):
        wait()


def test_every_declared_endpoint_must_stand(wait, world):
    world.endpoints = []
    with pytest.raises(NotReady, match="endpoints starting: risk"):
        wait()


def test_a_cluster_that_does_not_answer_is_said(wait, world, tmp_path):
    file = tmp_path / "config.yaml"
    gone = Running(Path("/nowhere"), 1, 1, 1, 1, "127.0.0.1", {})
    with pytest.raises(NotReady, match="does not answer"):
        wait_until_ready(gone, file, timeout_s=0.0)
