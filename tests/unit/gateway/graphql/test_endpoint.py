"""GraphQL by HTTP: what is answered, what is refused, and that no client makes it fail."""

import asyncio
import itertools
import json
import logging
import sys

import httpx
import numpy as np
import pytest
from graphql import build_client_schema, get_introspection_query
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serve_app.core.messages import Prediction
from serve_app.core.signature import Column, Output, Signature
from serve_app.core.snapshot import Endpoint, RouteSpec, Snapshot, Variant
from serve_app.engine.assemble import Assembler
from serve_app.engine.predict import Predictor
from serve_app.errors import DeadlineExceeded, ModelFailed, Overloaded
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.graphql import execution

GRAPHQL = "application/graphql-response+json"
JSON = "application/json"
RISK = Signature(
    (
        Column("mean radius", "float64", minimum=0.0, maximum=10.0),
        Column("visits", "int64"),
        Column("größe", "string", nullable=True, categories=("klein", "groß")),
        Column("smoker", "bool"),
    ),
    Output("classification", ("ill", "well"), probabilities=True),
)
AGE = Signature((Column("x", "float32"),), Output("regression"))
PAIR = Signature((Column("x", "float64"),), Output("regression", width=2))
CODE = Signature((Column("n", "uint64", nullable=True),), Output("classification", (0, 2**60 + 1)))
ROW = {"mean_radius": 3, "visits": 2, "gro_e": "klein", "smoker": True}
ROWS = '[{mean_radius: 3, visits: 2, gro_e: "klein", smoker: true}]'


def endpoint(name, signature, versions, kind="single", settings=None, alias=None, **more):
    given = {"timeout_s": 2.0, "variant_timeout_s": 1.5, **more}
    variants = tuple(
        Variant(version, labels=signature.output.labels, alias=alias) for version in versions
    )
    route = RouteSpec(kind, variants, settings or {})
    return Endpoint(name=name, signature=signature, route=route, **given)


ENDPOINTS = (
    endpoint("risk-all", RISK, ["r@1", "s@1"], "split", {"key": "patient_id"}),
    endpoint("age", AGE, ["a@1"]),
    endpoint("pair", PAIR, ["p@1"]),
    endpoint("code", CODE, ["c@1"], alias="champion"),
)


class Models:
    """Gives a prediction per version and remembers what it was asked; fails where it is told."""

    def __init__(self):
        self.asked = []
        self.errors = {}
        self.gate = None

    async def ask(self, version, task, columns, deadline):
        self.asked.append((version, columns, deadline))
        if self.gate is not None:
            await self.gate.wait()
        if version in self.errors:
            raise self.errors[version]
        return self._predicted(version, columns)

    def _predicted(self, version, columns):
        rows = columns.rows
        if version == "a@1":
            return Prediction(columns["x"] / np.float32(10))
        if version == "p@1":
            values = columns["x"]
            return Prediction(np.column_stack([values, np.where(values > 5, np.nan, np.inf)]))
        if version == "c@1":
            return Prediction(np.full(rows, 2**60 + 1))
        return Prediction(np.array(["ill"] * rows, dtype=object), np.full((rows, 2), 0.5))


class Client:
    """Talks to the gateway in this process."""

    def __init__(self, endpoints=ENDPOINTS, **more):
        numbers = itertools.count(1)
        self.models = Models()
        self.predictor = Predictor(clock=lambda: 0.0, ids=lambda: f"id-{next(numbers)}")
        self.assembler = Assembler(
            replicas=self.models, inline=self.models, clock=lambda: 0.0, draw=lambda: 0.0
        )
        if endpoints is not None:
            self.swap(4, endpoints)
        self.app = build(self.predictor, Settings(max_body_bytes=40_000, max_rows=50, **more))

    def swap(self, version, endpoints):
        named = {one.name: one for one in endpoints}
        self.predictor.swap(self.assembler.stages(Snapshot(version, "hash", named)))

    async def asend(self, method, **more):
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            return await client.request(method, "/graphql", **more)

    def send(self, method="POST", **more):
        return asyncio.run(self.asend(method, **more))

    def ask(self, query, variables=None, accept=GRAPHQL, **headers):
        body = {"query": query, "variables": variables}
        return self.send(json=body, headers={"accept": accept, **headers})

    def data(self, query, variables=None, **headers):
        answer = self.ask(query, variables, **headers)
        body = answer.json()
        assert answer.status_code == 200, body
        assert "errors" not in body
        return body["data"]


