"""Requests past Serve, as soon as it is known where the application is."""

import asyncio
import contextlib
from unittest import mock

import httpx
import pytest
from ray.serve._private.common import RUNNING_REQUESTS_KEY
from ray.serve._private.config import DeploymentConfig
from ray.serve._private.http_util import RequestIdMiddleware
from ray.serve._private.metrics_utils import InMemoryMetricsStore
from ray.serve._private.replica import Replica, ReplicaMetricsManager
from starlette.responses import PlainTextResponse

from serve_app.config import GatewayArgs
from serve_app.core.supervisor import Supervisor
from serve_app.core.workload import Load
from serve_app.gateway.bounded import Bounded, RequestBounds
from serve_app.serving import edge, express
from serve_app.serving.express import (
    Express,
    Straight,
    bounds_of,
    start_express,
    with_ongoing,
)
from serve_app.serving.scaled import RUNNING_REQUESTS


class Serve:
    """Answers as Serve does: it writes where the application is mounted, and asks it."""

    def __init__(self, app, prefix):
        self.app = app
        self.prefix = prefix
        self.asked = []

    async def __call__(self, scope, receive, send):
        root = scope.get("root_path", "")
        path = scope["path"][len(root) :]
        self.asked.append(path)
        if self.prefix != "/":
            scope["root_path"] = root + self.prefix
        if path in {"/-/healthz", "/-/routes"}:
            await PlainTextResponse("of Serve")(scope, receive, send)
        else:
            await self.app(scope, receive, send)


async def application(scope, receive, send):
    """Says where it is mounted, and mounts what it answers below that, as gateways do."""
    root = scope["root_path"]
    scope["root_path"] = f"{root}/below"
    ids = [value.decode() for name, value in scope["headers"] if name == b"x-request-id"]
    await PlainTextResponse(f"{root}|{','.join(ids)}")(scope, receive, send)


def express_of(app, **more):
    return Express(app, asyncio.get_running_loop(), **more)


def served(prefix="/", root_path="", express=None):
    serve = Serve(application, prefix)
    straight = Straight(RequestIdMiddleware(serve), express=express or express_of(application))
    transport = httpx.ASGITransport(straight, root_path=root_path)
    return serve, httpx.AsyncClient(transport=transport, base_url="http://gateway")


@pytest.mark.parametrize(
    ("prefix", "root_path", "root"),
    [("/", "", ""), ("/models", "", "/models"), ("/", "/all", "/all"), ("/m", "/all", "/all/m")],
)
async def test_what_is_asked_after_a_health_check_passes_serve_by(prefix, root_path, root):
    serve, client = served(prefix, root_path)
    before = await client.post(f"{root}/v1/a")
    assert before.text.startswith(f"{root}|")
    # A request of a client is no health check, whatever its path looks like.
    await client.post(f"{root}/v1/-/healthz")
    await client.post(f"{root}/v1/b")
    assert len(serve.asked) == 3
    health = await client.get(f"{root_path}/-/healthz")
    assert health.text == "of Serve"
    straight = await client.post(f"{root}/v1/a", headers={"x-request-id": "mine"})
    assert (straight.text, straight.headers["x-request-id"]) == (f"{root}|mine", "mine")
    given = await client.post(f"{root}/v1/a")
    assert given.text == f"{root}|{given.headers['x-request-id']}"
    assert len(serve.asked) == 4
    assert (await client.get(f"{root_path}/-/routes")).text == "of Serve"
    assert len(serve.asked) == 5


async def test_requests_take_serves_way_while_it_is_asked_for_more():
    passing = express_of(application)
    serve, client = served(express=passing)
    await client.get("/-/healthz")
    for is_open, asked in ((False, 2), (True, 2), (False, 3)):
        passing.is_open = is_open
        assert (await client.post("/v1/a")).status_code == 200
        assert len(serve.asked) == asked


async def test_what_is_outside_of_the_application_is_serves():
    serve, client = served("/models")
    await client.get("/-/healthz")
    await client.post("/other")
    assert serve.asked == ["/-/healthz", "/other"]


@pytest.mark.parametrize(("prefix", "root"), [("/", "/all"), ("/models", "/all/models")])
async def test_serve_itself_writes_into_a_health_check_where_the_application_is(prefix, root):
    replica = mock.Mock(_route_prefix=prefix)
    replica._dataplane_health_check = mock.AsyncMock(return_value=(True, "success"))

    async def serve_itself(scope, receive, send):
        await Replica._direct_ingress_asgi(replica, scope, receive, send)

    straight = Straight(serve_itself, express=express_of(application))
    transport = httpx.ASGITransport(straight, root_path="/all")
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        assert (await client.get("/all/-/healthz")).status_code == 200
        assert (await client.post(f"{root}/v1/a")).text.startswith(f"{root}|")


