"""Who asks whether an endpoint is ready hears whether somebody alive would answer."""

import asyncio
from types import SimpleNamespace

import pytest
from grpc_health.v1 import health_pb2

from serve_app.gateway.context import GatewayContext, Settings
from serve_app.gateway.rpc import InferenceService, RpcServer
from serve_app.gateway.rpc_health import Health
from serve_app.protocols.oip.messages import message

ALL = {"logistic@1", "other@1", "line@1"}


@pytest.fixture
def dying(client):
    dead = set()
    client.predictor._is_alive = lambda version: version not in dead
    return client, dead


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/age/ready",
        "/v2/models/age/versions/1/ready",
        "/kserve/v1/models/age",
        "/kserve/v2/models/age/ready",
    ],
)
def test_an_endpoint_whose_replicas_are_all_dead_is_not_ready(dying, path):
    client, dead = dying
    assert client.get(path).status_code == 200
    dead.add("line@1")
    refused = client.get(path)
    assert refused.status_code == 503
    assert "no replica" in refused.text
    assert client.get("/v2/models/risk/ready").status_code == 200


def test_a_fallback_that_lives_keeps_an_endpoint_ready(dying):
    client, dead = dying
    dead.add("logistic@1")
    assert client.get("/v2/models/risk/ready").status_code == 200
    assert client.get("/v2/models/both/ready").status_code == 503
    dead.add("other@1")
    assert client.get("/v2/models/risk/ready").status_code == 503


def test_a_fallback_answers_for_an_endpoint_of_one_version_but_not_for_that_version():
    """An endpoint whose only variant is dead could answer all the same."""
    spec = SimpleNamespace(name="e")
    asked = []
    predictor = SimpleNamespace(can_answer=lambda stage, version: asked.append(version) or True)
    context = GatewayContext(predictor, Settings(10_000, 50))
    stage = SimpleNamespace(spec=spec)
    for params in ({"endpoint": "e"}, {"endpoint": "e", "version": "1"}, {"label": "champion"}):
        assert context.can_answer(SimpleNamespace(path_params=params), stage, ["a@1"])
    assert asked == [None, "a@1", "a@1"]


def test_the_server_is_ready_while_any_endpoint_is_and_alive_in_any_case(dying):
    client, dead = dying
    dead.update(ALL - {"line@1"})
    assert client.get("/v2/health/ready").status_code == 200
    dead.update(ALL)
    for path in ("/v2/health/ready", "/ping", "/health", "/seldon/health/status"):
        assert client.get(path).status_code == 503, path
    assert client.get("/v2/health/live").status_code == 200


def test_pages_of_versions_say_which_of_them_could_answer(dying):
    client, dead = dying
    dead.add("other@1")
    body = client.get("/v1/models/risk").json()
    states = {one["version"]: one["state"] for one in body["model_version_status"]}
    assert states == {"logistic@1": "AVAILABLE", "other@1": "LOADING"}
    index = client.send("POST", "/v2/repository/index", json={}).json()
    risk = {one["version"]: one["state"] for one in index if one["name"] == "risk"}
    assert risk == {"logistic@1": "READY", "other@1": "UNAVAILABLE"}
    ready = client.send("POST", "/v2/repository/index", json={"ready": True}).json()
    assert {one["version"] for one in ready} == {"logistic@1", "line@1"}
    dead.update(ALL)
    assert client.get("/v1/models/risk").json()["ready"] is False


def test_grpc_says_the_same(dying):
    client, dead = dying
    service = InferenceService(client.predictor, Settings(10_000, 50), ids=lambda: "r-1")

    def ready(name="", version=""):
        if not name:
            return asyncio.run(service._ready(None, None)).ready
        request = message("ModelReadyRequest")(name=name, version=version)
        return asyncio.run(service._model_ready(request, None)).ready

    assert ready()
    assert ready("age")
    dead.add("line@1")
    assert not ready("age")
    assert not ready("age", "1")
    assert ready("risk")
    dead.update(ALL)
    assert not ready()


def test_health_of_grpc_follows(dying):
    client, dead = dying

    async def state(server):
        server.follow_readiness()
        request = health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
        answer = await server.health.Check(request, None)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

    async def states():
        server = RpcServer(None, Health(["inference.GRPCInferenceService"]), client.predictor)
        before = await state(server)
        dead.update(ALL)
        return before, await state(server)

    assert asyncio.run(states()) == ("SERVING", "NOT_SERVING")
