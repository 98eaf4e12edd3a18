"""The gateway without Ray: every route, and what clients see when something is wrong."""

import json

import numpy as np
import pandas as pd
import pytest
from starlette.routing import Match

from serve_app import __version__
from serve_app.engine.predict import Predictor
from serve_app.errors import ModelFailed, NotReady, Overloaded
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from tests.unit.gateway.harness import ROW, Client


def test_an_answer_says_who_gave_it_in_its_body_and_its_headers(client):
    answer = client.predict("risk", ROW, headers={"x-request-id": "mine"})
    body = answer.json()
    assert answer.status_code == 200
    assert body["predictions"] in (["ill"], ["well"])
    assert body["classes"] == ["ill", "well"]
    assert sum(body["probabilities"][0]) == pytest.approx(1.0)
    assert body["variants"] == ["logistic@1"]
    assert (body["snapshot"], body["prediction_id"], body["request_id"]) == (4, "id-1", "mine")
    assert answer.headers["x-variant"] == "logistic@1"
    assert answer.headers["x-snapshot"] == "4"
    assert answer.headers["x-prediction-id"] == "id-1"
    assert "x-fallback" not in answer.headers


def test_the_open_inference_protocol_gives_the_same_answer(client):
    native = client.predict("age", ROW, ROW).json()
    tensors = [
        {"name": name, "shape": [2], "datatype": "FP64", "data": [value, value]}
        for name, value in ROW.items()
    ]
    answer = client.send("POST", "/v2/models/age/infer", json={"id": "7", "inputs": tensors})
    body = answer.json()
    assert (body["id"], body["model_name"]) == ("7", "age")
    assert body["outputs"][0]["data"] == native["predictions"]


