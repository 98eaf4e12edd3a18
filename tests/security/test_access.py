"""Every path and method of every port, as strangers and as callers with few rights meet it.

The paths are those of the applications themselves: a new one is walked without a line here.
"""

import asyncio
import json
import re
import time
from types import SimpleNamespace
from urllib.parse import unquote

import grpc
import httpx
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from starlette.routing import BaseRoute

from serve_app.config.access import AccessSettings
from serve_app.core.grants import ACTIONS
from serve_app.errors import Overloaded
from serve_app.gateway import rpc_access
from serve_app.gateway.access import METRICS, PUBLIC_METHODS, Gate, protect, public_paths
from serve_app.gateway.admin.actions import Change
from serve_app.gateway.admin.app import build as build_admin
from serve_app.gateway.admin.paths import PATHS, PREFIX
from serve_app.gateway.context import Settings
from serve_app.gateway.rpc import InferenceService, serve
from serve_app.protocols.oip import messages as oip_messages
from serve_app.protocols.oip.messages import message
from serve_app.security.authentication import FAILURES_AT_ONCE, authenticator_of
from serve_app.security.authenticators import Credential
from serve_app.security.budget import SourceUnknown
from serve_app.standalone.application import build as build_application
from serve_app.standalone.metrics_page import metrics_page
from serve_app.standalone.places import Place
from serve_app.standalone.settings import RunSettings
from tests.ports import free_port
from tests.security.callers import ALL, ENDPOINTS, FLOODS, MODELS, Known, key
from tests.unit.gateway.admin.actions import Actions
from tests.unit.gateway.admin.test_app import BODIES, SAMPLES
from tests.unit.gateway.harness import ROW, client_of

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW")
PLACES = {
    "version": "1", "label": "champion", "region": "r", "namespace": "n", "vertex": "1",
    "deployed": "2", "project": "p", "location": "l", "rest": "nothing/1",
    "job": "job-1", "answer": "answer-1",
}  # fmt: skip
NOT_THERE = ("/nothing", "/", "/x//", "/%2e%2e/docs", "/v1/models/risk:predict/", "/-/routes")
NAMES = re.compile(rf"\b({'|'.join((*ENDPOINTS, *MODELS))})\b")
PLAIN = re.compile(r"\b(risk|both|logistic|other@|line@|champion)\b")


@pytest.fixture
def gateway(registry):
    return client_of(registry)


def filled(path, endpoint):
    """A path with names in its places."""
    path = path.replace("{endpoint}", endpoint)
    for name, value in PLACES.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, "PLACES has nothing for it"
    return path


def templates(app):
    """The paths of an application, with those of the profiles below it."""
    paths = {
        route.path_format for route in app.routes
        if isinstance(route, BaseRoute) and hasattr(route, "path_format")
    }  # fmt: skip
    below = {
        f"/{name}{path}" for name, one in app.mounted.items() for path in templates(one)
    }  # fmt: skip
    return paths | below


def ask(app, requests):
    """The answers to some requests, each a method, a path, headers and a body.

    Thousands are asked: past a client's own work, as a server hands them over.
    """

    async def asked():
        return [await answered(app, *one) for one in requests]

    return asyncio.run(asked())