@pytest.fixture
def client():
    return Client()


@pytest.mark.parametrize(("name", "alias"), [("code", "champion"), ("age", None)])
def test_a_variant_tells_by_which_alias_it_was_chosen(client, name, alias):
    said = client.data(f'{{ endpoint(name: "{name}") {{ variants {{ alias }} }} }}')
    assert said["endpoint"]["variants"] == [{"alias": alias}]


def test_endpoints_tell_of_themselves(client):
    said = client.data(
        """{
          endpoints { name graphqlName }
          endpoint(name: "risk-all") {
            route key timeoutS fallback
            columns { name graphqlName dtype nullable minimum maximum categories }
            output { kind labels probabilities width }
            variants { version weight }
          }
        }"""
    )
    assert said["endpoints"][3] == {"name": "risk-all", "graphqlName": "risk_all"}
    one = said["endpoint"]
    assert (one["route"], one["key"], one["timeoutS"]) == ("split", "patient_id", 2.0)
    assert one["columns"][0] == {
        "name": "mean radius", "graphqlName": "mean_radius", "dtype": "float64",
        "nullable": False, "minimum": 0.0, "maximum": 10.0, "categories": None,
    }  # fmt: skip
    assert one["columns"][2]["categories"] == ["klein", "groß"]
    assert one["output"]["labels"] == ["ill", "well"]
    assert one["variants"] == [
        {"version": "r@1", "weight": 1.0},
        {"version": "s@1", "weight": 1.0},
    ]


def test_one_row_is_answered_with_who_answered(client):
    query = f"""{{ predict {{ risk_all(rows: {ROWS}) {{
        predictions probabilities classes variants snapshot predictionId requestId fallback
        endpoint leftOut {{ code }} warnings {{ row }} cachedRows }} }} }}"""
    said = client.data(query, **{"x-request-id": "mine"})["predict"]["risk_all"]
    assert said == {
        "predictions": ["ill"], "probabilities": [[0.5, 0.5]], "classes": ["ill", "well"],
        "variants": ["r@1"], "snapshot": 4, "predictionId": "id-1", "requestId": "mine",
        "fallback": False, "endpoint": "risk-all", "leftOut": [], "warnings": [],
        "cachedRows": None,
    }  # fmt: skip
    (_, columns, _) = client.models.asked[0]
    assert columns.names == ("mean radius", "visits", "größe", "smoker")
    assert [array.tolist() for array in columns.arrays] == [[3.0], [2], ["klein"], [True]]


def test_rows_may_be_variables_and_lack_cells_that_may_be_null(client):
    query = "query Q($rows: [RiskAllRow!]!) { predict { risk_all(rows: $rows) { predictions } } }"
    rows = [ROW, {**ROW, "gro_e": None}, {**ROW, "visits": str(2**63 - 1)}]
    assert client.data(query, {"rows": rows})["predict"]["risk_all"]["predictions"] == ["ill"] * 3
    assert client.models.asked[0][1]["größe"].tolist() == ["klein", None, "klein"]
    assert client.models.asked[0][1]["visits"].tolist() == [2, 2, 2**63 - 1]


def test_the_same_numbers_come_back_as_from_other_dialects(client):
    said = client.data("{predict{age(rows: [{x: 1}, {x: 2.5}]) {predictions}}}")
    body = {"instances": [{"x": 1}, {"x": 2.5}]}
    transport = httpx.ASGITransport(client.app)

    async def native():
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as other:
            return (await other.post("/v1/models/age:predict", json=body)).json()

    assert said["predict"]["age"]["predictions"] == asyncio.run(native())["predictions"]
    assert said["predict"]["age"]["predictions"] == [0.1, 0.25]


def test_what_is_no_number_is_null(client):
    said = client.data("{predict{pair(rows: [{x: 1}, {x: 6}]) {predictions}}}")
    assert said["predict"]["pair"]["predictions"] == [[1.0, None], [6.0, None]]


@pytest.mark.parametrize("number", [2**53 + 1, 2**64 - 1, 0])
def test_integers_of_64_bits_are_exact(client, number):
    query = "query($rows: [CodeRow!]!) {predict{code(rows: $rows) {predictions}}}"
    for written in (number, str(number)):
        said = client.data(query, {"rows": [{"n": written}]})
        assert said["predict"]["code"]["predictions"] == [2**60 + 1]
        assert client.models.asked[-1][1]["n"].tolist() == [number]


