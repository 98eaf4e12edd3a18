"""Calls of other systems change what is served, for those who may, and within the config alone."""

import asyncio
import json

import grpc
import pytest

from serve_app.config import GatewayArgs
from serve_app.config.management import ManagementSettings
from serve_app.errors import Conflict, NotFound
from serve_app.gateway.access import Gate, protect
from serve_app.gateway.admin.actions import Change, EndpointOrder, NewEndpoint, Replicas
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.management import Management
from serve_app.gateway.rpc import InferenceService, serve
from serve_app.protocols.oip import messages as oip_messages
from serve_app.protocols.oip.messages import message
from serve_app.security.audit import AuditLog
from serve_app.security.audit_reading import all_events
from tests.security.callers import Known, key
from tests.security.test_access import ask, free_port

REGISTRY = "s3://bucket/models"
SETTINGS = Settings(max_body_bytes=10_000, max_rows=50)
VERSIONS = {"line": [1, 2], "logistic": [1], "other": [1], "mme-late": [3]}


class Control:
    """A registry and a control that makes changes, of which some end otherwise."""

    def __init__(self):
        self.orders = []
        self.added = set()
        self.managed = set()
        self.ends = {"state": "done", "error": None}
        self.looks = 2

    async def models(self):
        return [await self.model(name) for name in VERSIONS]

    async def model(self, name):
        if name not in VERSIONS:
            raise NotFound(f"there is no model {name!r}; models: {', '.join(VERSIONS)}")
        return {"model": name, "versions": VERSIONS[name], "newest": VERSIONS[name][-1]}

    async def endpoint(self, name):
        return {"name": name, "orders": len(self.orders)}

    async def is_managed(self, endpoint):
        return endpoint in self.managed

    async def change_endpoint(self, order):
        if order.endpoint == "mme-taken":
            raise Conflict("there is an endpoint 'mme-taken'")
        if isinstance(order.wanted, NewEndpoint):
            await self.model(order.wanted.model.partition("@")[0])
        elif order.endpoint not in {"risk", "age", "both", *self.added}:
            raise NotFound("there is no endpoint; endpoints: risk, age, both")
        self.added.add(order.endpoint)
        self.orders.append(order)
        return {"id": "c-1", "state": "running", "progress": "starting", "version": None}

    async def change(self, identity):
        assert identity == "c-1"
        self.looks -= 1
        state = {"id": "c-1", "state": "running", "progress": "starting", "version": "line@2"}
        return state if self.looks > 0 else {**state, **self.ends}


class Clock:
    """Goes on by what is slept."""

    now_s = 0.0

    def __call__(self):
        return self.now_s

    async def sleep(self, pause_s):
        self.now_s += pause_s


@pytest.fixture
def control():
    return Control()


@pytest.fixture
def log(tmp_path):
    made = AuditLog(tmp_path / "audit", "gateway", lambda: 0.0)
    yield made
    made.close()


@pytest.fixture
def managed(control, log):
    """What manages by some settings."""

    def made(**settings):
        clock = Clock()
        return Management(
            control, ManagementSettings(**settings), REGISTRY, clock=clock, sleep=clock.sleep,
            audited=AuditedChanges(log, control, lambda: "r", clock=clock),
        )  # fmt: skip

    return made


@pytest.fixture
def send(client, managed):
    """Sends a request to the main port behind the access layer."""

    def sent(method, path, body=None, who="k-all", *, headers=(), **settings):
        app = build(client.predictor, SETTINGS, management=managed(**settings))
        known = protect(app, Gate(Known(), lambda *_: None), "all")
        content = None if body is None else json.dumps(body).encode()
        given = {**key(who), "content-type": "application/json", **dict(headers)}
        (answer,) = ask(known, [(method, path, given, content)])
        return answer

    return sent


def events(tmp_path):
    return [
        (one["action"], one["object"], one["result"], one["actor"])
        for one in all_events(tmp_path / "audit")
    ]


LOADS = [
    ("POST", "/v2/repository/models/mme-late/load", None, "mme-late"),
    ("POST", "/models", {"model_name": "mme-late", "url": "line/2"}, "line@2"),
    ("POST", "/models", {"model_name": "mme-late", "url": f"{REGISTRY}/line/2/"}, "line@2"),
    ("POST", "/models", {"model_name": "mme-late", "url": "line@champion"}, "line@champion"),
    ("POST", "/sagemaker/models", {"model_name": "mme-late", "url": "line"}, "line"),
    ("POST", "/torchserve-management/models?url=mme-late/3", None, "mme-late@3"),
    ("POST", "/torchserve-management/models?url=line/2&model_name=mme-late", None, "line@2"),
    (
        "POST",
        "/torchserve-management/models",
        {"url": "line@2", "model_name": "mme-late", "initial_workers": "dd"},
        "line@2",
    ),
]  # fmt: skip


