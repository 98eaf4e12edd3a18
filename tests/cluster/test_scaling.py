"""Replicas follow the load, and more load than they hold is refused and never lost."""

import copy
import json

import pytest
from sklearn.ensemble import RandomForestClassifier

from benchmarks.load import build_request
from serve_app.engine.register import Candidate, register
from serve_app.examples.datasets import breast_cancer
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints, until
from tests.cluster.load import Load

QUICK = {
    "min_replicas": 1,
    "max_replicas": 3,
    "target_ongoing_requests": 1.5,
    "metrics_interval_s": 0.2,
    "look_back_period_s": 1.0,
    "upscale_delay_s": 0.5,
    "downscale_delay_s": 1.5,
}


@pytest.fixture(scope="module")
def slow(cluster):
    """A cluster with a model that takes tens of milliseconds per call."""
    data = breast_cancer()
    forest = RandomForestClassifier(n_estimators=600, random_state=0)
    candidate = Candidate("diagnosis-slow", forest.fit(data.frame, data.target), data.frame)
    # Compiled, it would take less than a millisecond.
    register(Registry(str(cluster.home / "registry")), candidate, compile="never")
    cluster.start()
    # Calls of twenty milliseconds are worth parallel work rather than larger batches.
    cluster.deploy(graph(coalesce={"slow_call_s": 0.005}))
    return cluster


def graph(**gateway_args):
    """One endpoint in front of the slow model."""
    body = config("split")
    endpoints(body).clear()
    endpoints(body)["slow"] = {"route": {"kind": "single", "model": "diagnosis-slow@1"}}
    gateway, control = application(body, "gateway"), application(body, "control")
    gateway["args"].update(gateway_args)
    gateway["deployments"][0]["autoscaling_config"] = {**QUICK, "max_replicas": 1}
    model = copy.deepcopy(application(body, "diagnosis-xgb-1"))
    model["name"] = "diagnosis-slow-1"
    model["args"]["model"] = "diagnosis-slow"
    model["deployments"][0]["autoscaling_config"] = dict(QUICK)
    body["applications"] = [gateway, control, model]
    return body


@pytest.fixture(scope="module")
def request_bytes():
    row = breast_cancer().frame.iloc[0].to_dict()
    body = json.dumps({"instances": [row]}).encode()
    return build_request(
        "POST",
        "/v1/models/slow:predict",
        {"content-type": "application/json", "host": "127.0.0.1"},
        body,
    )


def test_a_model_goes_from_one_replica_to_three_and_back_with_no_failed_request(
    slow, request_bytes
):
    def count():
        return len(slow.replicas("diagnosis-slow-1"))

    assert count() == 1
    with Load(slow, [request_bytes], connections=24) as heavy:
        until(lambda: count() == 3, timeout_s=60, what="three replicas under load")
        status = json.loads(slow.run("status", "--json"))
        shown = {app["application"]: app for app in status["applications"]}
        model = shown["diagnosis-slow-1"]
        assert (model["replicas"], model["min_replicas"], model["max_replicas"]) == (3, 1, 3)
    assert heavy.report.failed == 0, heavy.report.bodies
    with Load(slow, [request_bytes], connections=1) as light:
        until(lambda: count() == 1, timeout_s=60, what="one replica again")
    assert light.report.failed == 0, light.report.bodies
    assert light.report.ok > 0


def test_more_load_than_queues_hold_is_refused_at_once_with_a_time_to_come_back(
    slow, request_bytes
):
    tight = {"max_rows": 4, "max_calls": 1, "max_waiting_rows": 8, "slow_call_s": 0.02}
    slow.deploy(graph(coalesce=tight))
    with Load(slow, [request_bytes], connections=64) as heavy:
        answer = until(
            lambda: refused(slow),
            timeout_s=30,
            what="a refusal",
        )
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert int(headers["retry-after"]) >= 1
    assert "rows wait" in answer.json()["error"]
    report = heavy.report
    assert set(report.failed_by) == {"429"}, report.bodies
    assert report.ok > 0
    # Those who were let in did not wait for those who were not.
    assert report.latency.max_ms < 10_000


def refused(cluster):
    row = breast_cancer().frame.iloc[0].to_dict()
    answer = cluster.request("/v1/models/slow:predict", {"instances": [row]})
    return answer if answer.status == 429 else None
