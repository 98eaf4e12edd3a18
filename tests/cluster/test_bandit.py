"""Feedback moves requests to the better arm, whoever is killed meanwhile."""

import json

import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints, until

pytestmark = pytest.mark.long

ENDPOINT = "area"
ROUTE = {
    "kind": "bandit",
    "policy": "thompson",
    "reward": {"kind": "error", "scale": 1.0},
    "floor": 0.05,
    "update_every_s": 1,
    "variants": [{"model": "area@1"}, {"model": "area@2"}],
}


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Two versions of `area`, of which the second gives ten times as much and is wrong."""
    home = tmp_path_factory.mktemp("registry")
    frame = pd.DataFrame({"height": [float(n % 17) for n in range(500)], "width": 1.0})
    frame["width"] += frame["height"] ** 0.5
    for factor in (1.0, 10.0):
        fitted = LinearRegression().fit(frame, factor * frame.sum(axis=1))
        register(Registry(str(home)), Candidate("area", fitted, frame))
    return home


def declared(**change):
    body = config("bandit")
    application(body, "monitor")["args"].update(segment_s=3)
    named = endpoints(body)
    named.clear()
    named[ENDPOINT] = {"placement": "inline", "route": {**ROUTE, **change}}
    return body


@pytest.fixture(scope="module")
def running(cluster):
    cluster.start()
    cluster.deploy(declared())
    return cluster


def ask(running, height=3.0):
    return running.predict(ENDPOINT, [{"height": height, "width": 1.0}])


def tell(running, answer, truth):
    body = {"prediction_id": answer["prediction_id"], "truth": [truth]}
    told = running.request(f"/v1/models/{ENDPOINT}:feedback", body)
    assert told.status == 200, told.content
    return told.json()


def listed(running):
    (one,) = json.loads(running.run("endpoints", "list", "--json"))["endpoints"]
    return one


def shares(running):
    return {one["version"]: one["weight"] for one in listed(running)["variants"]}


def decisions(running):
    return sum(one["decisions"] for one in listed(running)["rewards"].values())


def test_requests_move_to_the_arm_that_earns_more(running):
    assert shares(running) == {"area@1": 1.0, "area@2": 1.0}
    answers = [ask(running) for _ in range(60)]
    assert {one["variants"][0] for one in answers} == {"area@1", "area@2"}
    for one in answers[:50]:
        tell(running, one, 4.0)
    until(lambda: decisions(running) == 50, timeout_s=90, what="50 rewards, and none of 10 others")
    assert shares(running) == pytest.approx({"area@1": 0.95, "area@2": 0.05}, abs=0.01)
    later = [ask(running)["variants"][0] for _ in range(100)]
    assert later.count("area@1") > 80
    watched = json.loads(running.run("monitor", "watch", "bandits", "--json"))
    assert sum(one["decisions"] for one in watched) == 50
    assert "mean rewards: area@1 1 of" in listed(running)["summary"]


def test_every_prediction_is_recorded_with_the_probability_of_its_choice(running):
    answer = ask(running)
    options = ("--endpoint", ENDPOINT, "--id", answer["prediction_id"])
    query = ("records", "query", "--json", *options)
    (row,) = until(lambda: json.loads(running.run(*query)), timeout_s=30, what="a record")
    assert row["algorithm"] == "thompson-random"
    assert row["propensity"] == pytest.approx(shares(running)[answer["variants"][0]], abs=0.01)
    assert row["epoch"] > 1


def test_shares_survive_control_and_the_monitor(running):
    before = shares(running)
    for name in ("control", "monitor"):
        (former,) = running.replicas(name)
        running.kill(former)
        assert ask(running)["predictions"]
        assert shares(running) == before

        def back(name=name, former=former):
            replicas = running.replicas(name)
            return replicas and former not in replicas

        until(back, timeout_s=90, what=f"another {name}")
    assert shares(running) == before
    assert decisions(running) == 50


def test_what_is_told_again_counts_once_and_later_labels_count(running):
    answers = [ask(running) for _ in range(5)]
    for one in (*answers, *answers):
        tell(running, one, 4.0)
    until(lambda: decisions(running) >= 55, timeout_s=90, what="five rewards more")
    assert decisions(running) == 55


def test_a_new_declaration_of_the_same_arms_keeps_what_was_learned(running):
    running.deploy(declared(floor=0.1))
    assert shares(running) == pytest.approx({"area@1": 0.9, "area@2": 0.1}, abs=0.01)
    assert decisions(running) == 55


def test_a_declaration_that_cannot_be_changes_nothing(running):
    before = listed(running)
    said = running.run("deploy", running.write(declared(floor=0.6)).name, code=1)
    assert "write at most 0.5" in said
    refused = running.run("endpoints", "set-weights", ENDPOINT, "area@1=1", code=1)
    assert "rewards decide how often the arms of 'area' answer" in refused
    assert listed(running) == before
