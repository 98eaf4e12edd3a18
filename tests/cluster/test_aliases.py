"""Endpoints follow aliases while clients ask: nobody fails, and no deploy undoes a promotion."""

import json
import time

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from benchmarks.load import build_request
from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints, until
from tests.cluster.load import Load

ROW = {"height": 2.0, "width": 3.0}
FACTORS = {1: 1.0, 2: 10.0}
INLINE, REPLICAS, PLACED = "tide-inline", "tide-replicas", "tide-placed"
FOLLOWING = (INLINE, REPLICAS)


def fitted(frame, factor):
    return LinearRegression().fit(frame, factor * frame.sum(axis=1))


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Two versions of `tide`, the second of which gives ten times the sum, and one that differs."""
    home = tmp_path_factory.mktemp("registry")
    store = Registry(str(home))
    frame = pd.DataFrame({"height": [0.0, 1.0, 2.0, 5.0], "width": [1.0, 0.0, 3.0, 4.0]})
    for factor in FACTORS.values():
        register(store, Candidate("tide", fitted(frame, factor), frame))
    register(store, Candidate("tide", fitted(frame.assign(depth=[1.0, 3.0, 2.0, 7.0]), 1.0),
                              frame.assign(depth=[1.0, 3.0, 2.0, 7.0])))  # fmt: skip
    for alias in ("champion", "stable"):
        store.set_alias("tide", alias, 1, by="a test")
    return home


def declared():
    """Endpoints by alias: inline, in replicas of the alias, in replicas of one version."""
    body = config("local")
    base = [application(body, name) for name in ("gateway", "control")]
    model = application(body, "diagnosis-xgb-1")
    of_alias = {"model": "tide", "version": "champion", "registry": "./registry"}
    of_one = {"model": "tide", "version": 1, "registry": "./registry"}
    scaling = {**model["deployments"][0]["autoscaling_config"], "min_replicas": 2}
    several = {**model["deployments"][0], "autoscaling_config": scaling}
    body["applications"] = [
        *base,
        {**model, "name": "tide-champion", "args": of_alias, "deployments": [several]},
        {**model, "name": "tide-1", "args": of_one},
    ]
    named = endpoints(body)
    named.clear()
    route = {"kind": "single", "model": "tide@champion"}
    named[INLINE] = {"placement": "inline", "route": route}
    named[REPLICAS] = {"route": route}
    named[PLACED] = {"route": {"kind": "single", "model": "tide@stable"}}
    return body


@pytest.fixture(scope="module")
def following(cluster):
    cluster.start()
    cluster.deploy(declared())
    return cluster


def version(cluster, endpoint):
    answer = cluster.predict(endpoint, [ROW])
    (name,) = answer["variants"]
    number = int(name.rpartition("@")[2])
    assert answer["predictions"] == pytest.approx([5.0 * FACTORS[number]])
    return number


def load(cluster):
    body = json.dumps({"instances": [ROW]}).encode()
    headers = {"content-type": "application/json"}
    requests = [
        build_request("POST", f"/v1/models/{name}:predict", headers, body) for name in FOLLOWING
    ]
    return Load(cluster, requests, connections=4, rate_per_s=40.0)


def move(cluster, alias, number):
    """Move an alias and give how long it took until every answer comes from the version."""
    cluster.run("models", "alias", f"tide@{number}", alias)
    began = time.monotonic()
    until(
        lambda: all(version(cluster, name) == number for name in FOLLOWING),
        timeout_s=30,
        what=f"answers of tide@{number}",
    )
    return time.monotonic() - began


def status(cluster):
    return json.loads(cluster.run("status", "--json"))


def test_a_moved_alias_moves_its_endpoints_and_no_request_fails(following, record_property):
    with load(following) as running:
        record_property("to_2_s", round(move(following, "champion", 2), 2))
        record_property("to_1_s", round(move(following, "champion", 1), 2))
        record_property("again_to_2_s", round(move(following, "champion", 2), 2))
    assert running.report.failed == 0, running.report
    assert running.report.ok > 50
    standing = {one["name"]: one for one in following.request("/v1/endpoints").json()["endpoints"]}
    assert standing[REPLICAS]["follows"] == {"tide@champion": "tide@2"}
    assert "tide@champion → 2" in following.run("status")
    kinds = [one["kind"] for one in json.loads(following.run("events", "--json"))]
    assert kinds.count("alias followed") == 6


def test_the_same_file_deployed_again_undoes_nothing(following):
    following.serve_deploy(declared())
    said = following.run("deploy", following.write(declared()).name)
    assert "follows tide@champion → 2" in said
    assert {version(following, name) for name in FOLLOWING} == {2}


def test_a_gateway_that_starts_anew_answers_with_what_the_alias_names(following):
    # On a busy machine there may be two, and all of them are to start anew.
    victims = set(following.replicas("gateway"))
    for victim in victims:
        following.kill(victim)
    until(
        lambda: (
            following.request(f"/v1/models/{INLINE}").status == 200
            and not victims & set(following.replicas("gateway"))
        ),
        timeout_s=60,
        what="another gateway",
    )
    assert {version(following, name) for name in FOLLOWING} == {2}


def test_a_replica_that_starts_in_the_middle_of_a_move_answers_both_versions(following):
    with load(following) as running:
        following.kill(following.replicas("tide-champion")[0])
        move(following, "champion", 1)
        move(following, "champion", 2)
        until(
            lambda: len(following.replicas("tide-champion")) == 2,
            timeout_s=60,
            what="another replica",
        )
    assert running.report.failed == 0, running.report
    assert {version(following, name) for name in FOLLOWING} == {2}


def test_control_killed_in_the_middle_finishes_the_move(following):
    (victim,) = following.replicas("control")
    with load(following) as running:
        following.run("models", "alias", "tide@1", "champion", "--registry", "./registry")
        following.kill(victim)
        until(
            lambda: all(version(following, name) == 1 for name in FOLLOWING),
            timeout_s=60,
            what="answers of tide@1",
        )
    assert running.report.failed == 0, running.report


def test_a_version_without_application_leaves_the_former_one_and_status_says_so(following):
    following.run("models", "alias", "tide@2", "stable", "--registry", "./registry")
    until(
        lambda: "tide@2 has no application" in str(status(following)["not_in_effect"]),
        timeout_s=30,
        what="the reason",
    )
    assert version(following, PLACED) == 1
    following.run("models", "alias", "tide@1", "stable", "--registry", "./registry")
    until(lambda: not status(following)["not_in_effect"], timeout_s=30, what="the end of it")


def test_a_version_with_other_columns_is_not_followed_and_status_says_why(following):
    following.run("models", "alias", "tide@3", "champion", "--registry", "./registry")
    until(
        lambda: "would need the column 'depth'" in str(status(following)["not_in_effect"]),
        timeout_s=30,
        what="the reason",
    )
    assert {version(following, name) for name in FOLLOWING} == {1}
    events = json.loads(following.run("events", "--json"))
    assert any(one["kind"] == "alias not followed" and "tide@1" in one["why"] for one in events)
    move(following, "champion", 2)
