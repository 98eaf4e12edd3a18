"""`Prefer: respond-async`: who is answered later, where, and for how long."""

import asyncio

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from serve_app.core.supervisor import Supervisor
from serve_app.errors import ModelFailed
from tests.unit.gateway.deferring import Deferring
from tests.unit.gateway.harness import ROW, client_of

PREDICT = "/v1/models/age:predict"
BODY = {"instances": [ROW]}
LATER = {"prefer": "respond-async"}


def is_given(answer):
    return answer.status_code != 202


@pytest.fixture
def gateway(registry, tmp_path):
    return Deferring(client_of(registry), tmp_path)


def asked(gateway, ask):
    """What a test asks while answers are given later."""

    async def within():
        async with gateway.at_work():
            return await ask(gateway)

    return asyncio.run(within())


def test_an_answer_that_comes_later_is_the_one_that_comes_at_once(gateway):
    async def ask(gateway):
        at_once = await gateway.send("POST", PREDICT, json=BODY)
        taken = await gateway.send("POST", PREDICT, json=BODY, headers=LATER)
        return at_once, taken, await gateway.until(taken.headers["location"], is_given)

    at_once, taken, later = asked(gateway, ask)
    assert taken.status_code == 202
    assert taken.headers["preference-applied"] == "respond-async"
    assert taken.headers["retry-after"] == "1"
    assert taken.json()["endpoint"] == "age"
    assert taken.headers["location"] == f"/v1/answers/{taken.json()['answer']}"
    assert later.status_code == 200
    assert {**later.json(), "prediction_id": ""} == {**at_once.json(), "prediction_id": ""}
    for name in ("content-type", "x-variant", "x-snapshot"):
        assert later.headers[name] == at_once.headers[name]
    assert later.headers["x-prediction-id"] != at_once.headers["x-prediction-id"]
    assert later.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("place", ["versions/1", "versions/line@1"])
def test_versions_are_asked_later_too(gateway, place):
    async def ask(gateway):
        path = f"/v1/models/age/{place}:predict"
        taken = await gateway.send("POST", path, json=BODY, headers=LATER)
        return await gateway.until(taken.headers["location"], is_given)

    assert asked(gateway, ask).headers["x-variant"] == "line@1"


def test_who_waits_gets_the_answer_itself_where_it_comes_in_time(gateway):
    async def ask(gateway):
        headers = {"prefer": "respond-async, wait=10"}
        return await gateway.send("POST", PREDICT, json=BODY, headers=headers)

    answer = asked(gateway, ask)
    assert (answer.status_code, answer.headers["preference-applied"]) == (200, "wait=10")
    assert answer.json()["predictions"]


def test_what_nobody_answers_yet_waits_and_may_be_forgotten(gateway):
    async def ask():
        headers = {"prefer": "respond-async, wait=0"}
        taken = await gateway.send("POST", PREDICT, json=BODY, headers=headers)
        look = await gateway.send("GET", taken.headers["location"])
        forgotten = await gateway.send("DELETE", taken.headers["location"])
        gone = await gateway.send("GET", taken.headers["location"])
        return taken, look, forgotten, gone

    taken, look, forgotten, gone = asyncio.run(ask())
    assert taken.headers["preference-applied"] == "respond-async, wait=0"
    assert (look.status_code, look.json()["state"]) == (202, "PENDING")
    assert (forgotten.status_code, gone.status_code) == (204, 404)
    assert "24 hours" in gone.json()["error"]


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/v1/models/nothing:predict", {"json": BODY}, 404),
        (PREDICT, {"content": b"{"}, 400),
        (PREDICT, {"json": {"instances": [{"age": 1.0, "dose": "much"}]}}, 400),
        (PREDICT, {"json": BODY, "headers": {**LATER, "x-timeout-s": "soon"}}, 400),
        (PREDICT, {"content": b"x" * 2000}, 413),
        (PREDICT, {"json": BODY, "scopes": ["read"]}, 403),
    ],
)
def test_what_cannot_be_answered_is_refused_at_once(registry, tmp_path, path, sent, status):
    gateway = Deferring(client_of(registry), tmp_path, max_body_kb=1)

    async def ask():
        return await gateway.send("POST", path, **{"headers": LATER, **sent})

    answer = asyncio.run(ask())
    assert answer.status_code == status
    assert "location" not in answer.headers
    with pytest.raises(asyncio.QueueEmpty):
        gateway.deferral._queue.get_nowait()


def test_what_the_model_refuses_is_the_answer(gateway):
    gateway.client.models.errors["line@1"] = ModelFailed("it broke")

    async def ask(gateway):
        taken = await gateway.send("POST", PREDICT, json=BODY, headers=LATER)
        return await gateway.until(taken.headers["location"], is_given)

    answer = asked(gateway, ask)
    assert (answer.status_code, answer.json()["error"]) == (500, "it broke")


