"""What pages of other origins can have a browser send does nothing, and nothing is told to them."""

import json
import socket

import httpx
import pytest

from serve_app.config import AdminSettings, ListenerSettings
from serve_app.engine.registration.register import Candidate, register
from serve_app.gateway.admin.app import build as build_admin
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.registry.store import Registry
from serve_app.serving.listeners import Listeners
from tests.feedback_keeper import Keeper
from tests.security.server import DEADLINE_S, ROW, running
from tests.unit.gateway.admin.actions import Actions
from tests.unit.gateway.harness import client_of

EVIL = "https://evil.example"
PREDICT = "/v1/models/logistic:predict"
FEEDBACK = "/v1/models/logistic:feedback"
ORIGINS = [EVIL, "null", "http://127.0.0.1.evil.example", "http://127.0.0.1:1", "file://", "NULL"]


@pytest.fixture(scope="module")
def server(models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    register(Registry(str(folder / "registry")), Candidate("logistic", *models["logistic"]))
    with running(folder, str(folder / "registry"), models=("logistic@1",)) as one:
        yield one
        assert one.predicts()


def sent(server, method, path, body=b"", **headers):
    """The answer to a request as a browser sends it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(
        method, server.url + path, content=body, headers=named, timeout=DEADLINE_S, trust_env=False
    )


def allowing(answer):
    """The headers by which a browser lets a page of another origin read an answer."""
    return [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("origin", ORIGINS)
def test_no_page_is_told_that_it_may_read_an_answer(server, origin):
    body = json.dumps({"instances": [ROW]}).encode()
    json_type = "application/json"
    for method, path, content in [
        ("POST", PREDICT, body), ("GET", "/docs", b""), ("GET", "/openapi.json", b""),
        ("GET", "/v1/endpoints", b""), ("POST", "/graphql", b'{"query": "{endpoints {name}}"}'),
        ("POST", PREDICT, b"{"), ("GET", "/nothing", b""), ("GET", "/-/healthz", b""),
    ]:  # fmt: skip
        answer = sent(server, method, path, content, origin=origin, content_type=json_type)
        assert not allowing(answer), path


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", [PREDICT, FEEDBACK, "/graphql", "/v2/models/logistic/infer", "/x"])
def test_no_preflight_allows_anything(server, origin, path):
    asked = {
        "access_control_request_method": "POST", "origin": origin,
        "access_control_request_headers": "content-type, authorization",
        "access_control_request_private_network": "true",
    }  # fmt: skip
    assert not allowing(sent(server, "OPTIONS", path, **asked))


BODY = b'{"prediction_id": "p", "reward": 1, "weights": {"a@1": 1}}'
JSON_TYPE = "application/json"
FORMS = [
    "text/plain", "text/plain; charset=utf-8", "multipart/form-data; boundary=x", "TEXT/PLAIN",
    "text/plain, application/json", "text/plain; application/json", "application/json+x", "*/*",
]  # fmt: skip
PAGES = [
    {"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"}, {"origin": "http://localhost.evil.example"},
]  # fmt: skip


async def test_a_foreign_page_gives_no_feedback_and_changes_nothing(registry):
    keeper, actions = Keeper(), Actions()
    gateway = build(client_of(registry).predictor, Settings(10_000, 50), keeper)
    admin = build_admin(actions, host="127.0.0.1", ids=str)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        ports = [one.getsockname()[1], other.getsockname()[1]]
    listeners = Listeners()
    await listeners.open(gateway, ListenerSettings(profile="all", port=ports[0]), ids=str)
    await listeners.open(admin, AdminSettings(port=ports[1]), ids=str)
    feedback = f"http://127.0.0.1:{ports[0]}/v1/models/risk:feedback"
    weights = f"http://127.0.0.1:{ports[1]}/v1/admin/endpoints/risk/weights"
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            for method, url in (("POST", feedback), ("PUT", weights)):
                for media_type in FORMS:
                    typed = {"content-type": media_type}
                    answer = await client.request(method, url, content=BODY, headers=typed)
                    assert answer.status_code == 415, (url, media_type)
                for page in PAGES:
                    # curl sends JSON as a form: there, only where a page is from counts.
                    for media_type in (*FORMS, "application/x-www-form-urlencoded", JSON_TYPE):
                        headers = {"content-type": media_type, **page}
                        answer = await client.request(method, url, content=BODY, headers=headers)
                        assert answer.status_code == 403, (url, headers)
                        assert not allowing(answer)
            assert keeper.kept == actions.done == []
            headers = {"content-type": JSON_TYPE}
            answer = await client.post(feedback, content=BODY, headers=headers)
            assert answer.status_code == 200
    finally:
        await listeners.close()
    assert len(keeper.kept) == 1