@pytest.mark.parametrize("who", ["k-all", "k-mme"])
@pytest.mark.parametrize("call", LOADS, ids=lambda call: call[1])
def test_whoever_may_lets_a_registered_version_answer(send, control, tmp_path, call, who):
    method, path, body, model = call
    answer = send(method, path, body, who)
    assert answer.status_code == 200, answer.text
    (order,) = control.orders
    assert order.endpoint == "mme-late"
    assert order.wanted == NewEndpoint(model, "inline", managed=True)
    assert order.managed_alone
    name = {"k-all": "root", "k-mme": "manages"}[who]
    assert order.change.who == name
    assert control.looks == 0, "it was not waited for"
    assert events(tmp_path) == [
        ("add_endpoint", "endpoint mme-late", "begun", name),
        ("add_endpoint", "endpoint mme-late", "done", name),
    ]


UNLOADS = [
    ("POST", "/v2/repository/models/age/unload"),
    ("DELETE", "/models/age"),
    ("DELETE", "/sagemaker/models/age"),
    ("DELETE", "/torchserve-management/models/age"),
    ("DELETE", "/torchserve-management/models/age/1"),
]


@pytest.mark.parametrize(("method", "path"), UNLOADS)
def test_whoever_may_lets_an_endpoint_go(send, control, tmp_path, method, path):
    assert send(method, path).status_code == 200
    (order,) = control.orders
    assert (order.endpoint, order.wanted, order.managed_alone) == ("age", None, True)
    assert send(method, path, declared=True).status_code == 200
    assert not control.orders[-1].managed_alone
    assert events(tmp_path)[0] == ("remove_endpoint", "endpoint age", "begun", "root")


CHANGES = [
    *((method, path, body) for method, path, body, _ in LOADS),
    *((method, path, None) for method, path in UNLOADS),
    ("PUT", "/torchserve-management/models/age?min_worker=2", None),
    ("PUT", "/torchserve-management/models/age/1/set-default", None),
]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_all_others_are_refused_and_that_is_written_down(
    send, control, tmp_path, method, path, body
):
    answer = send(method, path, body, "k-predicts")
    assert answer.status_code == 403, answer.text
    assert control.orders == []
    ((_, _, result, actor),) = events(tmp_path)
    assert (result, actor) == ("refused", "predicts")


@pytest.mark.parametrize("call", CHANGES, ids=lambda call: call[1])
@pytest.mark.parametrize("settings", [{"endpoints": []}, {"endpoints": ["x-*"]}])
def test_what_the_config_does_not_allow_nobody_may(send, control, tmp_path, call, settings):
    method, path, body = call
    answer = send(method, path, body, **settings)
    assert answer.status_code == 403, answer.text
    assert "management" in answer.text
    assert control.orders == []
    assert [result for _, _, result, _ in events(tmp_path)] == ["refused"]


def test_the_config_says_which_models_may_answer(send, control):
    body = {"model_name": "mme-late", "url": "logistic"}
    assert send("POST", "/models", body, models=["line"]).status_code == 403
    assert send("POST", "/models", {**body, "url": "line"}, models=["line"]).status_code == 200
    assert [order.wanted.model for order in control.orders] == ["line"]


@pytest.mark.parametrize(("method", "path", "body"), CHANGES)
def test_a_page_of_a_stranger_changes_nothing(send, control, method, path, body):
    answer = send(method, path, body, headers={"origin": "https://evil.example"}.items())
    assert answer.status_code == 403
    assert control.orders == []


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("../line/1", 404), ("line/../../x", 404), ("s3://other/line/1", 400), ("/etc", 400),
        ("/proc/self/mem", 400), ("line@x@y", 400), ("line/1/2", 400), ("", 400), ("Line", 400),
        ("line\n", 200), ("line\n@1", 400), ("nobody", 404),
    ],
)  # fmt: skip
def test_addresses_of_models_name_versions_of_the_registry(send, control, url, status):
    answer = send("POST", "/models", {"model_name": "mme-late", "url": url})
    assert answer.status_code == status, answer.text
    assert bool(control.orders) == (status == 200)