def test_answers_are_for_those_of_the_same_tenant_who_may_ask_the_endpoint(gateway):
    own = {"scopes": ["predict:age"]}

    async def ask(gateway):
        taken = await gateway.send("POST", PREDICT, json=BODY, headers=LATER, **own)
        path = taken.headers["location"]
        await gateway.until(path, is_given, **own)
        others = (
            {"scopes": ["*"], "tenant": "other"},
            {"scopes": ["*"], "name": "bob", "tenant": ""},
            {"scopes": ["read"]},
        )
        looks = [(await gateway.send("GET", path, **other)).status_code for other in others]
        deleted = [(await gateway.send("DELETE", path, **other)).status_code for other in others]
        beside = await gateway.send("GET", path, scopes=["predict:age"], name="bob")
        return looks, deleted, beside.status_code

    assert asked(gateway, ask) == ([404, 404, 403], [404, 404, 403], 200)


def test_no_more_wait_than_may_and_no_tenant_takes_all_places(registry, tmp_path):
    gateway = Deferring(client_of(registry), tmp_path, max_waiting=8, at_once=1)

    async def ask():
        async def sent(**more):
            answer = await gateway.send("POST", PREDICT, json=BODY, headers=LATER, **more)
            return answer.status_code, "retry-after" in answer.headers

        one = [await sent(scopes=["*"], tenant="one") for _ in range(3)]
        nobody = [await sent() for _ in range(8)]
        return one, nobody

    one, nobody = asyncio.run(ask())
    assert one == [(202, True), (202, True), (429, True)]
    assert nobody == [(202, True)] * 7 + [(429, True)]


def test_answers_outlive_their_process_and_what_it_was_to_answer_is_lost(registry, tmp_path):
    first = Deferring(client_of(registry), tmp_path)

    async def before():
        async with first.at_work():
            taken = await first.send("POST", PREDICT, json=BODY, headers=LATER)
            await first.until(taken.headers["location"], is_given)
        # Nobody answers any more.
        late = await first.send("POST", PREDICT, json=BODY, headers=LATER)
        return taken.headers["location"], late.headers["location"]

    given, lost = asyncio.run(before())
    second = Deferring(client_of(registry), tmp_path)

    async def after():
        return await second.send("GET", given), await second.send("GET", lost)

    answer, gone = asyncio.run(after())
    assert answer.status_code == 200
    assert gone.status_code == 503
    assert "send the request again" in gone.json()["error"]


def test_an_answer_that_could_not_be_kept_is_kept_once_that_works_again(gateway, monkeypatch):
    end, times = gateway.store.end, []

    def failing(name, given):
        times.append(given)
        if len(times) == 1:
            raise OSError("the disk is full")
        end(name, given)

    monkeypatch.setattr(gateway.store, "end", failing)

    async def ask():
        tasks = Supervisor(clock=lambda: 0.0, words=str, first_pause_s=0.001)
        tasks.start("answer later", gateway.deferral.run)
        try:
            taken = await gateway.send("POST", PREDICT, json=BODY, headers=LATER)
            answer = await gateway.until(taken.headers["location"], is_given)
            return answer.status_code, tasks.statuses()["answer later"].error
        finally:
            await tasks.close()

    assert asyncio.run(ask()) == (200, "the disk is full")
    assert times[0] is times[1], "it was not computed twice"


def test_credentials_and_encodings_of_a_request_are_not_kept(gateway):
    async def ask(gateway):
        headers = {**LATER, "authorization": "Bearer k", "cookie": "c", "x-criticality": "critical"}
        taken = await gateway.send("POST", PREDICT, json=BODY, headers=headers)
        return gateway.store.request(taken.json()["answer"])

    kept = {name for name, _ in asked(gateway, ask).headers}
    assert kept.isdisjoint({"authorization", "cookie", "prefer", "content-length"})
    assert {"content-type", "x-criticality"} <= kept


def test_without_settings_the_preference_is_not_followed(registry):
    client = client_of(registry)
    answer = client.send("POST", PREDICT, json=BODY, headers=LATER)
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers
    look = client.get("/v1/answers/a")
    assert look.status_code == 404
    assert "`deferred` in its args" in look.json()["error"]
    assert "/v1/answers/{answer}" not in client.get("/openapi.json").json()["paths"]


def test_the_openapi_document_says_so(gateway):
    async def ask():
        return (await gateway.send("GET", "/openapi.json")).json()

    document = asyncio.run(ask())
    OpenAPIV31SpecValidator(document).validate()
    predict = document["paths"][PREDICT]["post"]
    assert "Location" in predict["responses"]["202"]["headers"]
    assert [one["name"] for one in predict["parameters"]] == ["Prefer"]
    assert {"get", "delete"} <= set(document["paths"]["/v1/answers/{answer}"])


def test_of_a_page_of_another_origin_no_answer_is_forgotten(gateway):
    async def ask():
        taken = await gateway.send("POST", PREDICT, json=BODY, headers=LATER)
        path, page = taken.headers["location"], {"origin": "https://evil.example"}
        return await gateway.send("DELETE", path, headers=page)

    assert asyncio.run(ask()).status_code == 403