def test_tensors_may_follow_the_json_as_bytes_and_come_back_so(client):
    parameters = {"binary_data_size": 8}
    tensors = [
        {"name": name, "shape": [1], "datatype": "FP64", "parameters": parameters} for name in ROW
    ]
    head = json.dumps({"inputs": tensors, "parameters": {"binary_data_output": True}}).encode()
    answer = client.send(
        "POST",
        "/v2/models/risk/infer",
        content=head + np.array(list(ROW.values())).tobytes(),
        headers={"inference-header-content-length": str(len(head))},
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    outputs = json.loads(answer.content[:length])["outputs"]
    shares = np.frombuffer(answer.content[-16:])
    plain = client.predict("risk", ROW).json()
    assert outputs[1]["parameters"] == {"binary_data_size": 16}
    assert shares.tolist() == plain["probabilities"][0]


def test_long_predictions_are_compressed_for_who_accepts_it_and_nothing_else_is(client):
    settings = Settings(max_body_bytes=10_000, max_rows=50, compress_above_bytes=300)
    client.app = build(client.predictor, settings)
    plain = client.predict("age", *[ROW] * 30, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed = client.predict("age", *[ROW] * 30, headers={"accept-encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "accept-encoding"
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert packed.json()["predictions"] == plain.json()["predictions"]
    short = client.predict("age", ROW, headers={"accept-encoding": "gzip"})
    refused = client.predict("nobody", ROW, headers={"accept-encoding": "gzip"})
    page = client.send("GET", "/v1/endpoints", headers={"accept-encoding": "gzip"})
    assert len(page.content) > 300
    assert all("content-encoding" not in one.headers for one in (short, refused, page))


def test_what_is_in_effect_is_what_control_says(client):
    settings = Settings(max_body_bytes=10_000, max_rows=50)

    async def said():
        return {"snapshot": 4, "gateways": {"a": {"snapshot": 3}}}

    async def away():
        raise NotReady("control does not answer yet")

    client.app = build(client.predictor, settings, effect=said)
    assert client.get("/v1/status").json() == {"snapshot": 4, "gateways": {"a": {"snapshot": 3}}}
    for effect in (away, None):
        client.app = build(client.predictor, settings, effect=effect)
        assert client.get("/v1/status").status_code == 503


def test_one_version_can_be_asked_by_its_name(client):
    path = "/v1/models/risk/versions/other@1:predict"
    answer = client.send("POST", path, json={"instances": [ROW]})
    assert answer.json()["variants"] == ["other@1"]


def test_the_fallback_answers_and_says_so(client):
    client.models.errors["logistic@1"] = NotReady("no replica")
    answer = client.predict("risk", ROW)
    assert answer.status_code == 200
    assert answer.headers["x-fallback"] == "true"
    body = answer.json()
    assert body["fallback"] is True
    assert body["variants"] == ["other@1"]
    assert body["left_out"] == [{"variant": "logistic@1", "code": "not_ready"}]


def test_too_much_load_is_said_with_a_time_to_come_back(client):
    client.models.errors["line@1"] = Overloaded("full", retry_after_s=2.2)
    answer = client.predict("age", ROW)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "3"


def test_nobody_there_is_a_503_with_a_time_to_come_back(client):
    client.models.errors["line@1"] = NotReady("no replica")
    answer = client.predict("age", ROW)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_a_failure_of_a_model_is_a_500_that_tells_nothing_of_the_inside(client, caplog):
    try:
        raise ValueError("a secret of the model")
    except ValueError as cause:
        client.models.errors["line@1"] = error = ModelFailed("line@1 failed")
        error.__cause__ = cause
    answer = client.predict("age", ROW, headers={"x-request-id": "r-9"})
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "line@1 failed",
        "message": "line@1 failed",
        "error_code": "model_failed",
        "code": 500,
        "type": "InternalServerException",
        "request_id": "r-9",
    }
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.request_id == "r-9"
    assert "a secret of the model" in str(record.exc_info[1].__cause__)


def test_what_nobody_thought_of_is_a_500_without_a_traceback(client, caplog):
    client.models.errors["line@1"] = KeyError("/etc/secret")
    answer = client.predict("age", ROW)
    assert answer.status_code == 500
    assert answer.json()["error"] == "internal error"
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"content": b"{"}, 400, "not JSON"),
        ({"content": b'{"instances": [1]}', "headers": {"content-type": "text/csv"}}, 415, "json"),
        ({"content": b" " * 10_001}, 413, "10000 bytes"),
        ({"json": {"instances": [ROW] * 51}}, 413, "50"),
        ({"json": {"instances": [{**ROW, "dose": "x"}]}}, 400, "dose"),
        ({"json": {"instances": [ROW]}, "headers": {"x-timeout-s": "-1"}}, 400, "x-timeout-s"),
    ],
)
def test_bad_input_is_told_apart(client, more, status, said):
    headers = {"content-type": "application/json", **more.pop("headers", {})}
    answer = client.send("POST", "/v1/models/age:predict", headers=headers, **more)
    assert answer.status_code == status
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "status", "said"),
    [
        ("GET", "/nothing", 404, "/docs"),
        ("POST", "/v1/models/aeg:predict", 404, "Did you mean 'age'"),
        ("GET", "/v1/models/age:predict", 405, "POST"),
        ("DELETE", "/v2/health/live", 405, "GET"),
        ("GET", "/v2/models/aeg", 404, "age"),
        ("GET", "/v2/models/risk/versions/1", 404, "several versions"),
        ("GET", "/v2/models/risk/versions/line@1/ready", 404, "logistic@1, other@1"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(client, method, path, status, said):
    answer = client.send(method, path, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_health_and_metadata(client):
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").status_code == 200
    assert client.get("/v2").json()["name"] == "serve-app"
    metadata = client.get("/v2/models/risk").json()
    assert metadata["versions"] == ["logistic@1", "other@1"]
    assert [tensor["name"] for tensor in metadata["inputs"]] == ["age", "dose"]
    assert {tensor["name"] for tensor in metadata["outputs"]} == {"predict", "predict_proba"}
    assert client.get("/v2/models/risk/ready").status_code == 200
    assert client.get("/v2/models/risk/versions/other@1/ready").status_code == 200


def test_a_gateway_without_a_snapshot_is_alive_and_not_ready():
    empty = Client(Predictor(clock=lambda: 0.0, ids=str), None)
    assert empty.get("/v2/health/live").status_code == 200
    answer = empty.get("/v2/health/ready")
    assert answer.status_code == 503
    assert "it knows no endpoints" in answer.json()["error"]
    refused = empty.predict("risk", ROW)
    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) > 0
    assert "it knows no endpoints" in refused.json()["error"]


def test_endpoints_are_listed_with_what_was_set_at_run_time(client):
    body = client.get("/v1/endpoints").json()
    found = {endpoint["name"]: endpoint for endpoint in body["endpoints"]}
    assert body["snapshot"] == 4
    assert body["set_at_run_time"] == {}
    assert found["risk"]["variants"] == [
        {"version": "logistic@1", "weight": 1.0},
        {"version": "other@1", "weight": 0.0},
    ]
    assert found["risk"]["fallback"] == "other@1"
    assert found["risk"]["follows"] == {}
    assert (found["both"]["combine"], found["both"]["quorum"]) == ("mean", 2)


def test_the_documentation_is_that_of_these_endpoints(client):
    document = client.get("/openapi.json").json()
    assert "/v1/models/risk:predict" in document["paths"]
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "risk" in page.text
    home = client.send("GET", "/", headers={"accept": "text/html,*/*"})
    assert (home.status_code, home.headers["location"]) == (307, "/docs")


def test_the_root_is_alive_for_clients_that_are_no_browser(client):
    assert client.get("/").json() == {"status": "alive"}


def test_columns_are_answered_where_tensorflow_servings_clients_look(client):
    by_row = client.predict("age", ROW, ROW).json()
    columns = {name: [value, value] for name, value in ROW.items()}
    answer = client.send("POST", "/v1/models/age:predict", json={"inputs": columns}).json()
    assert answer["outputs"] == answer["predictions"] == by_row["predictions"]
    assert "outputs" not in by_row


def test_endpoints_tell_of_themselves_as_tensorflow_serving_and_kserve_do(client):
    assert client.get("/v1/models").json() == {"models": ["age", "both", "risk"]}
    status = client.get("/v1/models/risk").json()
    assert (status["name"], status["ready"]) == ("risk", True)
    versions = [one["version"] for one in status["model_version_status"]]
    assert versions == ["logistic@1", "other@1"]
    one = client.get("/v1/models/risk/versions/other@1").json()["model_version_status"]
    assert [version["version"] for version in one] == ["other@1"]
    described = client.get("/v1/models/risk/metadata").json()
    assert described["model_spec"]["name"] == "risk"
    assert client.get("/v1/models/nobody").status_code == 404
    index = client.send("POST", "/v2/repository/index", content=b"").json()
    assert {"name": "age", "version": "line@1", "state": "READY", "reason": ""} in index


def test_invocations_go_to_the_endpoint_that_headers_or_settings_name(client):
    body = {"dataframe_records": [ROW]}
    unnamed = client.send("POST", "/invocations", json=body)
    assert unnamed.status_code == 404
    assert "default_endpoint" in unnamed.json()["error"]
    headers = {
        "x-amzn-sagemaker-target-model": "risk",
        "x-amzn-sagemaker-target-variant": "other@1",
    }
    named = client.send("POST", "/invocations", json=body, headers=headers)
    assert named.status_code == 200, named.text
    assert named.headers["x-amzn-invoked-production-variant"] == "other@1"
    settings = Settings(max_body_bytes=10_000, max_rows=50, default_endpoint="age")
    client.app = build(client.predictor, settings)
    answer = client.send(
        "POST", "/invocations", content="age,dose\n61,2.5\n", headers={"content-type": "text/csv"}
    )
    assert answer.json() == {"predictions": client.predict("age", ROW).json()["predictions"]}


LIST = [list(ROW.values())]


@pytest.mark.parametrize(
    ("path", "body", "values"),
    [
        ("/score", {"data": LIST}, lambda said: said),
        ("/endpoints/age/invocations", LIST, lambda said: said["predictions"]),
        ("/predictions/age", LIST, lambda said: said),
        ("/predictions/age/1", LIST, lambda said: said),
        (
            "/api/v1.0/predictions",
            {"data": {"ndarray": LIST}},
            lambda said: said["data"]["ndarray"],
        ),
        (
            "/seldon/space/age/api/v1.0/predictions",
            {"data": {"ndarray": LIST}},
            lambda said: said["data"]["ndarray"],
        ),
        (
            "/v1/endpoints/1/deployedModels/2:predict",
            {"instances": LIST, "parameters": {}},
            lambda said: said["predictions"],
        ),
        (
            "/v1/projects/p/locations/l/endpoints/age:predict",
            {"instances": LIST, "parameters": {}},
            lambda said: said["predictions"],
        ),
        (
            "/v1/projects/p/locations/l/endpoints/age:rawPredict",
            {"instances": LIST},
            lambda said: said["predictions"],
        ),
    ],
)
def test_every_systems_path_answers_alike(client, path, body, values):
    settings = Settings(max_body_bytes=10_000, max_rows=50, default_endpoint="age")
    client.app = build(client.predictor, settings)
    answer = client.send("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    assert values(answer.json()) == client.predict("age", ROW).json()["predictions"]


@pytest.mark.parametrize(
    ("verb", "body"),
    [("predict", {"instances": LIST}), ("regress", {"examples": [ROW]})],
)
def test_json_may_come_as_curl_sends_it_without_being_told(client, verb, body):
    form = {"content-type": "application/x-www-form-urlencoded"}
    content = json.dumps(body)
    answer = client.send("POST", f"/v1/models/age:{verb}", content=content, headers=form)
    assert answer.status_code == 200, answer.text


def test_each_system_is_refused_in_its_own_words(client):
    settings = Settings(max_body_bytes=10_000, max_rows=50, default_endpoint="age")
    client.app = build(client.predictor, settings)
    seldon = client.send("POST", "/api/v1.0/predictions", json={})
    assert (seldon.status_code, seldon.json()["status"]["status"]) == (400, "FAILURE")
    azure = client.send("POST", "/score", json={})
    assert (azure.status_code, azure.headers["x-ms-run-function-failed"]) == (400, "False")
    assert "data" in azure.json()["message"]
    vertex = client.send("POST", "/v1/projects/p/locations/l/endpoints/nobody:predict", json={})
    assert (vertex.status_code, vertex.json()["error"]["status"]) == (404, "NOT_FOUND")
    picked = {"azureml-model-deployment": "nobody@1"}
    assert client.send("POST", "/score", json={"data": LIST}, headers=picked).status_code == 404


def test_servers_of_other_kinds_are_polled_where_they_are(client):
    assert client.get("/ping").json() == {"status": "Healthy"}
    assert client.get("/health").status_code == 200
    assert client.get("/version").text == __version__
    empty = Client(Predictor(clock=lambda: 0.0, ids=str), None)
    assert empty.get("/ping").status_code == 503


def test_examples_are_classified_and_regressed(client):
    examples = {"examples": [ROW, {name: [value] for name, value in ROW.items()}]}
    results = client.send("POST", "/v1/models/risk:classify", json=examples).json()["results"]
    native = client.predict("risk", ROW).json()
    shares = dict(zip(native["classes"], native["probabilities"][0], strict=True))
    expected = [list(pair) for pair in shares.items()]
    assert results == [expected, expected]
    numbers = client.send("POST", "/v1/models/age:regress", json=examples).json()["results"]
    assert numbers == client.predict("age", ROW, ROW).json()["predictions"]
    refused = client.send("POST", "/v1/models/age:classify", json=examples)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "invalid_input")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/:predict",
        "/v1/models/risk/:predict",
        "/v1/models/risk/versions/:predict",
        "/v1/models/risk/versions/1/2:predict",
        "/v1/models/risk/version/1:predict",
        "/v2/models//infer",
        "/v2/models/risk/versions//infer",
    ],
)
def test_paths_that_nearly_predict_are_not_found(client, path):
    assert client.send("POST", path, json={"instances": [ROW]}).status_code == 404


def test_serve_is_told_the_names_of_the_routes(client):
    routes = {route.path: route for route in client.app.routes}
    path = "/v1/models/{endpoint}/versions/{version}:predict"
    match, found = routes[path].matches(
        {"type": "http", "method": "POST", "path": "/v1/models/risk/versions/1:predict"}
    )
    assert match is Match.FULL
    assert found["path_params"] == {"endpoint": "risk", "version": "1"}
    assert client.app.router is not None


def test_numbers_at_the_ends_of_what_floats_hold_are_answered_as_by_the_library(client, models):
    extremes = [1.46e210, 5e-324, -1.4e300, -7.39e-203, 4.1e117, 0.0]
    rows = [{"age": age, "dose": dose} for age in extremes for dose in reversed(extremes)]
    with np.errstate(over="ignore"):
        expected = models["logistic"][0].predict_proba(pd.DataFrame(rows))
    answer = client.send("POST", "/v1/models/risk:classify", json={"examples": rows})
    assert answer.status_code == 200
    shares = [[share for _, share in row] for row in answer.json()["results"]]
    assert shares == expected.tolist()
