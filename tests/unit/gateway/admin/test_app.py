"""The admin API lets people see and change what it can, and strangers' pages nothing."""

import asyncio

import httpx
import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from serve_app.core.caller import Caller
from serve_app.core.detail import detail_of
from serve_app.core.grants import EVERYTHING, grants_of
from serve_app.gateway.admin.actions import AliasChange, Change, EndpointOrder, NewEndpoint
from serve_app.gateway.admin.app import build
from serve_app.gateway.admin.paths import PATHS, PREFIX
from serve_app.gateway.context import CALLER
from serve_app.monitoring.experiment.document import ExperimentReport
from tests.unit.gateway.admin.actions import KEY, Actions

SAMPLES = {
    "endpoint": "risk", "model": "a", "version": "1", "alias": "champion", "change": "c-1",
    "kind": "domain", "key": "0123456789",
}  # fmt: skip
BODIES = {
    "add_endpoint": {"name": "new", "model": "a@2"},
    "put_endpoint": {"model": "a@2"},
    "set_weights": {"weights": {"a@1": 1}},
    "move_alias": {"version": 2},
    "move_rollout": {"action": "pause"},
    "move_experiment": {"action": "stop"},
    "test_alerts": {"receiver": "log"},
    "create_key": {"principal": "billing", "scopes": ["predict"]},
}
CHANGES = [path for path in PATHS if path.access == "change"]


def named(path):
    return f"{path.method} {path.path}"


def place(path):
    """A path of the table, of things that there are."""
    return path.path.format(**SAMPLES)


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
    assert (answer.status_code, answer.json()["snapshot"]) == (200, 4)
    assert actions.done == [("risk", {"a@1": 90.0, "b@1": 10.0}, Change("ada", "recall"))]
    assert answer.headers["x-request-id"] == "drawn"


