"""Gateways that requests reach past Serve: whatever changes or dies, no request fails.

That is so without a word in a config; `test_changes` has the same of versions and weights.
"""

import copy
import json
from pathlib import Path

import pytest

from tests.cluster.harness import application, until
from tests.cluster.load import Load
from tests.cluster.test_changes import (
    RATE,
    graph,
    replaced,
    requests,
    snapshot,
    train_again,
    under_load,
    variants,
)

__all__ = ["requests"]
pytestmark = pytest.mark.long
SCALING = {
    "policy": {"policy_function": "serve_app.serving.autoscaling:ByLoad"},
    "min_replicas": 1,
    "max_replicas": 3,
    "metrics_interval_s": 0.5,
    "look_back_period_s": 2.0,
    "upscale_delay_s": 0.5,
    "downscale_delay_s": 2.0,
}


def express(**args):
    """Two gateways in front of what `test_changes` has."""
    body = graph()
    application(body, "gateway")["args"].update(args)
    return body


def with_access_log(on):
    body = express()
    body["logging_config"] = {"log_level": "INFO", "enable_access_log": on, "encoding": "JSON"}
    return body


def ways(cluster):
    return json.loads(cluster.run("status", "--json"))["request_ways"]


def scaled(target_ongoing_requests):
    """The same with one gateway or more, by how many requests each has at once."""
    body = express()
    (deployment,) = application(body, "gateway")["deployments"]
    deployment.pop("num_replicas")
    deployment["autoscaling_config"] = {
        **SCALING, "target_ongoing_requests": target_ongoing_requests,
    }  # fmt: skip
    # Requests at once decide, and not how busy this machine is.
    deployment["user_config"] = {"target_busy": 1.0, "target_wait_ms": 60_000}
    return body


@pytest.fixture(scope="module")
def steady(cluster):
    # Longer than a busy machine takes to let HAProxy know who goes.
    cluster.start("--drain-s", "5")
    cluster.deploy(express())
    until(lambda: len(cluster.replicas("gateway")) == 2, timeout_s=60, what="two gateways")
    return cluster


def test_headers_that_the_inside_alone_may_set_are_taken_away(steady):
    sent = {"x-request-timeout-seconds": "0.000001", "x-request-id": "mine"}
    answer = steady.request("/v1/endpoints", headers=sent)
    assert answer.status == 200
    assert {name.lower(): value for name, value in answer.headers.items()}["x-request-id"] == "mine"
    # Serve's own pages stay closed, and its sign of life stays Serve's.
    assert steady.request("/-/routes").status == 404
    assert steady.request("/-/healthz").status == 200


def test_an_access_log_that_is_wanted_is_written_and_no_request_fails_meanwhile(steady, requests):
    assert ways(steady) == {"gateway": "requests pass by what Serve does around each of them"}
    gateways = set(steady.replicas("gateway"))
    folder = Path(json.loads((steady.home / "state" / "cluster.json").read_text())["folder"])
    logs = folder / "ray" / "session_latest" / "logs" / "serve"

    def lines():
        files = logs.glob("replica_gateway_Gateway_*.log")
        return sum(one.read_text().count("POST /") for one in files)

    def grows():
        before = lines()
        # Serve writes so many lines at once.
        until(lambda: lines() > before, timeout_s=60, what="a thousand lines of the access log")

    def change():
        steady.deploy(with_access_log(on=True))
        grows()

    # Serve's way, with a line for each request, carries less of it.
    seen = under_load(steady, requests, change, at_least=0.3)
    assert seen.report.failed == 0, seen.report.bodies
    assert "Serve's access log" in ways(steady)["gateway"]
    assert "gateway: requests take Serve's way" in steady.run("status")
    seen = under_load(steady, requests, lambda: steady.deploy(express()))
    assert seen.report.failed == 0, seen.report.bodies
    assert set(steady.replicas("gateway")) == gateways
    assert "gateway: requests" not in steady.run("status")


