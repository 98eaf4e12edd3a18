"""Pages of other origins: preflights, and headers on whatever is answered."""

import pytest

from serve_app.config import CorsSettings
from serve_app.errors import ModelFailed, Overloaded
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.cors import METHODS, open_to
from tests.unit.gateway.harness import ROW

PAGE = "https://app.example.com"
FROM_THERE = {"origin": PAGE}
PREDICT = "/v1/models/age:predict"
PATHS = (
    PREDICT, "/v2/models/age/infer", "/invocations", "/score", "/predictions/age", "/graphql",
    "/tfs/v1/models/age:predict", "/seldon/api/v1.0/predictions", "/nowhere", "/",
)  # fmt: skip


@pytest.fixture
def settings():
    return {"origins": [PAGE]}


@pytest.fixture
def opened(client, settings):
    """The gateway as these settings open it."""
    client.app = build(client.predictor, Settings(10_000, 50, default_endpoint="age"))
    client.app = open_to(client.app, CorsSettings.model_validate(settings))
    return client


def asked_first(client, path, origin=PAGE, method="POST", **headers):
    """The answer to what a browser asks before it sends a request."""
    asking = {"origin": origin, "access-control-request-method": method, **headers}
    return client.send("OPTIONS", path, headers=asking)


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_may_send_what_a_listed_page_asks(opened, path):
    named = {"access-control-request-headers": "content-type,authorization,x-timeout-s"}
    answer = asked_first(opened, path, **named)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["access-control-allow-headers"] == named["access-control-request-headers"]
    assert "POST" in answer.headers["access-control-allow-methods"].split(", ")
    assert answer.headers["access-control-max-age"] == "600"
    assert "Origin" in answer.headers["vary"]
    assert "x-prediction-id" not in answer.headers


@pytest.mark.parametrize("path", PATHS)
def test_no_other_page_may(opened, path):
    answer = asked_first(opened, path, origin="https://elsewhere.example.com")
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


def test_a_prediction_tells_a_listed_page_who_answered(opened):
    answer = opened.predict("age", ROW, headers=FROM_THERE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    marks = {name for name in answer.headers if name.startswith("x-")}
    assert {"x-variant", "x-prediction-id", "x-snapshot"} <= marks
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert marks <= set(exposed)
    assert {"x-request-id", "x-cache", "retry-after"} <= set(exposed)


def test_answers_differ_by_origin_for_caches_also_where_a_request_names_none(opened):
    assert opened.get("/v1/endpoints").headers["vary"] == "Origin"
    strange = opened.send("GET", "/v1/endpoints", headers={"origin": "https://elsewhere.org"})
    assert strange.status_code == 200
    assert strange.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in strange.headers


@pytest.mark.parametrize(
    ("error", "status"), [(Overloaded("full"), 429), (ModelFailed("no"), 500), (ValueError(), 500)]
)
def test_a_page_reads_errors_too(opened, error, status):
    opened.models.errors["line@1"] = error
    answer = opened.predict("age", ROW, headers=FROM_THERE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, PAGE)


def test_a_page_reads_what_it_did_wrong(opened):
    for path, body, status in (
        (PREDICT, b"{", 400),
        (PREDICT, b"x" * 10_001, 413),
        ("/v1/models/nobody:predict", b"{}", 404),
        ("/v2/models/nobody/infer", b"{}", 404),
        ("/graphql", b"{}", 400),
        ("/nowhere", b"", 404),
    ):
        headers = {**FROM_THERE, "content-type": "application/json"}
        answer = opened.send("POST", path, content=body, headers=headers)
        assert answer.status_code == status, path
        assert answer.headers["access-control-allow-origin"] == PAGE, path


def test_options_that_are_no_preflight_are_answered_as_ever(client, opened):
    described = opened.send("OPTIONS", "/torchserve/", headers=FROM_THERE)
    assert described.status_code == 200
    assert "openapi" in described.json()
    assert described.headers["access-control-allow-origin"] == PAGE


@pytest.mark.parametrize("settings", [{"origins": ["*"], "max_age_s": 5}])
def test_a_star_lets_every_page_ask_without_naming_it(opened):
    answer = opened.predict("age", ROW, headers=FROM_THERE)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    preflight = asked_first(opened, PREDICT, origin="null")
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-max-age"] == "5"


@pytest.mark.parametrize("settings", [{"origins": [PAGE], "credentials": True}])
def test_cookies_are_sent_along_where_that_is_said(opened):
    for answer in (asked_first(opened, PREDICT), opened.predict("age", ROW, headers=FROM_THERE)):
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert answer.headers["access-control-allow-origin"] == PAGE


def test_every_method_that_any_path_has_is_allowed(client):
    apps = [client.app, *client.app.mounted.values()]
    routes = [route for app in apps for route in app.routes]
    found = {method for route in routes for method in getattr(route, "methods", None) or ()}
    assert found - {"OPTIONS"} <= set(METHODS)


def test_without_settings_nothing_is_said_of_origins(client):
    answer = client.predict("age", ROW, headers=FROM_THERE)
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "vary" not in answer.headers
    assert asked_first(client, PREDICT).status_code == 405