def test_a_rollout_is_moved_with_who_and_why(send, actions):
    body = {"action": "roll back", "by": "ada", "reason": "slow"}
    assert send("PUT", "/endpoints/risk/rollout", json=body).json()["phase"] == "running"
    assert actions.done == [("risk", "roll back", Change("ada", "slow"))]
    refused = send("PUT", "/endpoints/risk/rollout", json={"action": "promote"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_an_experiment_is_started_with_who_and_why_and_its_report_is_read(send, actions):
    body = {"action": "start", "by": "ada", "reason": "all is ready"}
    assert send("PUT", "/endpoints/risk/experiment", json=body).json()["phase"] == "running"
    assert actions.done == [("risk", "start", Change("ada", "all is ready"))]
    again = send("PUT", "/endpoints/running/experiment", json={"action": "start"})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    report = send("GET", "/endpoints/risk/experiment").json()
    assert ExperimentReport.from_json(report).decision.outcome == "keep running"
    assert send("GET", "/endpoints/nobody/experiment").status_code == 404
    (listed,) = send("GET", "/experiments").json()["experiments"]
    assert (listed["phase"], listed["decision"]["outcome"]) == ("running", "keep running")


def test_an_alias_is_moved_from_the_expected_version_and_removed(send, actions):
    body = {"version": 2, "expected": 1, "by": "ada"}
    assert send("PUT", "/models/a/aliases/champion", json=body).json()["version"] == 2
    assert send("DELETE", "/models/a/aliases/champion", json={}).json()["version"] is None
    moves = [done[2] for done in actions.done]
    assert moves == [AliasChange(2, True, 1), AliasChange(None)]
    refused = send("PUT", "/models/a/aliases/champion", json={"version": 2, "expected": 9})
    assert refused.status_code == 409


def test_what_there_is_can_be_seen(send, actions):
    assert send("GET", "/status").json()["not_in_effect"] == ["endpoint risk waits for c@1"]
    assert send("GET", "/models").json()["models"][0]["aliases"] == {"champion": 1}
    assert send("GET", "/models/a/versions/champion").json()["version"] == 1
    assert send("GET", "/endpoints/risk").json()["variants"][0]["weight"] == 90
    (event,) = send("GET", "/events?limit=5&kind=weights%20set&subject=risk").json()["events"]
    assert (event["id"], event["who"]) == (7, "ada")
    assert actions.done == [(5, "weights set", "risk")]


def test_an_endpoint_is_begun_to_be_added_and_the_answer_says_where_to_look(send, actions):
    body = {"name": "new", "model": "a", "placement": "replicas", "within_s": 30, "by": "ada"}
    answer = send("POST", "/endpoints", json=body)
    assert answer.status_code == 202
    assert answer.headers["location"] == "/v1/admin/changes/c-1"
    wanted = NewEndpoint("a", "replicas")
    assert actions.done == [EndpointOrder("new", wanted, Change("ada"), 30.0)]
    place = answer.headers["location"].removeprefix(PREFIX)
    assert send("GET", place).json()["state"] == "running"
    assert send("GET", place).json()["state"] == "done"
    refused = send("POST", "/endpoints", json={"name": "taken", "model": "a"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_put_replaces_and_delete_removes_an_endpoint(send, actions):
    body = {"model": "a@2", "preprocess": "f", "fallback": "b", "timeout_s": 2.5,
            "allow_pickle": True}  # fmt: skip
    assert send("PUT", "/endpoints/risk", json=body).status_code == 202
    assert send("DELETE", "/endpoints/risk").status_code == 202
    assert send("DELETE", "/endpoints/risk", json={"reason": "old"}).status_code == 202
    replaced, removed, explained = actions.done
    assert replaced.wanted == NewEndpoint("a@2", "inline", "f", "b", 2.5, True, True)
    assert (removed.wanted, removed.within_s, removed.change) == (None, 180.0, Change("unknown"))
    assert explained.change.why == "old"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/endpoints/risk/weights", {"weights": {}}, "'weights' must be an object"),
        ("/endpoints/risk/weights", {"weights": {"a@1": "9"}}, "must be a number"),
        ("/endpoints/risk/weights", {"weights": {"a@1": True}}, "must be a number"),
        ("/endpoints/risk/weights", {"wieghts": {"a@1": 1}}, "'wieghts' is unknown"),
        ("/endpoints/risk/weights", {"weights": {"a@1": 1}, "by": 3}, "'by' must be text"),
        ("/endpoints/risk/weights", {"weights": {"a@1": 1}, "by": "a\0"}, "no control characters"),
        ("/endpoints/risk", {"model": "a", "reason": "\x1b[2J"}, "no control characters"),
        ("/endpoints/risk/weights", ["a@1"], "JSON object"),
        ("/endpoints/risk/rollout", {}, "'action' must be one of start, pause"),
        ("/endpoints/risk/rollout", {"action": "rollback"}, "got 'rollback'"),
        ("/endpoints/risk/experiment", {}, "'action' must be one of start, stop"),
        ("/endpoints/risk/experiment", {"action": "pause"}, "got 'pause'"),
        ("/models/a/aliases/champion", {}, "'version' must be"),
        ("/models/a/aliases/champion", {"version": "2"}, "number of a version"),
        ("/models/a/aliases/champion", {"version": None}, "DELETE removes"),
        ("/endpoints/risk", {}, "'model' must name"),
        ("/endpoints/risk", {"model": 3}, "'model' must be text"),
        ("/endpoints/risk", {"model": "a", "placement": "moon"}, "inline or replicas, got 'moon'"),
        ("/endpoints/risk", {"model": "a", "allow_pickle": "yes"}, "true or false, got 'yes'"),
        ("/endpoints/risk", {"model": "a", "timeout_s": 0}, "a number of seconds above 0"),
        ("/endpoints/risk", {"model": "a", "within_s": True}, "a number of seconds above 0"),
        ("/endpoints/risk", {"model": "a", "within_s": 4000}, "at most 3600"),
        ("/endpoints/risk", {"model": "a", "replicas": 2}, "'replicas' is unknown"),
    ],
)
def test_a_change_that_is_none_says_what_is_wrong(send, actions, path, body, words):
    refused = send("PUT", path, json=body)
    assert refused.status_code in {400, 422}
    assert words in refused.json()["message"]
    assert actions.done == []


def test_a_test_message_goes_to_one_receiver_or_to_all(send, actions):
    (one,) = send("POST", "/alerts/test", json={"receiver": "log"}).json()["results"]
    assert (one["receiver"], one["result"]) == ("log", "sent")
    assert len(send("POST", "/alerts/test", json={"receiver": None}).json()["results"]) == 2
    assert send("POST", "/alerts/test", json={"receiver": "nobody"}).status_code == 404
    assert actions.done == ["log", None]
    for body in ({}, {"receiver": ""}, {"receiver": 3}):
        assert send("POST", "/alerts/test", json=body).status_code == 400
    # A page of a stranger could send that.
    assert send("POST", "/alerts/test").status_code == 415
    assert actions.done == ["log", None]


def test_a_slash_too_many_is_a_path_that_is_not_there(send):
    answer = send("GET", "/status/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "no_such_path"
    assert "location" not in answer.headers


def test_errors_have_one_form(send):
    refused = send("PUT", "/endpoints/nobody/weights", json={"weights": {"a@1": 1}})
    assert refused.status_code == 404
    assert refused.json() == {
        "code": "not_found", "message": "there is no endpoint 'nobody'", "request_id": "drawn",
    }  # fmt: skip
    assert send("GET", "/endpoints/nobody").json()["details"] == {"known": ["risk"]}
    assert send("GET", "/nothing").json()["code"] == "no_such_path"
    refused = send("POST", "/endpoints/risk")
    assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, PUT")
    assert refused.json()["message"] == "'/v1/admin/endpoints/risk' does not answer POST"
    for query in ("limit=0", "limit=1001", "limit=x", "limit="):
        assert send("GET", f"/events?{query}").status_code == 400
    assert send("GET", "/feedback/records?after=-1").status_code == 400


def test_a_fault_of_this_side_tells_nothing_of_the_inside(send, actions, monkeypatch):
    async def broken(*_):
        raise KeyError("/secret")

    monkeypatch.setattr(actions, "models", broken)
    refused = send("GET", "/models")
    assert refused.status_code == 500
    assert refused.json() == {
        "code": "internal", "message": "internal error", "request_id": "drawn",
    }  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_every_path_answers_as_the_document_says(send, path):
    document = send("GET", "/openapi.json").json()
    operation = document["paths"][path.whole][path.method.lower()]
    (status,) = (one for one in operation["responses"] if one.startswith("2"))
    schema = operation["responses"][status]["content"]["application/json"]["schema"]
    body = {"json": BODIES[path.handler]} if path.handler in BODIES else {}
    answer = send(path.method, place(path), **body)
    assert str(answer.status_code) == status
    jsonschema.validate(answer.json(), {**schema, "components": document["components"]})
    if path.body is not None:
        sent = operation["requestBody"]["content"]["application/json"]["schema"]
        jsonschema.validate(BODIES.get(path.handler, {}), sent)


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_every_path_says_whether_it_changes_anything(path):
    assert path.access == ("see" if path.method == "GET" else "change")
    assert (path.body is None) == (path.access == "see")
    assert set(path.required) <= set(path.body or ())


def test_each_path_stands_once():
    keys = [(path.method, path.path) for path in PATHS]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("path", PATHS, ids=named)
def test_no_path_is_open_to_pages_of_strangers(send, actions, path):
    body = {"json": BODIES.get(path.handler, {})} if path.access == "change" else {}
    refused = send(path.method, place(path), host="evil.example:8010", **body)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")
    assert actions.done == []


@pytest.mark.parametrize("path", CHANGES, ids=named)
def test_changes_take_json_alone(send, actions, path):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        refused = send(path.method, place(path), content=b"{}", headers={"content-type": kind})
        assert refused.status_code == 415
    assert actions.done == []


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


@pytest.mark.parametrize(
    "name", ["evil.example:99999", "evil.example:", "a@evil.example", "[::1", "", " evil.example"]
)
def test_a_name_that_nobody_can_read_is_not_taken_for_this_machines(send, name):
    refused = send("GET", "/status", headers={"host": name})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")


@pytest.mark.parametrize("listens", ["0.0.0.0", "::"])
def test_where_other_machines_may_ask_they_may_by_any_name(listens):
    app = build(Actions(), host=listens, ids=str)

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get("http://admin.example:8091/v1/admin/status")

    assert asyncio.run(ask()).status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/status", 200), ("/nothing", 404)])
def test_a_query_of_other_bytes_than_text_is_no_fault_of_this_side(path, status):
    app = build(Actions(), host="127.0.0.1", ids=str)
    sent = []

    async def ask():
        scope = {
            "type": "http", "method": "GET", "path": f"/v1/admin{path}", "query_string": b"\xff",
            "headers": [(b"host", b"localhost")], "server": ("127.0.0.1", 8091),
        }  # fmt: skip
        await app(scope, receive, keep)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message):
        sent.append(message)

    asyncio.run(ask())
    assert sent[0]["status"] == status


@pytest.mark.parametrize(
    "query", ["/events?kind=a%00", "/events?subject=%00", "/feedback?endpoint=%00"]
)
def test_what_no_database_can_look_for_is_refused(send, query):
    assert send("GET", query).json()["code"] == "invalid_input"


@pytest.mark.parametrize("host", ["localhost:8010", "127.0.0.1", "[::1]:8010"])
def test_this_machines_own_names_are(send, host):
    assert send("GET", "/status", host=host).status_code == 200


def test_the_document_is_one_and_names_every_path(send):
    document = send("GET", "/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    app = build(Actions(), host="127.0.0.1", ids=str)
    routed = {
        (route.path, method.lower()) for route in app.routes for method in route.methods - {"HEAD"}
    }
    described = {(path, method) for path, one in document["paths"].items() for method in one}
    assert described == routed


@pytest.mark.parametrize(
    ("mine", "wanted", "endpoints", "status"),
    [
        (["admin:keys", "predict"], ["predict"], ["*"], 201),
        (["admin:keys", "predict"], ["predict:risk"], ["*"], 201),
        (["admin:keys", "predict"], ["feedback"], ["*"], 403),
        (["admin:keys", "predict:risk"], ["predict"], ["*"], 403),
        (["admin:keys", "predict:ri*"], ["predict"], ["risk"], 201),
        (["admin:keys", "predict:ri*"], ["predict"], ["r*"], 403),
        (["admin:keys"], ["admin:keys"], ["*"], 201),
        (["admin:keys"], ["*"], ["*"], 403),
        (["*"], ["*"], ["*"], 201),
    ],
)
def test_nobody_hands_out_more_than_they_may_do(actions, mine, wanted, endpoints, status):
    app = build(actions, host="127.0.0.1", ids=str)

    async def known(scope, receive, send):
        await app({**scope, CALLER: Caller("ops", "", grants_of(mine))}, receive, send)

    async def ask():
        transport = httpx.ASGITransport(known)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            body = {"principal": "new", "scopes": wanted, "endpoints": endpoints}
            made = await client.post("/v1/admin/keys", json=body)
            # Whoever replaces a key sees the new one.
            actions.key = {**KEY, "scopes": wanted, "endpoints": endpoints}
            replaced = await client.post(f"/v1/admin/keys/{KEY['id']}/rotate", json={})
            return made.status_code, replaced.status_code

    assert asyncio.run(ask()) == (status, status)
    assert len(actions.done) == 2 * (status == 201)


@pytest.mark.parametrize(
    ("mine", "wanted", "status"),
    [
        (None, "", 201),
        (None, "full", 201),
        (None, "some", 400),
        ("rounded(2)", "rounded(2)", 201),
        ("rounded(2)", "top1", 201),
        ("rounded(2)", "rounded(3)", 403),
        ("top1", "full", 403),
        # What the config says of those who bring nothing may be more.
        ("top1", "", 403),
    ],
)
def test_nobody_lets_others_learn_more_than_they_do(actions, mine, wanted, status):
    app = build(actions, host="127.0.0.1", ids=str)
    detail = None if mine is None else detail_of(mine)

    async def known(scope, receive, send):
        await app({**scope, CALLER: Caller("ops", "", EVERYTHING, detail)}, receive, send)

    async def ask():
        transport = httpx.ASGITransport(known)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            body = {"principal": "new", "scopes": ["predict"], "detail": wanted}
            return (await client.post("/v1/admin/keys", json=body)).status_code

    assert asyncio.run(ask()) == status