async def answered(app, method, target, headers, body):
    path, _, query = target.partition("?")
    messages = []

    async def receive():
        return {"type": "http.request", "body": body or b"", "more_body": False}

    async def send(message):
        messages.append(message)

    sent = {"host": "gateway", "content-length": str(len(body or b"")), **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(path), "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode(), "client": ("127.0.0.1", 1), "server": ("gateway", 80),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    await app(scope, receive, send)
    start, *rest = messages
    content = b"".join(message.get("body", b"") for message in rest)
    return httpx.Response(start["status"], headers=start["headers"], content=content)


def ports(gateway):
    """Each port: its name, its application behind the layer, its paths."""
    gate = Gate(Known(), lambda *_: None)
    yield "all", protect(gateway.app, gate, "all"), templates(gateway.app)
    for name, app in gateway.app.mounted.items():
        yield name, protect(app, gate, name), templates(app)
    admin = build_admin(Actions(), host="127.0.0.1", ids=lambda: "r")
    yield "admin", protect(admin, gate, "admin"), {admin_place(path) for path in PATHS}


def admin_place(path, **names):
    return PREFIX + path.path.format(**{**SAMPLES, "key": "k", **names})


def test_strangers_learn_nothing_anywhere_but_whether_it_lives(gateway):
    walked = 0
    for name, app, paths in ports(gateway):
        public = public_paths(name)
        for headers in ({}, {"x-api-key": "wrong"}, {"authorization": "Basic eDp5"}):
            requests = [
                (method, path, headers, b"{}" if method in {"POST", "PUT"} else None)
                for path in sorted({filled(one, "risk") for one in paths} | {*NOT_THERE, *public})
                for method in METHODS
            ]
            for (method, path, *_), answer in zip(requests, ask(app, requests), strict=True):
                walked += 1
                if path in public and method in PUBLIC_METHODS:
                    # Serve itself answers the first of them, before the application.
                    alive = {200, 404} if path == "/-/healthz" else {200, 503}
                    assert answer.status_code in alive, (name, method, path)
                else:
                    assert answer.status_code == 401, (name, method, path)
                    assert "allow" not in answer.headers
                assert not NAMES.search(answer.text + str(answer.headers)), (name, method, path)
    assert walked > 5_000


def test_all_strangers_are_answered_alike(gateway):
    for _, app, _ in ports(gateway):
        requests = [
            (method, path, {}, None)
            for path in ("/v1/models/risk", "/nothing", f"{PREFIX}/endpoints")
            for method in METHODS
            if method != "HEAD"
        ]
        assert len({(one.content, str(one.headers)) for one in ask(app, requests)}) == 1


def bodies(endpoint):
    """Bodies in which some dialect or other finds whom it asks, or rows."""
    yield None
    yield json.dumps({"instances": [ROW], "model_name": endpoint}).encode()
    yield json.dumps({"query": f"{{endpoint(name: {json.dumps(endpoint)}) {{name}}}}"}).encode()
    yield json.dumps({"prediction_id": "p", "truth": "ill", "endpoint": endpoint}).encode()


def test_a_foreign_endpoint_is_answered_as_one_that_there_is_none_of(gateway):
    for name, app, paths in ports(gateway):
        if name == "admin":
            continue
        headers = {**key("k-age"), "content-type": "application/json", "accept": "application/json"}

        def requests(endpoint, paths=paths, headers=headers):
            return [
                (method, filled(path, endpoint), headers, body)
                for path in sorted(paths)
                for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS")
                for body in (bodies(endpoint) if method in {"POST", "PUT"} else [None])
            ]

        theirs, nobodys = ask(app, requests("risk")), ask(app, requests("rosk"))
        for asked, foreign, unknown in zip(requests("risk"), theirs, nobodys, strict=True):
            assert foreign.status_code == unknown.status_code, (name, asked)
            words, others = (re.sub(r"id-\d+", "id", one.text) for one in (foreign, unknown))
            if "{endpoint}" in "".join(paths) and "metrics" not in asked[1]:
                assert words.replace("risk", "rosk") == others, (name, asked)
            without = words.replace("'risk'", "").replace('"risk"', "")
            assert not re.search(r"\bboth\b|logistic|other@", without), (name, asked)


@pytest.mark.parametrize("who", ["k-age", "k-nothing"])
def test_lists_pages_and_documents_name_what_may_be_seen_alone(gateway, who):
    seen = {"k-age": {"age"}, "k-nothing": set()}[who]
    for name, app, paths in ports(gateway):
        if name == "admin":
            continue
        whole = [path for path in sorted(paths) if "{" not in path]
        for accept in ("application/json", "text/html"):
            headers = {**key(who), "accept": accept}
            requests = [
                (method, path, headers, b"{}" if method == "POST" else None)
                for path in whole
                for method in ("GET", "POST", "OPTIONS")
            ]
            for asked, answer in zip(requests, ask(app, requests), strict=True):
                named = set(re.findall(r"\b(risk|both|age)\b", answer.text))
                named -= {"age"}  # it is the name of a column too
                assert named <= seen, (name, asked)
                if "age" not in seen:
                    assert "line@1" not in answer.text, (name, asked)
                assert "logistic" not in answer.text, (name, asked)


def status(gateway, who, method, path, body=None):
    app = protect(gateway.app, Gate(Known(), lambda *_: None), "all")
    headers = {**key(who), "content-type": "application/json"}
    content = None if body is None else json.dumps(body).encode()
    (answer,) = ask(app, [(method, path, headers, content)])
    return answer.status_code


def test_what_is_seen_and_not_granted_is_forbidden(gateway):
    rows = {"instances": [ROW]}
    assert status(gateway, "k-predicts", "POST", "/v1/models/risk:predict", rows) == 200
    assert status(gateway, "k-predicts", "GET", "/v1/models/risk") == 200
    assert status(gateway, "k-predicts", "POST", "/v1/models/risk:explain", rows) == 403
    truth = {"prediction_id": "p", "truth": "ill"}
    assert status(gateway, "k-predicts", "POST", "/v1/models/risk:feedback", truth) in {403, 503}
    assert status(gateway, "k-age", "POST", "/v1/models/age:predict", rows) == 200
    assert status(gateway, "k-nothing", "POST", "/v1/models/age:predict", rows) == 404


MANAGEMENT = [
    ("POST", "/v2/repository/models/risk/load"),
    ("POST", "/v2/repository/models/risk/unload"),
    ("POST", "/models"),
    ("DELETE", "/models/risk"),
    ("GET", "/v2/models/risk/stats"),
    ("GET", "/v1/status"),
    ("POST", "/torchserve-management/models?url=a.mar"),
    ("PUT", "/torchserve-management/models/risk?min_worker=2"),
    ("DELETE", "/torchserve-management/models/risk"),
]


@pytest.mark.parametrize(("method", "path"), MANAGEMENT)
def test_who_may_predict_manages_nothing(gateway, method, path):
    body = {"model_name": "risk", "url": "s3://x"} if path == "/models" else None
    assert status(gateway, "k-predicts", method, path, body) == 403


def test_graphql_shows_and_answers_by_field(gateway):
    pytest.importorskip("graphql")
    app = protect(gateway.app, Gate(Known(), lambda *_: None), "all")

    def data(who, query):
        body = json.dumps({"query": query}).encode()
        headers = {**key(who), "content-type": "application/json"}
        (answer,) = ask(app, [("POST", "/graphql", headers, body)])
        return answer.json()

    assert data("k-age", "{endpoints {name}}")["data"] == {"endpoints": [{"name": "age"}]}
    both = data("k-age", "{predict {age(rows: [{age: 1, dose: 1}]) {snapshot}}}")
    assert both["data"]["predict"]["age"]["snapshot"] == 4
    missing = data("k-age", "{predict {risk(rows: [{age: 1, dose: 1}]) {snapshot}}}")
    unknown = data("k-age", "{predict {rosk(rows: [{age: 1, dose: 1}]) {snapshot}}}")
    assert json.dumps(missing).replace("risk", "rosk") == json.dumps(unknown)
    fields = data("k-age", "{__schema {types {name fields {name}}}}")
    assert not PLAIN.search(json.dumps(fields))


def test_the_admin_api_does_what_is_granted_and_tells_nobody_else():
    app = protect(
        build_admin(Actions(), host="127.0.0.1", ids=lambda: "r"),
        Gate(Known(), lambda *_: None),
        "admin",
    )

    def statuses(who, **names):
        requests = [
            (
                path.method, admin_place(path, **names), {**key(who), "host": "127.0.0.1"}
                | {"content-type": "application/json"},
                json.dumps(BODIES.get(path.handler, {})).encode() if path.body else None,
            )
            for path in PATHS
        ]  # fmt: skip
        return [one.status_code for one in ask(app, requests)]

    assert {path.action for path in PATHS} <= set(ACTIONS)
    reads = {"admin:keys", *(one for one in ACTIONS if one.startswith("read:"))}
    for path in PATHS:
        needs = path.action
        assert needs in reads if path.access == "see" else needs.startswith("admin:"), path
    assert set(statuses("k-predicts")) == {403}
    assert not {401, 403} & set(statuses("k-all"))
    foreign = statuses("k-age", endpoint="risk")
    assert foreign == statuses("k-age", endpoint="rosk")
    for path, code in zip(PATHS, foreign, strict=True):
        assert code == (404 if "{endpoint}" in path.path else 403), path


def test_who_makes_a_change_is_who_is_known_and_not_who_they_say():
    actions = Actions()
    admin = build_admin(actions, host="127.0.0.1", ids=lambda: "r")
    app = protect(admin, Gate(Known(), lambda *_: None), "admin")
    headers = {**key("k-all"), "host": "127.0.0.1", "content-type": "application/json"}
    body = {"weights": {"a@1": 1}, "by": "somebody else", "reason": "why not"}
    path = f"{PREFIX}/endpoints/risk/weights"
    (answer,) = ask(app, [("PUT", path, headers, json.dumps(body).encode())])
    assert answer.status_code == 200
    assert Change("root", "why not") in actions.done[-1]


def test_one_process_without_ray_has_the_same_layer(registry):
    settings = RunSettings(Place("this machine"), models=registry._files.url)
    application = build_application(settings, clock=time.monotonic, authenticator=Known())
    page = protect(metrics_page(application.samples), application.gate, METRICS)
    for app, path, expected in (
        (application, "/v1/endpoints", {"": 401, "k-nothing": 200, "k-all": 200}),
        (application, "/v2/health/live", {"": 200, "wrong": 200}),
        (application, "/metrics", {"": 401, "k-all": 404}),
        (page, "/metrics", {"": 401, "k-predicts": 403, "k-all": 200}),
        (page, "/", {"": 401}),
    ):
        for who, status_code in expected.items():
            (answer,) = ask(app, [("GET", path, key(who) if who else {}, None)])
            assert answer.status_code == status_code, (path, who)
    assert application.allowed_hosts == ("*",)


def rpc_methods():
    """Every method of the service, those of gRPC's own, and some that there are none of."""
    yield from (
        f"/{oip_messages.SERVICE}/{one.name}"
        for one in oip_messages.POOL.FindServiceByName(oip_messages.SERVICE).methods
    )
    yield "/grpc.health.v1.Health/Check"
    yield "/grpc.health.v1.Health/List"
    yield "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
    yield f"/{oip_messages.SERVICE}/Nothing"
    yield "/nothing.Service/Method"


@pytest.fixture
def calling(gateway):
    """Calls a gRPC server behind the layer in this process."""

    def called(use, known=None):
        async def run():
            service = InferenceService(gateway.predictor, Settings(10_000, 50), ids=lambda: "r")
            gate = Gate(known or Known(), lambda *_: None)
            address = f"127.0.0.1:{free_port()}"
            server = await serve(service, address, 10_000, gate)
            try:
                async with grpc.aio.insecure_channel(address) as channel:
                    return await use(channel)
            finally:
                await server.stop(None)

        return asyncio.run(run())

    return called


async def code_of(channel, method, metadata, request=b""):
    try:
        await channel.unary_unary(method)(request, metadata=metadata, timeout=20)
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


def test_no_method_of_grpc_is_called_without_a_key(calling):
    async def use(channel):
        wrong = [(), (("x-api-key", "wrong"),), (("authorization", "Bearer a.b.c"),)]
        twice = (("x-api-key", "k-all"), ("authorization", "Bearer k-all"))
        for method in rpc_methods():
            for metadata in (*wrong, twice):
                code, words = await code_of(channel, method, metadata)
                if method in rpc_access.PUBLIC:
                    assert code == grpc.StatusCode.OK, method
                else:
                    assert code == grpc.StatusCode.UNAUTHENTICATED, method
                assert not NAMES.search(words)
        code, _ = await code_of(channel, "/nothing.Service/Method", (("x-api-key", "k-age"),))
        assert code == grpc.StatusCode.UNIMPLEMENTED

    calling(use)


class Costly(Known):
    """Looks at tokens, and counts what is not known, only where it knows from where it came."""

    def __init__(self):
        super().__init__()
        self.checked = set()

    def recall(self, shown):
        return None

    def authenticate(self, credential):
        if credential.kind == "token" and credential.value not in self.checked:
            if credential.source is None:
                raise SourceUnknown
            self.asked.append(credential)
            if credential.value == "good.to.ken":
                self.checked.add(credential.value)
        if credential.value in self.checked:
            return ALL
        caller = super().authenticate(credential)
        if caller is None and credential.source is None:
            raise SourceUnknown
        return caller


def test_what_is_wrong_over_grpc_costs_the_address_that_it_came_from(calling):
    known = Costly()

    async def use(channel):
        live = f"/{oip_messages.SERVICE}/ServerMetadata"
        for _ in range(2):
            code, _ = await code_of(channel, live, (("x-api-key", "wrong"),))
            assert code == grpc.StatusCode.UNAUTHENTICATED
            code, _ = await code_of(channel, live, (("authorization", "Bearer a.b.c"),))
            assert code == grpc.StatusCode.UNAUTHENTICATED
        # More than a server takes is not read of those that nobody knows.
        code, _ = await code_of(channel, live, (("x-api-key", "wrong"),), b"x" * 1_000_000)
        assert code == grpc.StatusCode.UNAUTHENTICATED
        known.asked.clear()
        code, _ = await code_of(channel, live, (("x-api-key", FLOODS),))
        assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
        sources = [one.source for one in known.asked]
        assert set(sources) <= {None, "127.0.0.1"}

    calling(use, known)


def test_a_token_that_is_checked_for_the_first_time_is_answered_at_once(calling):
    known = Costly()
    good = (("authorization", "Bearer good.to.ken"),)

    async def use(channel):
        index = channel.unary_unary(
            f"/{oip_messages.SERVICE}/RepositoryIndex",
            request_serializer=message("RepositoryIndexRequest").SerializeToString,
            response_deserializer=message("RepositoryIndexResponse").FromString,
        )
        for _ in range(2):
            models = (await index(message("RepositoryIndexRequest")(), metadata=good)).models
            assert {one.name for one in models} == set(ENDPOINTS)
        assert [one.source for one in known.asked if one.source] == ["127.0.0.1"]
        known.checked.clear()
        code, _ = await code_of(channel, "/nothing.Service/Method", good)
        assert code == grpc.StatusCode.UNIMPLEMENTED
        known.checked.clear()
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        answers = [one async for one in stub.ServerReflectionInfo(iter([request]), metadata=good)]
        assert len(answers) == 1

    calling(use, known)


def test_of_a_flood_of_wrong_keys_over_grpc_only_its_own_address_hears(calling):
    known = authenticator_of(
        AccessSettings(mode="keys"), clock=lambda: 0.0, monotonic=lambda: 0.0, wanted=lambda: None
    )
    burst = int(FAILURES_AT_ONCE)

    async def use(channel):
        method = f"/{oip_messages.SERVICE}/ServerMetadata"
        codes = [
            (await code_of(channel, method, (("x-api-key", "wrong"),)))[0] for _ in range(burst + 2)
        ]
        refused = [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
        assert codes == [grpc.StatusCode.UNAUTHENTICATED] * burst + refused

    calling(use, known)
    assert known.authenticate(Credential("key", "wrong", "10.0.0.9")) is None
    with pytest.raises(Overloaded):
        known.authenticate(Credential("key", "wrong", "127.0.0.1"))


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("ipv4:10.0.0.1:5555", "10.0.0.1"),
        ("ipv6:%5B2001:db8::1%5D:5555", "2001:db8::1"),
        ("ipv6:[::1]:5555", "::1"),
        ("unix:/tmp/socket", ""),
        ("", ""),
    ],
)
def test_the_address_of_a_peer_is_read_as_grpc_writes_it(peer, source):
    assert rpc_access.peer_of(SimpleNamespace(peer=lambda: peer)) == source