def test_what_answers_already_is_a_conflict(send, control):
    body = {"model_name": "age", "url": "line"}
    assert send("POST", "/models", body).status_code == 409
    path = "/torchserve-management/models?url=line/1&model_name=age"
    assert send("POST", path).status_code == 409
    assert send("POST", "/models", {"model_name": "mme-taken", "url": "line"}).status_code == 409
    assert control.orders == []


def test_words_of_a_refusal_name_nothing_that_is_not_for_them(send):
    answer = send("DELETE", "/models/mme-nobody", who="k-mme")
    assert answer.status_code == 404
    assert "risk" not in answer.text
    answer = send("POST", "/models", {"model_name": "mme-x", "url": "nobody"}, "k-mme")
    assert answer.status_code == 404
    assert "logistic" not in answer.text


def test_loading_again_lets_the_newest_version_answer_for_a_managed_endpoint(send, control):
    path = "/v2/repository/models/age/load"
    assert send("POST", path).status_code == 200
    assert control.orders == []
    control.managed = {"age"}
    assert send("POST", path).status_code == 200
    (order,) = control.orders
    wanted = NewEndpoint("line@2", replace=True, keeps_settings=True)
    assert order == EndpointOrder(
        "age", wanted, Change("root", "asked by V2's repository"), managed_alone=True
    )


def test_configurations_and_files_are_never_taken_from_requests(send, control):
    for parameters in ({"config": "{}"}, {"file:1/model.onnx": "AAAA"}):
        body = {"parameters": parameters}
        assert send("POST", "/v2/repository/models/mme-late/load", body).status_code == 403
    assert control.orders == []


def test_the_index_shows_managers_what_they_could_load(send):
    def index(who, body=None):
        answer = send("POST", "/v2/repository/index", body, who)
        return {one["name"]: one["state"] for one in answer.json()}

    served = {"risk": "READY", "age": "READY", "both": "READY"}
    others = {"line": "UNAVAILABLE", "logistic": "UNAVAILABLE", "other": "UNAVAILABLE"}
    assert index("k-all") == {**served, **others, "mme-late": "UNAVAILABLE"}
    assert index("k-all", {"ready": True}) == served
    assert index("k-age") == {"age": "READY"}


def test_workers_are_scaled(send, control):
    path = "/torchserve-management/models/age"
    answer = send("PUT", f"{path}?min_worker=2&max_worker=5")
    assert (answer.status_code, answer.json()["status"]) == (202, "Processing worker updates...")
    answer = send("PUT", f"{path}?min_worker=3&synchronous=true")
    assert (answer.status_code, answer.json()["status"]) == (
        200,
        "Workers scaled to 3 for model: age",
    )
    assert [order.wanted for order in control.orders] == [Replicas(2, 5), Replicas(3, 3)]
    for query in ("min_worker=5&max_worker=2", "min_worker=0&max_worker=0", "min_worker=99999"):
        assert send("PUT", f"{path}?{query}").status_code == 400
    assert len(control.orders) == 2


def test_models_that_are_registered_with_workers_have_replicas(send, control):
    path = "/torchserve-management/models?url=line&model_name=mme-x&initial_workers=2"
    control.looks = 1
    answer = send("POST", path)
    assert answer.json()["status"] == 'Model "mme-x" Version: 2 registered with 2 initial workers'
    added, scaled = control.orders
    assert added.wanted == NewEndpoint("line", "replicas", managed=True)
    assert (scaled.endpoint, scaled.wanted) == ("mme-x", Replicas(2, 2))


def test_another_version_becomes_the_default_one(send, control):
    path = "/torchserve-management/models/age"
    control.managed = {"age"}
    answer = send("PUT", f"{path}/2/set-default")
    assert answer.json()["status"] == 'Default version successfully updated for model "age" to "2"'
    (order,) = control.orders
    assert order.wanted == NewEndpoint("line@2", replace=True, keeps_settings=True)
    assert send("PUT", f"{path}/1/set-default").status_code == 200
    assert len(control.orders) == 1, "it answers already"
    for version in ("9", "1.0", "x"):
        missing = send("PUT", f"{path}/{version}/set-default")
        expected = f"Model version: {version} does not exist for model: age"
        assert (missing.status_code, missing.json()["message"]) == (404, expected)
    several = send("PUT", "/torchserve-management/models/risk/1/set-default")
    assert several.status_code == 409