def test_aliases_ask_an_endpoint_several_times_and_a_version_or_key_picks_the_variant(client):
    query = f"""{{ predict {{
        one: risk_all(rows: {ROWS}, version: "1") {{ ...Who }}
        two: risk_all(rows: {ROWS}, version: "s@1") {{ ...Who }}
        three: risk_all(rows: {ROWS}, key: 7) {{ ...Who }}
        four: risk_all(rows: {ROWS}, key: "7") {{ ...Who }}
        age(rows: [{{x: 1}}]) {{ ...Who }}
    }} }} fragment Who on Answer {{ variants }}"""
    body = client.ask(query).json()
    said = body["data"]["predict"]
    assert said["one"] is None
    assert said["two"] == {"variants": ["s@1"]}
    assert said["three"] == said["four"]
    assert said["age"] == {"variants": ["a@1"]}
    (error,) = body["errors"]
    assert error["path"] == ["predict", "one"]
    assert error["extensions"]["code"] == "not_found"
    assert error["extensions"]["known"] == ["r@1", "s@1"]


async def test_the_predictions_of_a_document_run_at_the_same_time():
    client = Client()
    client.models.gate = asyncio.Barrier(2)
    query = "{predict{a: age(rows: [{x: 1}]) {snapshot} pair(rows: [{x: 1}]) {snapshot}}}"
    async with asyncio.timeout(20):
        answer = await client.asend("POST", json={"query": query})
    assert answer.json()["data"]["predict"] == {"a": {"snapshot": 4}, "pair": {"snapshot": 4}}


def test_rows_that_break_the_schema_are_told_of_as_everywhere(client):
    rows = "[{mean_radius: 1, visits: 1, smoker: null, gro_e: null}, {mean_radius: 99}]"
    answer = client.ask(f"{{predict{{risk_all(rows: {rows}) {{predictions}}}}}}")
    (error,) = answer.json()["errors"]
    assert answer.status_code == 200
    assert answer.json()["data"] == {"predict": {"risk_all": None}}
    assert error["extensions"]["code"] == "invalid_input"
    found = {(one["row"], one["column"], one["rule"]) for one in error["extensions"]["violations"]}
    assert {(0, "smoker", "nan"), (1, "visits", "missing"), (1, "größe", "missing")} <= found
    assert error["locations"] == [{"line": 1, "column": 10}]


def test_rules_that_are_only_warned_of_are_in_the_answer(client):
    query = """{ predict { risk_all(rows: [{mean_radius: 99, visits: 1, smoker: true, gro_e: "x"}])
               { warnings { row column rule seen expected } } } }"""
    found = client.data(query)["predict"]["risk_all"]["warnings"]
    assert {(one["column"], one["rule"], one["seen"]) for one in found} == {
        ("mean radius", "range", "99.0"), ("größe", "category", "'x'"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Overloaded("full", retry_after_s=2), "overloaded"),
        (DeadlineExceeded("late"), "deadline_exceeded"),
        (ModelFailed("a@1 failed"), "model_failed"),
    ],
)
def test_a_prediction_fails_alone_and_says_why(client, error, code):
    client.models.errors["a@1"] = error
    answer = client.ask("{predict{age(rows: [{x: 1}]) {snapshot} pair(rows: [{x: 1}]) {snapshot}}}")
    body = answer.json()
    assert body["data"] == {"predict": {"age": None, "pair": {"snapshot": 4}}}
    assert body["errors"][0]["message"] == error.message
    assert body["errors"][0]["extensions"].items() >= {"code": code, **error.details}.items()


def test_what_nobody_thought_of_is_an_internal_error_that_the_log_knows(client, caplog):
    client.models.errors["a@1"] = KeyError("/etc/secret")
    answer = client.ask("{predict{age(rows: [{x: 1}]) {snapshot}}}", **{"x-request-id": "r-1"})
    (error,) = answer.json()["errors"]
    assert error["message"] == "internal error"
    assert error["extensions"] == {"code": "internal", "request_id": "r-1"}
    assert "secret" not in answer.text
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert isinstance(record.exc_info[1], KeyError)


def test_introspection_is_what_tools_make_a_schema_of(client):
    said = client.data(get_introspection_query(specified_by_url=True, one_of=True))
    schema = build_client_schema(said)
    assert {"RiskAllRow", "RiskAllAnswer", "CodeAnswer", "Long"} <= schema.type_map.keys()