def test_grpc_answers_what_is_granted(calling):
    async def use(channel):
        async def call(method, metadata, **fields):
            called = channel.unary_unary(
                f"/{oip_messages.SERVICE}/{method}",
                request_serializer=message(f"{method}Request").SerializeToString,
                response_deserializer=message(f"{method}Response").FromString,
            )
            return await called(message(f"{method}Request")(**fields), metadata=metadata)

        age = (("authorization", "Bearer k-age"),)
        index = await call("RepositoryIndex", age)
        assert {one.name for one in index.models} == {"age"}
        assert not (await call("ModelReady", age, name="risk")).ready
        for name in ("ModelMetadata", "ModelConfig", "ModelStatistics"):
            words = []
            for asked in ("risk", "rosk"):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await call(name, age, name=asked)
                assert refused.value.code() == grpc.StatusCode.NOT_FOUND
                words.append(refused.value.details().replace("risk", "rosk"))
            assert words[0] == words[1]
        assert (await call("ModelMetadata", age, name="age")).name == "age"
        predicts = (("x-api-key", "k-predicts"),)
        for name, fields in (
            ("RepositoryModelLoad", {"model_name": "risk"}),
            ("RepositoryModelUnload", {"model_name": "risk"}),
            ("ModelStatistics", {"name": "risk"}),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(name, predicts, **fields)
            assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert not (await call("ModelStatistics", predicts)).model_stats

    calling(use)


def test_reflection_needs_a_key(calling):
    async def use(channel):
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            async for _ in stub.ServerReflectionInfo(iter([request])):
                pass
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        answers = stub.ServerReflectionInfo(iter([request]), metadata=(("x-api-key", "k-age"),))
        services = [one async for one in answers]
        assert services[0].list_services_response.service

    calling(use)
