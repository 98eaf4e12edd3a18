"""Plans in a real cluster: what a deploy would change, just that, and what answered when."""

import copy
import json

import pytest

from tests.cluster.harness import config, endpoints

NOTHING, CHANGES = 0, 2


def inline(weights):
    """A small config: two versions, computed by the gateway, by these weights."""
    body = config("split")
    body["applications"] = [
        one for one in body["applications"] if one["name"] in {"gateway", "control"}
    ]
    (gateway,) = body["applications"][0]["deployments"]
    gateway.pop("autoscaling_config")
    gateway["num_replicas"] = 1
    endpoint = endpoints(body)["diagnosis"]
    del endpoint["fallback"]
    endpoint["placement"] = "inline"
    for variant, weight in zip(endpoint["route"]["variants"], weights, strict=True):
        variant["weight"] = weight
    return body


@pytest.fixture(scope="module")
def deployed(cluster):
    cluster.start()
    cluster.deploy(inline([90, 10]))
    return cluster


def plan(cluster, body, *options, code):
    file = cluster.write(body).name
    cluster.run("plan", file, "--out", "plan.json", *options, code=code)
    return json.loads((cluster.home / "plan.json").read_text())["changes"]


def weights(cluster):
    (endpoint,) = json.loads(cluster.run("endpoints", "list", "--json"))["endpoints"]
    return {one["version"]: one["weight"] for one in endpoint["variants"]}


def test_what_runs_already_has_a_plan_without_changes(deployed):
    assert plan(deployed, inline([90, 10]), code=NOTHING) == []
    deployed.run("init", "running.yaml", "--running")
    deployed.run("plan", "running.yaml", code=NOTHING)


def test_a_plan_is_applied_once_and_is_stale_then(deployed):
    (change,) = plan(deployed, inline([50, 50]), code=CHANGES)
    assert (change["what"], change["name"]) == ("endpoint", "diagnosis")
    assert weights(deployed) == {"diagnosis-xgb@1": 90, "diagnosis-forest@1": 10}
    deployed.run("apply", "plan.json")
    assert weights(deployed) == {"diagnosis-xgb@1": 50, "diagnosis-forest@1": 50}
    assert "the plan is stale" in deployed.run("apply", "plan.json", code=1)


def test_weights_of_run_time_make_a_plan_stale_and_are_said_to_end(deployed):
    body = inline([20, 80])
    plan(deployed, body, code=CHANGES)
    deployed.run(
        "endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=70", "diagnosis-forest@1=30"
    )
    assert "something was deployed or set" in deployed.run("apply", "plan.json", code=1)
    assert weights(deployed)["diagnosis-xgb@1"] == 70
    kinds = [one["what"] for one in plan(deployed, copy.deepcopy(body), code=CHANGES)]
    assert kinds == ["endpoint", "weights"]
    deployed.run("apply", "plan.json")
    assert weights(deployed)["diagnosis-xgb@1"] == 20


def test_where_a_version_answers_and_what_answered_before(deployed):
    where = json.loads(deployed.run("models", "where", "diagnosis-xgb@1", "--json"))["endpoints"]
    (place,) = where
    assert (place["endpoint"], place["role"], place["weight"]) == ("diagnosis", "variant", 20)
    history = json.loads(deployed.run("models", "history", "diagnosis-xgb", "--json"))["traffic"]
    assert [one["weights"]["diagnosis-xgb@1"] for one in history] == [90, 50, 70, 20]
    kinds = [one["kind"] for one in history]
    # The first one stands once its versions are known, the others stand at once.
    assert kinds[0] in {"declared", "in effect"}
    assert kinds[1:] == ["declared", "weights set", "declared"]
    assert place["since_s"] == history[0]["at_s"]