def test_queries_may_come_by_get(client):
    query = "query A($name: String!) {endpoint(name: $name) {name}} query B {endpoints {name}}"
    parameters = {"query": query, "variables": '{"name": "age"}', "operationName": "A"}
    answer = client.send("GET", params=parameters)
    assert answer.json() == {"data": {"endpoint": {"name": "age"}}}
    assert client.send("GET", params={**parameters, "variables": "{"}).status_code == 400
    assert client.send("GET", params={**parameters, "variables": "[]"}).status_code == 400
    empty = {"query": "{endpoints{name}}", "variables": "", "operationName": ""}
    assert client.send("GET", params=empty).status_code == 200
    assert client.send("GET").status_code == 400
    assert client.send("GET", params={"query": "x" * 50_000}).status_code == 413


@pytest.mark.parametrize("kind", ["mutation", "subscription"])
def test_nothing_can_be_changed(client, kind):
    query = kind + "{predict{age(rows: [{x: 1}]) {snapshot}}}"
    answer = client.ask(query)
    assert answer.status_code == 400
    assert f"`query` in place of `{kind}`" in answer.json()["errors"][0]["message"]
    by_get = client.send("GET", params={"query": query})
    assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")


WRONG = {
    "syntax": "{",
    "empty": "",
    "unknown field": "{nothing}",
    "unknown column": "{predict{age(rows: [{y: 1}]) {snapshot}}}",
    "no rows": "{predict{age {snapshot}}}",
    "wrong type": '{predict{age(rows: [{x: "1"}]) {snapshot}}}',
    "huge number": "{predict{code(rows: [{n: " + "9" * 5_000 + "}]) {snapshot}}}",
    "wrong argument": "{predict{age(rows: [], key: 1) {snapshot}}}",
    "no selection": "{predict{age(rows: [{x: 1}])}}",
    "undefined variable": "{predict{age(rows: $rows) {snapshot}}}",
    "unused variable": "query($rows: [AgeRow!]!) {endpoints {name}}",
    "variable that is not given": "query($r: [AgeRow!]!) {predict{age(rows: $r) {snapshot}}}",
    "two operations": "query A {endpoints {name}} query B {endpoints {name}}",
    "only fragments": "fragment F on Query {endpoints {name}}",
    "cycle": "{...F} fragment F on Query {...G} fragment G on Query {...F}",
    "unknown fragment": "{...F}",
    "unknown directive": "{endpoints @stream {name}}",
    "type definition": "type A {a: Int}",
    "deep": "{" + "predict{" * 60 + "a" + "}" * 61,
    "very deep": "{a" * 4_000,
    "deep value": "{predict{age(rows: " + "[" * 1_000 + "]" * 1_000 + ") {snapshot}}}",
    "aliases": "{" + " ".join(f"a{i}: endpoints {{name}}" for i in range(100)) + "}",
    "predictions": "{predict{"
    + " ".join(f"a{i}: age(rows: []) {{snapshot}}" for i in range(21))
    + "}}",
    "repeated": "{" + "predict{__typename}" * 900 + "}",
    "tokens": "{predict{age(rows: [" + "{x: 1}" * 1_000 + "]) {snapshot}}}",
}


@pytest.mark.parametrize("query", WRONG.values(), ids=WRONG)
def test_documents_that_cannot_be_executed_are_told_apart_by_the_media_type(client, query):
    answer = client.ask(query)
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert answer.json().keys() == {"errors"}
    assert 0 < len(answer.json()["errors"]) <= 11
    assert all(len(one["message"]) <= 500 for one in answer.json()["errors"])
    legacy = client.ask(query, accept=JSON)
    assert legacy.status_code == 200
    assert legacy.headers["content-type"] == f"{JSON}; charset=utf-8"
    assert legacy.json() == answer.json()
    assert client.models.asked == []


VARIABLES = [
    {"rows": 1}, {"rows": None}, {"rows": "x"}, {"rows": [None]}, {"rows": [[]]}, {},
    {"rows": [{"x": "1"}]}, {"rows": [{"x": True}]}, {"rows": [{"x": [1]}]}, {"rows": [{"y": 1}]},
    {"rows": [{"x": 2**53 + 1}]}, {"rows": [{"x": {"a": 1}}] * 40},
]  # fmt: skip


@pytest.mark.parametrize("variables", VARIABLES, ids=repr)
def test_variables_of_other_types_are_refused_with_their_place(client, variables):
    query = "query($rows: [AgeRow!]!) {predict{age(rows: $rows) {predictions}}}"
    answer = client.ask(query, variables)
    assert answer.status_code == 400
    assert "'$rows'" in answer.json()["errors"][0]["message"]
    assert len(answer.json()["errors"]) <= 11


