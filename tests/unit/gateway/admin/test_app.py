"""The admin API lets people see and change what it can, and strangers' pages nothing."""

import asyncio

import httpx
import pytest

from serve_app.core.events import Event
from serve_app.errors import Conflict, NotFound
from serve_app.gateway.admin.actions import AliasChange, Change
from serve_app.gateway.admin.app import build


class Actions:
    """Remembers what was done."""

    def __init__(self):
        self.done = []

    async def status(self):
        return {"snapshot": 3}

    async def applications(self):
        return {"applications": {}}

    async def set_weights(self, endpoint, weights, change):
        if endpoint == "nobody":
            raise NotFound("there is no endpoint 'nobody'")
        self.done.append((endpoint, weights, change))
        return {"snapshot": 4}

    async def models(self):
        return [{"name": "a", "versions": [1], "aliases": {"champion": 1}}]

    async def version(self, model, number):
        return {"name": model, "version": number}

    async def aliases(self, model):
        return [{"alias": "champion", "version": 1}]

    async def move_alias(self, model, alias, move, change):
        if move.expected == 9:
            raise Conflict("it names another version")
        self.done.append((model, alias, move, change))
        return {"version": move.version}

    async def events(self, limit, kind, subject):
        self.done.append((limit, kind, subject))
        return [Event(1.0, "ada", "weights set", "risk", id=7)]


@pytest.fixture
def actions():
    return Actions()


@pytest.fixture
def send(actions):
    app = build(actions, host="127.0.0.1", ids=lambda: "drawn")

    def sent(method, path, host="127.0.0.1:8010", **more):
        async def ask():
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as client:
                return await client.request(method, f"/v1/admin{path}", **more)

        return asyncio.run(ask())

    return sent


def test_weights_are_set_with_who_and_why(send, actions):
    body = {"weights": {"a@1": 90, "b@1": 10}, "by": "ada", "reason": "recall"}
    answer = send("PUT", "/endpoints/risk/weights", json=body)
    assert (answer.status_code, answer.json()) == (200, {"snapshot": 4})
    assert actions.done == [("risk", {"a@1": 90.0, "b@1": 10.0}, Change("ada", "recall"))]
    assert answer.headers["x-request-id"] == "drawn"


def test_an_alias_is_moved_from_the_expected_version_and_removed(send, actions):
    body = {"version": 2, "expected": 1, "by": "ada"}
    assert send("PUT", "/models/a/aliases/champion", json=body).json() == {"version": 2}
    assert send("DELETE", "/models/a/aliases/champion", json={}).json() == {"version": None}
    moves = [done[2] for done in actions.done]
    assert moves == [AliasChange(2, True, 1), AliasChange(None)]
    refused = send("PUT", "/models/a/aliases/champion", json={"version": 2, "expected": 9})
    assert refused.status_code == 409


def test_what_there_is_can_be_seen(send, actions):
    assert send("GET", "/status").json() == {"snapshot": 3}
    assert send("GET", "/models").json()["models"][0]["aliases"] == {"champion": 1}
    assert send("GET", "/models/a/versions/1").json() == {"name": "a", "version": 1}
    assert send("GET", "/models/a/aliases").json()["moves"][0]["version"] == 1
    (event,) = send("GET", "/events?limit=5&kind=weights%20set&subject=risk").json()["events"]
    assert (event["id"], event["who"]) == (7, "ada")
    assert actions.done == [(5, "weights set", "risk")]


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/endpoints/risk/weights", {"weights": {}}, "'weights' must be an object"),
        ("/endpoints/risk/weights", {"weights": {"a@1": "9"}}, "must be a number"),
        ("/endpoints/risk/weights", {"weights": {"a@1": True}}, "must be a number"),
        ("/endpoints/risk/weights", {"wieghts": {"a@1": 1}}, "'wieghts' is unknown"),
        ("/endpoints/risk/weights", {"weights": {"a@1": 1}, "by": 3}, "'by' must be text"),
        ("/endpoints/risk/weights", ["a@1"], "JSON object"),
        ("/models/a/aliases/champion", {}, "'version' must be"),
        ("/models/a/aliases/champion", {"version": "2"}, "number of a version"),
        ("/models/a/aliases/champion", {"version": None}, "DELETE removes"),
    ],
)
def test_a_change_that_is_none_says_what_is_wrong(send, actions, path, body, words):
    refused = send("PUT", path, json=body)
    assert refused.status_code in {400, 422}
    assert words in refused.json()["error"]
    assert actions.done == []


def test_errors_are_those_of_the_gateway(send):
    refused = send("PUT", "/endpoints/nobody/weights", json={"weights": {"a@1": 1}})
    assert (refused.status_code, refused.json()["error"]) == (404, "there is no endpoint 'nobody'")
    assert send("GET", "/nothing").status_code == 404
    assert send("POST", "/status").status_code == 405
    assert send("GET", "/models/a/versions/x").status_code == 404
    assert send("GET", "/events?limit=0").status_code == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_page_of_a_stranger_can_send_unasked_changes_nothing(send, actions, kind):
    content = b'{"weights": {"a@1": 1}}'
    refused = send(
        "PUT", "/endpoints/risk/weights", content=content, headers={"content-type": kind}
    )
    assert refused.status_code == 415
    assert actions.done == []


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8010", "127.0.0.1.evil.example"])
def test_a_strangers_name_for_this_machine_is_not_answered(send, host):
    assert send("GET", "/status", host=host).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8010", "127.0.0.1", "[::1]:8010"])
def test_this_machines_own_names_are(send, host):
    assert send("GET", "/status", host=host).status_code == 200


def test_the_description_names_every_path(send):
    document = send("GET", "/openapi.json").json()
    app = build(Actions(), host="127.0.0.1", ids=str)
    routed = {
        (route.path, method.lower())
        for route in app.routes
        for method in route.methods - {"HEAD"}
        if not route.path.endswith("openapi.json")
    }
    described = {(path, method) for path, one in document["paths"].items() for method in one}
    assert described == routed
