"""Waiting for a deployment says what is missing, and gives up on what has failed."""

import http.server
import json
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from serve_app.cluster.node import Running
from serve_app.config import ControlSettings
from serve_app.control.declare import declaration_hash
from serve_app.errors import Conflict, NotReady, ServerFault
from serve_app.serving.deploying import readiness
from serve_app.serving.deploying.readiness import wait_until_ready

ENDPOINTS = {"endpoints": {"risk": {"route": {"kind": "single", "model": "risk@2"}}}}
DECLARED = {
    "applications": [
        {"name": "gateway", "route_prefix": "/", "import_path": "serve_app.app:gateway"},
        {
            "name": "control",
            "route_prefix": None,
            "import_path": "serve_app.app:control",
            "deployments": [{"name": "Control", "user_config": ENDPOINTS}],
        },
    ]
}
HASH = declaration_hash(ControlSettings.model_validate(ENDPOINTS))
UP = "# pxname,svname,status\nhttp-default,SERVE_REPLICA::a,UP\n"


def application(status, message="", said=""):
    return {"status": status, "message": message, "deployments": {"D": {"message": said}}}


def acknowledged(snapshot, trouble=None):
    return {"snapshot": snapshot, "trouble": trouble, "loaded": {}}


class World:
    """What the dashboard, HAProxy and the gateway say, on one port of this machine."""

    def __init__(self):
        self.applications = {name: application("RUNNING") for name in ("gateway", "control")}
        replicas = [{"replica_id": name, "state": "RUNNING"} for name in ("first", "second")]
        replicas.append({"replica_id": "leaving", "state": "STOPPING"})
        gateway = {"Gateway": {"message": "", "replicas": replicas}}
        self.applications["gateway"]["deployments"] = gateway
        self.given = DECLARED["applications"]
        self.stats = UP
        self.status = {
            "declaration": HASH,
            "snapshot": 7,
            "waiting": {},
            "reasons": {},
            "gateways": {name: acknowledged(7) for name in ("first", "second")},
            "other": {},
        }
        self.asked = 0
        self.heard = []

    def page(self, path):
        self.asked += 1
        if path.startswith("/api/serve/applications"):
            given = {one["name"]: one for one in self.given}
            states = {
                name: {**state, "deployed_app_config": given.get(name)}
                for name, state in self.applications.items()
            }
            return json.dumps({"applications": states})
        if path.startswith("/stats"):
            return self.stats
        return json.dumps(self.status)


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
def wait(world):
    running = Running(Path("/nowhere"), world.port, world.port, world.port, 1, "127.0.0.1", {})

    def run(timeout_s=0.0, declared=DECLARED, only=None):
        wait_until_ready(running, declared, timeout_s=timeout_s, tell=world.heard.append, only=only)

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


def test_applications_that_serve_does_not_know_yet_are_waited_for(wait, world):
    world.applications.clear()
    with pytest.raises(NotReady, match=r"control \(not_started\)"):
        wait()


def test_what_was_deployed_since_is_said_at_once(wait, world):
    world.given = [{**DECLARED["applications"][0], "args": {"registry": "./other"}}]
    with pytest.raises(Conflict) as caught:
        wait(timeout_s=60.0)
    assert "application control is gone" in caught.value.message
    assert "application gateway has other args" in caught.value.message


def test_haproxy_must_see_the_gateway(wait, world):
    world.stats = UP.replace("UP", "DOWN")
    with pytest.raises(NotReady, match="HAProxy does not see the gateway yet"):
        wait()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"declaration": "of before"}, "control has not taken this declaration yet"),
        ({"waiting": {"risk": ["risk@2"]}}, "endpoint risk waits for risk@2; see"),
        (
            {"waiting": {"risk": ["risk@2"]}, "reasons": {"risk@2": "it has no replica"}},
            r"endpoint risk waits for risk@2 \(it has no replica\)",
        ),
        ({"snapshot": 8}, "gateway first still answers under snapshot 7, 8 stands; gateway second"),
        (
            {"gateways": {"first": acknowledged(7)}},
            "gateway second has not told control what it answers under",
        ),
        (
            {"gateways": {"first": acknowledged(7), "second": acknowledged(6, "no model")}},
            "gateway second cannot take snapshot 7: no model",
        ),
        ({"other": {"risk@2": "1 of 2 hold another content"}}, "risk@2 is not what the registry"),
    ],
)
def test_what_is_not_in_effect_on_every_gateway_is_waited_for_and_said(wait, world, change, said):
    world.status.update(change)
    with pytest.raises(NotReady, match=f"not in effect after 0 s: .*{said}"):
        wait()


def test_an_application_that_failed_is_told_by_the_last_line_of_its_deployments_error(wait, world):
    traceback = (
        "The deployment failed to start 3 times in a row. Error:\nTraceback:\n"
        "  File \"x.py\", line 1\nModuleNotFoundError: No module named 'own_steps'\n"
    )
    failed = application("DEPLOY_FAILED", "Failed to update the deployments ['D'].", traceback)
    world.applications["control"] = failed
    with pytest.raises(ServerFault, match="failed: ModuleNotFoundError: No module named 'own_st"):
        wait(timeout_s=60.0)


REFUSED = {"declaration": HASH, "problems": ["endpoints.risk.route.model: no model 'risk'"]}


def test_a_declaration_that_control_refused_is_told_in_its_words(wait, world, monkeypatch):
    monkeypatch.setattr(readiness, "REFUSED_FOR_S", 0.0)
    world.status |= {"declaration": "of before", "refused": REFUSED}
    with pytest.raises(ServerFault, match=r"go on: endpoints\.risk\.route\.model: no model 'risk'"):
        wait(timeout_s=60.0)


def test_a_refusal_that_control_takes_back_in_time_is_none(wait, world, monkeypatch):
    monkeypatch.setattr(readiness, "POLL_S", 0.01)
    world.status |= {"declaration": "of before", "refused": REFUSED}

    def heard(words):
        assert "the endpoints are refused" in words
        world.status |= {"declaration": HASH, "refused": None}

    world.heard = SimpleNamespace(append=heard)
    wait(timeout_s=60.0)


def test_a_refusal_of_another_declaration_is_none_of_this_one(wait, world):
    refused = {**REFUSED, "declaration": "of somebody else"}
    world.status |= {"declaration": "of before", "refused": refused}
    with pytest.raises(NotReady, match="control has not taken this declaration yet"):
        wait()


def test_a_config_without_endpoints_asks_nothing_of_control(wait, world):
    world.status = {}
    del world.applications["control"]
    wait(declared={"applications": DECLARED["applications"][:1]})
    assert world.asked == 3


def test_who_waits_hears_what_is_missing(wait, world):
    world.status["waiting"] = {"risk": ["risk@2"]}
    with pytest.raises(NotReady):
        wait(timeout_s=0.2)
    assert set(world.heard) == {"endpoint risk waits for risk@2"}


def test_for_one_endpoint_nobody_waits_for_the_others(wait, world):
    world.status["waiting"] = {"other": ["other@1"]}
    world.status["other"] = {"other@2": "1 of 1 hold another content"}
    wait(only="risk")
    world.status["waiting"] = {"risk": ["risk@2"]}
    with pytest.raises(NotReady, match="endpoint risk waits for risk@2"):
        wait(only="risk")


def test_a_cluster_that_does_not_answer_is_said():
    gone = Running(Path("/nowhere"), 1, 1, 1, 1, "127.0.0.1", {})
    with pytest.raises(NotReady, match="does not answer"):
        wait_until_ready(gone, DECLARED, timeout_s=0.0, tell=lambda _: None)