@pytest.mark.parametrize(
    ("sent", "status", "said"),
    [
        ({"content": b"{"}, 400, "not JSON"),
        ({"content": b""}, 400, "empty"),
        ({"content": b'"\xff"'}, 400, "UTF-8"),
        ({"json": []}, 400, "object"),
        ({"json": {}}, 400, "'query'"),
        ({"json": {"query": {"a": 1}}}, 400, "an object of 1"),
        ({"json": {"query": "{a}", "variables": [1]}}, 400, "'variables'"),
        ({"json": {"query": "{a}", "operationName": 1}}, 400, "'operationName'"),
        ({"json": {"query": "{a}", "extensions": 1}}, 400, "'extensions'"),
        ({"content": b'{"query": "\\ud800"}'}, 400, "JSON"),
        ({"content": b"{endpoints{name}}", "headers": {"content-type": "text/plain"}}, 415, "json"),
        ({"content": b"{}", "headers": {"content-type": ""}}, 415, "json"),
        ({"content": b"{}", "headers": {"content-encoding": "br"}}, 415, "gzip"),
        ({"content": b" " * 40_001}, 413, "40000"),
        ({"json": {"query": "{a}"}, "headers": {"accept": "text/html"}}, 406, GRAPHQL),
        ({"json": {"query": "{a}"}, "headers": {"x-timeout-s": "soon"}}, 400, "x-timeout-s"),
    ],
)
def test_requests_that_are_none_are_refused_whatever_the_media_type(client, sent, status, said):
    for accept in (GRAPHQL, JSON):
        headers = {"content-type": JSON, "accept": accept, **sent.get("headers", {})}
        answer = client.send(**{**sent, "headers": headers})
        assert answer.status_code == status, answer.text
        (error,) = answer.json()["errors"]
        assert said in error["message"]


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        ("", GRAPHQL),
        ("*/*", GRAPHQL),
        ("application/*", GRAPHQL),
        (f"{GRAPHQL}; charset=utf-8, {JSON}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL};q=0.5, {JSON};q=0.9", JSON),
        (f"{GRAPHQL};q=0, */*", JSON),
        (f"text/html, {JSON};q=0.1", JSON),
        (f"{GRAPHQL};q=high, {JSON}", JSON),
        ("text/html;q=0.9, */*;q=0.1", GRAPHQL),
    ],
)
def test_the_media_type_is_one_that_the_client_takes(client, accept, answered):
    answer = client.ask("{endpoints {name}}", accept=accept)
    assert answer.headers["content-type"].partition(";")[0] == answered


def test_rows_are_limited_by_field_and_by_document(client):
    query = (
        "query($r: [AgeRow!]!) {predict{a: age(rows: $r) {snapshot} b: age(rows: $r) {snapshot}}}"
    )
    at_once = client.ask(query, {"r": [{"x": 1}] * 51})
    assert at_once.status_code == 413
    assert at_once.json()["errors"][0]["extensions"]["max_rows"] == 50
    body = client.ask(query, {"r": [{"x": 1}] * 30}).json()
    assert body["data"]["predict"] == {"a": {"snapshot": 4}, "b": None}
    assert body["errors"][0]["extensions"]["code"] == "too_large"
    assert "60 rows" in body["errors"][0]["message"]


def test_no_rows_are_no_predictions(client):
    said = client.data("{predict{age(rows: []) {predictions} one: age(rows: {x: 1}) {snapshot}}}")
    assert said["predict"] == {"age": {"predictions": []}, "one": {"snapshot": 4}}


def test_the_time_that_a_client_gives_is_that_of_each_prediction(client):
    client.data("{predict{age(rows: [{x: 1}]) {snapshot}}}", **{"x-timeout-s": "0.25"})
    assert client.models.asked[0][2] == 0.25


def test_endpoints_that_are_not_there_are_said_with_those_that_are(client):
    body = client.ask('{endpoint(name: "aeg") {name} endpoints {name}}').json()
    assert body["data"]["endpoint"] is None
    assert len(body["data"]["endpoints"]) == 4
    assert "Did you mean 'age'" in body["errors"][0]["message"]
    assert "Did you mean" in client.ask("{predict{agee(rows: []) {snapshot}}}").text


