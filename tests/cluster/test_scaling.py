"""Replicas follow the load, and more load than they hold is refused and never lost."""

import copy
import json

import pytest

from benchmarks.load import build_request
from benchmarks.scaling.models import WIDE, matrix, names, registered
from tests.cluster.harness import application, config, endpoints, until
from tests.cluster.load import Load

pytestmark = pytest.mark.long

QUICK = {
    "policy": {"policy_function": "serve_app.serving.autoscaling:ByLoad"},
    "min_replicas": 1,
    "max_replicas": 2,
    "target_ongoing_requests": 4,
    "metrics_interval_s": 0.5,
    "look_back_period_s": 2.0,
    "upscale_delay_s": 0.5,
    "downscale_delay_s": 2.0,
}
MODEL = f"{WIDE.name}-1"
TARGETS = {"target_busy": 0.7, "target_wait_ms": 5}


@pytest.fixture(scope="module")
def wide(cluster):
    """A cluster with a compiled model that computes for milliseconds, coalesced as usual."""
    registered(cluster.home / "registry", WIDE)
    cluster.start()
    cluster.deploy(graph())
    return cluster


def graph(scaling=QUICK, user_config=TARGETS, of_gateways=TARGETS, **gateway_args):
    """One endpoint in front of the wide forest."""
    body = config("split")
    endpoints(body).clear()
    endpoints(body)["wide"] = {"route": {"kind": "single", "model": f"{WIDE.name}@1"}}
    gateway, control = application(body, "gateway"), application(body, "control")
    gateway["args"].update(gateway_args)
    gateway["deployments"][0]["autoscaling_config"] = {
        **QUICK, "max_replicas": 1, "target_ongoing_requests": 64,
    }  # fmt: skip
    gateway["deployments"][0]["user_config"] = of_gateways
    model = copy.deepcopy(application(body, "diagnosis-xgb-1"))
    model["name"] = MODEL
    model["args"]["model"] = WIDE.name
    (deployment,) = model["deployments"]
    deployment["autoscaling_config"] = dict(scaling)
    if user_config:
        deployment["user_config"] = user_config
    body["applications"] = [gateway, control, model]
    return body


def row():
    return dict(zip(names(), matrix(1, seed=1)[0].tolist(), strict=True))


@pytest.fixture(scope="module")
def request_bytes():
    return build_request(
        "POST",
        "/v1/models/wide:predict",
        {"content-type": "application/json", "host": "127.0.0.1"},
        json.dumps({"instances": [row()]}).encode(),
    )


def shown(cluster):
    """What `status` shows of the model."""
    status = json.loads(cluster.run("status", "--json"))
    return next(one for one in status["applications"] if one["application"] == MODEL)


def test_a_compiled_model_goes_from_one_replica_to_two_and_back_with_no_failed_request(
    wide, request_bytes
):
    def count():
        return len(wide.replicas(MODEL))

    assert count() == 1
    with Load(wide, [request_bytes], connections=24) as heavy:
        until(lambda: count() == 2, timeout_s=60, what="two replicas under load")
        model = until(
            # A process that is there has yet to be ready.
            lambda: (one := shown(wide))["changes"] and one["replicas"] == 2 and one,
            timeout_s=30,
            what="a recorded change and two replicas that answer",
        )
    assert (model["replicas"], model["min_replicas"], model["max_replicas"]) == (2, 1, 2)
    change = model["changes"][-1]
    assert (change["from"], change["to"]) == (1, 2)
    assert "target" in change["why"]
    assert heavy.report.failed == 0, heavy.report.bodies
    until(
        lambda: wide.predict("wide", [row()]) and count() == 1,
        timeout_s=60,
        what="one replica again, with an answer to every request meanwhile",
    )
    listed = wide.run("status")
    assert "1 -> 2 replicas" in listed
    assert "2 -> 1 replicas" in listed


def test_new_targets_restart_nobody_and_fail_no_request(wide, request_bytes):
    # However busy this machine is, one replica is enough at first.
    wide.serve_deploy(graph(user_config={"target_busy": 1.0, "target_wait_ms": 60_000}))
    until(lambda: len(wide.replicas(MODEL)) == 1, timeout_s=60, what="one replica")
    before, gateways = wide.replicas(MODEL), wide.replicas("gateway")
    with Load(wide, [request_bytes], connections=2) as load:
        targets = {"target_busy": 0.01, "target_wait_ms": 5}
        wide.serve_deploy(graph(user_config=targets, of_gateways={"target_busy": 0.9}))
        until(lambda: len(wide.replicas(MODEL)) == 2, timeout_s=60, what="a second replica")
        assert "target 0.01" in shown(wide)["changes"][-1]["why"]
    assert set(before) <= set(wide.replicas(MODEL))
    assert wide.replicas("gateway") == gateways
    assert load.report.failed == 0, load.report.bodies


def test_no_replica_stands_while_nothing_is_asked_and_one_comes_with_the_first_request(wide):
    none = {**QUICK, "min_replicas": 0, "downscale_to_zero_delay_s": 1.0}
    wide.serve_deploy(graph(none))
    until(lambda: not wide.replicas(MODEL), timeout_s=60, what="no replica")
    assert len(wide.predict("wide", [row()])["predictions"]) == 1
    assert len(wide.replicas(MODEL)) == 1
    # A schedule stands although there is no replica that could tell of it.
    until(lambda: not wide.replicas(MODEL), timeout_s=60, what="no replica again")
    daily = {"schedule": [{"at": "daily 00:00", "min_replicas": 2}]}
    wide.serve_deploy(graph(none, daily))
    until(lambda: len(wide.replicas(MODEL)) == 2, timeout_s=60, what="the schedule's replicas")
    assert "at least 2" in shown(wide)["why"]


def test_what_has_no_room_is_said_in_status(wide):
    """Nine replicas of 0.2 CPU and the gateway's are more than the two CPUs of the cluster."""
    body = graph({**QUICK, "min_replicas": 9, "max_replicas": 9}, None)
    wide.serve_deploy(body)
    one = until(
        lambda: "has room for" in (found := shown(wide))["why"] and found,
        timeout_s=60,
        what="word of no room",
    )
    assert one["target_replicas"] == 9
    assert "wants 9, has room for" in one["why"]
    assert "CPU free of" in one["why"]
    wide.serve_deploy(graph())
    until(lambda: len(wide.replicas(MODEL)) == 1, timeout_s=60, what="one replica")


def test_more_load_than_queues_hold_is_refused_at_once_with_a_time_to_come_back(
    wide, request_bytes
):
    tight = {"max_rows": 4, "max_calls": 1, "max_waiting_rows": 8, "slow_call_s": 0.02}
    wide.deploy(graph(coalesce=tight))
    with Load(wide, [request_bytes], connections=64) as heavy:
        answer = until(
            lambda: refused(wide),
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
    answer = cluster.request("/v1/models/wide:predict", {"instances": [row()]})
    return answer if answer.status == 429 else None
