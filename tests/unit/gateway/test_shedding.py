"""In every protocol requests above the limit are refused before anybody reads them."""

import pytest

from serve_app.config import GatewayArgs
from serve_app.core.caller import ANONYMOUS
from serve_app.core.concurrency import ConcurrencyBounds
from serve_app.engine.shedding import Criticalities, Shedding
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.overload import shedding_of
from tests.unit.gateway.harness import ROW
from tests.unit.gateway.test_detail import asked, infer
from tests.unit.gateway.test_methods import ASKING
from tests.unit.gateway.test_rpc import Aborted


@pytest.fixture
def shed(client):
    """A client of endpoints that answer one request at once."""
    client.predictor.shedding = Shedding(
        ConcurrencyBounds(1, 1, 1), Criticalities(), clock=lambda: 0.0, draw=lambda: 0.5
    )
    client.app = build(client.predictor, Settings(10_000, 50, default_endpoint="risk"))
    return client


def full(client):
    """The place that one request holds at the endpoint."""
    place = client.predictor.shedding.place("risk", ANONYMOUS, {})
    place.__enter__()
    return place


@pytest.mark.parametrize("dialect", ASKING)
def test_every_dialect_refuses_and_then_answers(shed, dialect):
    place = full(shed)
    refused = shed.send("POST", **ASKING[dialect]("predict"))
    assert refused.status_code == 429
    assert "requests on their way" in refused.text
    assert refused.headers["retry-after"] == "1"
    place.__exit__(None, None, None)
    for _ in range(3):
        assert shed.send("POST", **ASKING[dialect]("predict")).status_code == 200


def test_what_is_refused_is_not_decoded(shed):
    broken = {"path": "/v1/models/risk:predict", "content": b"{", "headers": {}}
    assert shed.send("POST", **broken).status_code == 400
    place = full(shed)
    assert shed.send("POST", **broken).status_code == 429
    # Others are not in its way.
    assert shed.predict("age", ROW).status_code == 200
    place.__exit__(None, None, None)
    assert shed.send("POST", **broken).status_code == 400


def test_graphql_and_grpc_refuse_too(shed):
    place = full(shed)
    query = {"query": asked("predictions")}
    answer = shed.send("POST", "/graphql", json=query).json()
    assert answer["errors"][0]["extensions"]["code"] == "overloaded"
    with pytest.raises(Aborted, match="RESOURCE_EXHAUSTED"):
        infer(shed)
    place.__exit__(None, None, None)
    assert "errors" not in shed.send("POST", "/graphql", json=query).json()
    assert infer(shed).model_name == "risk"


def test_reasons_hold_a_place_as_answers_do(shed):
    body = {"instances": [ROW]}
    place = full(shed)
    assert shed.send("POST", "/v1/models/risk:explain", json=body).status_code == 429
    place.__exit__(None, None, None)
    assert shed.send("POST", "/v1/models/risk:explain", json=body).status_code == 200


def test_a_criticality_that_there_is_not_is_refused(shed):
    answer = shed.predict("risk", ROW, headers={"x-criticality": "urgent"})
    assert answer.status_code == 400
    assert "there are critical_plus, critical" in answer.json()["error"]


def test_settings_say_between_what_a_limit_lies():
    assert shedding_of(None, lambda: 0.0) is None
    settings = GatewayArgs.model_validate(
        {"overload": {"least_in_flight": 2, "first_in_flight": 4, "most_in_flight": 8}}
    ).overload
    assert shedding_of(settings, lambda: 0.0) is not None
    with pytest.raises(ValueError, match="must be in that order"):
        GatewayArgs.model_validate({"overload": {"least_in_flight": 200}})