def test_the_schema_follows_the_snapshot(client):
    query = "{endpoints {name} predict{age(rows: [{x: 1}]) {snapshot}}}"
    assert client.data(query)["predict"]["age"]["snapshot"] == 4
    client.swap(5, ENDPOINTS[:2])
    assert client.data(query) == {
        "endpoints": [{"name": "age"}, {"name": "risk-all"}],
        "predict": {"age": {"snapshot": 5}},
    }
    client.swap(6, ENDPOINTS[:1])
    assert client.ask(query).status_code == 400
    client.swap(7, ())
    assert client.data("{endpoints {name}}") == {"endpoints": []}


def test_weights_change_under_the_same_schema(client, monkeypatch):
    query = '{endpoint(name: "risk-all") {variants {version weight}}}'
    assert [v["weight"] for v in client.data(query)["endpoint"]["variants"]] == [1.0, 1.0]

    def never(endpoints):
        raise AssertionError("weights are no part of a schema")

    monkeypatch.setattr(execution.graphql_schema, "build", never)
    client.swap(5, [one.with_weights({"s@1": 7.0}) for one in ENDPOINTS])
    assert [v["weight"] for v in client.data(query)["endpoint"]["variants"]] == [1.0, 7.0]
    predicted = client.data("{predict{age(rows: [{x: 1}]) {snapshot}}}")
    assert predicted["predict"]["age"]["snapshot"] == 5


def test_many_documents_are_not_all_kept(client):
    for number in range(80):
        assert client.data(f"{{a{number}: endpoints {{name}}}}")
    assert client.data("{a0: endpoints {name}}") == client.data("{a0: endpoints {name}}")
    documents = next(
        route.endpoint for route in client.app.routes if route.path == "/graphql"
    )._loaded
    (standing,) = documents._standing.values()
    assert len(standing._valid) == 64


def test_without_a_snapshot_nothing_is_answered_yet():
    for accept in (GRAPHQL, JSON):
        answer = Client(endpoints=None).ask("{endpoints {name}}", accept=accept)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["errors"][0]["extensions"]["code"] == "not_ready"


def test_long_answers_are_compressed_for_who_accepts_it():
    client = Client(compress_above_bytes=300)
    query = "{endpoints {name columns {name dtype} variants {version weight}}}"
    packed = client.ask(query, **{"accept-encoding": "gzip"})
    plain = client.ask(query, **{"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == plain.headers["vary"] == "accept-encoding"
    assert packed.json() == plain.json()


def test_without_the_package_the_answer_says_how_to_install_it(client, monkeypatch):
    loaded = ("serve_app.protocols.graphql_", "serve_app.gateway.graphql.execution")
    for name in [name for name in sys.modules if name.startswith(loaded)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "graphql", None)
    for accept in (GRAPHQL, JSON):
        answer = client.ask("{endpoints {name}}", accept=accept)
        assert answer.status_code == 501
        assert "pip install 'serve-app[graphql]'" in answer.json()["errors"][0]["message"]


def test_another_package_that_is_missing_is_a_fault_of_this_side(client, monkeypatch, caplog):
    monkeypatch.delitem(sys.modules, "serve_app.gateway.graphql.execution", raising=False)
    monkeypatch.setitem(sys.modules, "serve_app.protocols.graphql.schema", None)
    monkeypatch.delattr("serve_app.protocols.graphql.schema", raising=False)
    answer = client.ask("{endpoints {name}}")
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["message"] == "internal error"


def test_other_methods_are_told_which_are_answered(client):
    answer = client.send("DELETE")
    assert answer.status_code == 405
    assert "POST" in answer.headers["allow"]


PIECES = st.sampled_from(
    [*"{}()[]:!$@#", "...", "on", "query", "fragment", "F", "predict", "endpoints", "age", "rows",
     "x", "name", "snapshot", "__schema", "types", "__typename", '"a"', "1", "-0", "1.5", "$r",
     "null", "true", '"""']
)  # fmt: skip


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.text(max_size=40) | st.lists(PIECES, max_size=25).map(" ".join), st.booleans())
def test_no_document_makes_the_server_fail(client, query, by_get):
    if by_get:
        answer = client.send("GET", params={"query": query, "variables": '{"r": [{"x": 1}]}'})
    else:
        answer = client.ask(query, {"r": [{"x": 1}]})
    assert answer.status_code in {200, 400}
    assert json.loads(answer.content).keys() <= {"data", "errors"}
    assert "internal" not in answer.text
