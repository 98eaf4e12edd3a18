"""One trace goes from the caller through the gateway to the model, and to a real collector."""

import json
from pathlib import Path

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints, until
from tests.otlp import attributes, receiver

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
KEY = "a-license-key-of-nobody"
ENDPOINT = "area"
MODEL = "diagnosis-xgb-1"
"""The application of the config that serves the model of this test."""
PATH = f"/v1/models/{ENDPOINT}:predict"


@pytest.fixture(scope="module")
def collector():
    with receiver(KEY) as got:
        yield got


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """A small model, registered at once."""
    home = tmp_path_factory.mktemp("registry")
    frame = pd.DataFrame({"height": [float(n % 17) for n in range(200)], "width": 1.0})
    frame["width"] += frame["height"] ** 0.5
    fitted = LinearRegression().fit(frame, frame.sum(axis=1))
    register(Registry(str(home)), Candidate("area", fitted, frame))
    return home


@pytest.fixture(scope="module")
def running(cluster, collector):
    """A gateway and one model in its replica; of traces that callers do not begin none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLLECTOR_KEY", KEY)
        cluster.start()
    body = config("local")
    base = [application(body, name) for name in ("gateway", "control", MODEL)]
    body["applications"] = base
    base[-1]["name"] = "area-1"
    base[-1]["args"].update(model="area", version=1)
    for one in base:
        one["args"]["telemetry"] = {
            "endpoint": collector.url,
            "headers_env": {"api-key": "COLLECTOR_KEY"},
            "sampling": 0.0,
            "temporality": "delta",
            "metrics_interval_s": 1,
        }
    base[0]["args"]["log_level"] = "DEBUG"
    named = endpoints(body)
    named.clear()
    named[ENDPOINT] = {"route": {"kind": "single", "model": "area@1"}}
    cluster.deploy(body)
    return cluster


def ask(running, traceparent=None):
    row = {"height": 4.0, "width": 3.0}
    headers = {} if traceparent is None else {"traceparent": traceparent}
    answer = running.request(PATH, {"instances": [row]}, headers=headers)
    assert answer.status == 200, answer.content
    answered_now = answer.json()
    # The height and the width, added up.
    assert answered_now["predictions"] == [pytest.approx(7.0)]
    return answered_now


def of_the_trace(collector):
    return {span.name: span for span in collector.spans() if span.trace_id.hex() == TRACE}


def test_gateway_and_model_are_in_the_trace_of_whoever_asks(running, collector):
    answer = ask(running, f"00-{TRACE}-{SPAN}-01")
    names = {"POST /v1/models/{endpoint}:predict", "call", "compute"}
    spans = until(
        lambda: names <= set(of_the_trace(collector)) and of_the_trace(collector),
        timeout_s=40,
        what="spans of the gateway and of the model",
    )
    server = spans["POST /v1/models/{endpoint}:predict"]
    assert server.parent_span_id.hex() == SPAN
    described = attributes(server)
    assert described["serve_app.endpoint"] == ENDPOINT
    assert described["serve_app.variants"] == ["area@1"]
    assert described["serve_app.prediction_id"] == answer["prediction_id"]
    assert described["http.response.status_code"] == 200
    for child, parent in (
        ("validate", server),
        ("predict", server),
        ("call", spans["predict"]),
        ("compute", spans["call"]),
    ):
        assert spans[child].parent_span_id == parent.span_id, child
    components = {one["serve_app.component"] for one in collector.resources("/v1/traces")}
    assert components == {"gateway", "model"}
    assert {headers["api-key"] for headers in collector.headers} == {KEY}


def test_what_is_not_sampled_is_not_sent_and_the_log_has_its_trace(running, collector):
    other = TRACE[::-1]
    ask(running)
    ask(running, f"00-{other}-{SPAN}-00")
    folder = json.loads((running.home / "state" / "cluster.json").read_text())["folder"]
    logs = Path(folder) / "ray" / "session_latest" / "logs" / "serve"

    def lines():
        files = logs.glob("serve-app-gateway-*.jsonl")
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    lines_of_it = until(
        lambda: [line for line in lines() if line.get("trace_id") == other],
        timeout_s=20,
        what="a line of the log with the trace",
    )
    assert lines_of_it[0]["message"] == "predicted"
    assert all(span.trace_id.hex() == TRACE for span in collector.spans())


def answered(collector):
    return sum(
        point.as_double or point.as_int
        for metric in collector.metrics()
        if metric.name == "serve_app_requests"
        for point in metric.sum.data_points
        if attributes(point) == {"endpoint": ENDPOINT, "outcome": "answered"}
    )


def test_every_process_sends_its_metrics(running, collector):
    wanted = {"serve_app_requests", "serve_app_request_seconds", "serve_app_model_info"}
    until(
        lambda: wanted <= {metric.name for metric in collector.metrics()},
        timeout_s=60,
        what="metrics of gateway and model",
    )
    # What has grown is sent; all of it together is what was asked.
    until(lambda: answered(collector) == 3, timeout_s=20, what="all requests in the metrics")
    components = {one["serve_app.component"] for one in collector.resources("/v1/metrics")}
    assert components == {"gateway", "control", "model"}