def test_serves_way_may_be_chosen_and_left_without_a_failed_request(steady, requests):
    def change():
        steady.deploy(express(express=False))
        assert "`express: false`" in ways(steady)["gateway"]

    seen = under_load(steady, requests, change)
    assert seen.report.failed == 0, seen.report.bodies
    seen = under_load(steady, requests, lambda: steady.deploy(express()))
    assert seen.report.failed == 0, seen.report.bodies


def test_weights_and_a_version_change_without_a_failed_request(steady, requests):
    before = str(snapshot(steady))
    train_again(steady, "diagnosis-xgb")
    weights = express()
    variants(weights)[0]["weight"], variants(weights)[1]["weight"] = 30, 70
    version = copy.deepcopy(weights)
    second = copy.deepcopy(application(version, "diagnosis-xgb-1"))
    second["name"] = "diagnosis-xgb-2"
    second["args"]["version"] = 2
    version["applications"].append(second)
    variants(version)[0]["model"] = "diagnosis-xgb@2"

    def change():
        steady.deploy(weights)
        until(lambda: str(snapshot(steady)) != before, timeout_s=20, what="the new snapshot")
        steady.deploy(version)

    seen = under_load(steady, requests, change, watch="x-variant")
    assert seen.report.failed == 0, seen.report.bodies
    assert {"diagnosis-xgb@1", "diagnosis-xgb@2", "diagnosis-forest@1"} == set(seen.report.seen)
    steady.deploy(express())


def test_gateways_that_are_replaced_fail_no_request(steady, requests):
    former = set(steady.replicas("gateway"))

    def change():
        steady.deploy(express(max_rows=9_999))
        until(
            lambda: len(pids := set(steady.replicas("gateway"))) == 2 and not pids & former,
            timeout_s=90,
            what="two other gateways",
        )

    seen = under_load(steady, requests, change)
    assert seen.report.failed == 0, seen.report.bodies
    steady.deploy(express())


def test_the_death_of_a_gateway_fails_at_most_what_was_inside_it(steady, requests):
    victim = steady.replicas("gateway")[0]

    def change():
        steady.kill(victim)
        replaced(steady, "gateway", victim, 2)

    seen = under_load(steady, requests, change)
    died_s = seen.began_s + 0.1
    assert all(began_s < died_s for began_s, _ in seen.report.failed_at), seen.report.failed_at
    assert seen.report.failed <= 32


def test_serve_scales_by_what_gateways_count_themselves(steady, requests):
    steady.deploy(scaled(500))
    until(lambda: len(steady.replicas("gateway")) == 1, timeout_s=90, what="one gateway")
    with Load(steady, requests, connections=24) as load:
        steady.deploy(scaled(4))
        until(lambda: len(steady.replicas("gateway")) == 3, timeout_s=90, what="three gateways")
    assert load.report.failed == 0, load.report.bodies
    assert load.report.ok > RATE
    # A gateway that waits for a processor is no idle one.
    with Load(steady, requests, connections=4, rate_per_s=20) as calm:
        until(lambda: len(steady.replicas("gateway")) == 1, timeout_s=90, what="one gateway again")
    assert calm.report.failed == 0, calm.report.bodies
    listed = json.loads(steady.run("status", "--json"))
    (gateway,) = [one for one in listed["applications"] if one["application"] == "gateway"]
    assert any("ongoing (target 4 each)" in change["why"] for change in gateway["changes"])


def test_more_than_the_deployment_takes_is_refused_at_once_and_told_when_to_return(
    steady, requests
):
    body = express()
    (deployment,) = application(body, "gateway")["deployments"]
    deployment.update(num_replicas=1, max_ongoing_requests=1, max_queued_requests=1)
    deployment["backpressure_config"] = {"status_code": 429, "retry_after_s": 2}
    steady.deploy(body)
    until(lambda: len(steady.replicas("gateway")) == 1, timeout_s=90, what="one gateway")
    with Load(steady, requests, connections=16) as load:
        until(lambda: snapshot_or_refused(steady) == 429, timeout_s=30, what="a refusal")
    assert set(load.report.failed_by) == {"429"}
    assert load.report.ok > 0
    steady.deploy(express())


def snapshot_or_refused(cluster):
    return cluster.request("/v1/endpoints").status