async def test_what_a_replica_counts_itself_stands_in_the_place_of_what_serve_counted():
    kept = InMemoryMetricsStore()
    manager = mock.Mock(_num_ongoing_requests=7, _custom_metrics_enabled=True, _metrics_store=kept)
    manager._fetch_custom_autoscaling_metrics = mock.AsyncMock(
        return_value={RUNNING_REQUESTS: 2.5, "busy": 0.5}
    )
    await ReplicaMetricsManager._add_autoscaling_metrics_point_async(manager)
    assert {name: [one.value for one in series] for name, series in kept.data.items()} == {
        RUNNING_REQUESTS_KEY: [2.5],
        "busy": [0.5],
    }


def test_bounds_are_those_of_the_deployment():
    config = DeploymentConfig(max_ongoing_requests=7)
    assert bounds_of(config) == RequestBounds(7, None, 503, None)
    refusal = {"status_code": 429, "retry_after_s": 2}
    config = DeploymentConfig(
        max_ongoing_requests=7, max_queued_requests=3, backpressure_config=refusal
    )
    assert bounds_of(config) == RequestBounds(7, 3, 429, 2)


async def test_an_application_on_another_loop_than_the_servers_is_reached_by_serve_alone():
    with contextlib.closing(asyncio.new_event_loop()) as other:
        passing = Express(application, other)
        serve, client = served(express=passing)
        await client.get("/-/healthz")
        assert (await client.post("/v1/a")).status_code == 200
    assert serve.asked == ["/-/healthz", "/v1/a"]
    assert not passing.is_reached


async def test_a_load_has_the_requests_of_the_application_where_there_is_one():
    load = Load(busy=0.5, waiting_requests=0.0, wait_ms=1.0, call_ms=0.0, calls=0)
    assert with_ongoing(load, None) is load
    bounded = Bounded(application, RequestBounds(1), lambda *_: None, clock=lambda: 0.0)
    assert with_ongoing(load, express_of(bounded, at_server=True)).ongoing_requests == 0.0
    assert with_ongoing(load, express_of(bounded)) is load
    assert with_ongoing(load, express_of(bounded, at_server=True, is_open=False)) is load


@pytest.fixture
async def configured(monkeypatch):
    """Starts the express of a gateway in a deployment whose config may change."""
    deployment = DeploymentConfig(max_ongoing_requests=7)
    monkeypatch.setattr(express, "_config", lambda: deployment)
    monkeypatch.setattr(express, "PERIOD_S", 0.001)
    tasks = Supervisor(clock=lambda: 0.0, words=str)

    async def start(logging_config=None, timeout_s=None, **args):
        deployment.logging_config = logging_config
        arguments = GatewayArgs.model_validate(args)
        return await start_express(
            arguments, application, lambda *_: None, tasks, lambda: timeout_s
        )

    yield start, deployment
    await tasks.close()


async def eventually(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.001)


async def test_an_access_log_is_followed_while_the_replica_runs(configured):
    start, deployment = configured
    started = await start({"log_level": "WARNING"})
    assert started.is_open
    deployment.logging_config = {"log_level": "INFO", "enable_access_log": True}
    await eventually(lambda: not started.is_open)
    deployment.logging_config = {"log_level": "INFO", "enable_access_log": False}
    await eventually(lambda: started.is_open)


async def test_args_choose_and_what_is_configured_decides_where_they_do_not(configured):
    start, _ = configured
    assert await start({"log_level": "WARNING"}, express=False) is None
    assert (await start(express=True)).is_open
    assert not (await start()).is_open
    assert not (await start({"log_level": "WARNING"}, timeout_s=2.0)).is_open


async def test_the_edge_stands_before_the_express_as_before_serve():
    seen = []

    async def answer_straight(scope, receive, send):
        seen.append(dict(scope["headers"]))
        await PlainTextResponse("of the express")(scope, receive, send)

    edge.open_edge_to(None, None, express_of(answer_straight))
    try:
        app = Serve(application, "/")
        for middleware in edge.middlewares():
            app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    finally:
        edge.open_edge_to(None)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        await client.get("http://gateway/-/healthz")
        sent = {"x-request-timeout-seconds": "1", "x-forwarded-for": "1.2.3.4", "x-kept": "yes"}
        answer = await client.post("http://gateway/v1/a", headers=sent)
    assert answer.text == "of the express"
    (headers,) = seen
    assert headers[b"x-kept"] == b"yes"
    assert not {b"x-request-timeout-seconds", b"x-forwarded-for"} & set(headers)