def test_a_declared_endpoint_stays_as_it_is(send, control, tmp_path):
    answer = send("PUT", "/torchserve-management/models/age/2/set-default")
    assert (answer.status_code, control.orders) == (403, [])
    assert "managed: true" in answer.text
    assert [result for _, _, result, _ in events(tmp_path)] == ["begun", "refused"]
    assert send("PUT", "/torchserve-management/models/age/2/set-default", declared=True).is_success


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": "config_error", "message": "line@1 is a pickle"}, 409),
        ({"code": "conflict", "message": "something was deployed meanwhile"}, 409),
        ({"code": "not_ready", "message": "not in effect in time"}, 503),
        ({"code": "internal", "message": "an application failed"}, 500),
    ],
)
def test_a_change_that_fails_is_told_with_why(send, control, error, status):
    control.ends = {"state": "failed", "error": error}
    answer = send("POST", "/models", {"model_name": "mme-late", "url": "line"})
    assert answer.status_code == status
    assert error["message"] in answer.text


def test_a_change_that_takes_long_is_told_to_go_on(send, control):
    control.looks = 10_000
    answer = send("POST", "/models", {"model_name": "mme-late", "url": "line"}, wait_s=5.0)
    assert answer.status_code == 503
    assert "c-1 is still under way (starting)" in answer.text


def test_nothing_is_changed_that_cannot_be_written_down(send, control, log, monkeypatch):
    monkeypatch.setattr("serve_app.security.audit.os.fsync", _full)
    assert send("POST", "/models", {"model_name": "mme-late", "url": "line"}).status_code == 503
    assert control.orders == []


def _full(_):
    raise OSError(28, "No space left on device")


def test_grpc_loads_and_unloads(client, managed, control, tmp_path):
    async def use(channel):
        def call(method, who, **fields):
            called = channel.unary_unary(
                f"/{oip_messages.SERVICE}/{method}",
                request_serializer=message(f"{method}Request").SerializeToString,
                response_deserializer=message(f"{method}Response").FromString,
            )
            return called(message(f"{method}Request")(**fields), metadata=(("x-api-key", who),))

        assert (await call("RepositoryModelLoad", "k-mme", model_name="mme-late")).isLoaded
        # KServe's request has the name where Triton's has the repository.
        assert await call("RepositoryModelUnload", "k-all", repository_name="age")
        index = await call("RepositoryIndex", "k-all")
        assert {one.name for one in index.models if one.reason == "unloaded"} >= {"line"}
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call("RepositoryModelUnload", "k-predicts", model_name="age")
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        with_files = message("RepositoryModelLoadRequest")(model_name="mme-x").SerializeToString()
        raw = channel.unary_unary(f"/{oip_messages.SERVICE}/RepositoryModelLoad")
        # Field 3 is Triton's map of parameters: an entry of the key `config`.
        entry = b"\x1a\x0a\x0a\x06config\x12\x00"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await raw(with_files + entry, metadata=(("x-api-key", "k-all"),))
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED

    async def run():
        service = InferenceService(
            client.predictor, SETTINGS, ids=lambda: "r-7", management=managed()
        )
        address = f"127.0.0.1:{free_port()}"
        server = await serve(service, address, 10_000, Gate(Known(), lambda *_: None))
        try:
            async with grpc.aio.insecure_channel(address) as channel:
                await use(channel)
        finally:
            await server.stop(None)

    asyncio.run(run())
    assert [(one.endpoint, one.wanted is None) for one in control.orders] == [
        ("mme-late", False),
        ("age", True),
    ]
    first, *_, last = all_events(tmp_path / "audit")
    assert (first["actor"], first["source"], first["request"]) == ("manages", "127.0.0.1", "r-7")
    assert (last["actor"], last["result"]) == ("predicts", "refused")


def test_a_config_bounds_what_is_managed():
    access = {"mode": "keys", "management": {"endpoints": ["mme-*"], "declared": True}}
    settings = GatewayArgs.model_validate({"access": access}).access.management
    assert (settings.endpoints, settings.models, settings.declared) == (("mme-*",), ("*",), True)
    assert GatewayArgs().access.management == ManagementSettings()
    for wrong in ({"endpoints": ["a b"]}, {"placement": "gpu"}, {"wait_s": 0}, {"what": 1}):
        with pytest.raises(ValueError):  # noqa: PT011 - pydantic's own
            ManagementSettings.model_validate(wrong)
