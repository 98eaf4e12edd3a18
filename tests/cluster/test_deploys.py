"""After `serve-app deploy` the very first request is answered as the file says, everywhere."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor

from serve_app.engine.registration.register import Candidate, register
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, until

ASKED = 12
"""So many requests, each on a connection of its own, reach both gateways."""


def constant(value):
    """A version that says which number it has."""
    frame = pd.DataFrame({"x": np.arange(20.0)})
    estimator = DummyRegressor(strategy="constant", constant=float(value))
    return Candidate("number", estimator.fit(frame, frame["x"]), frame)


def graph(version, *, placement="replicas", kept=()):
    """Two gateways, and an endpoint that one version answers."""
    body = config("split")
    gateway, control = application(body, "gateway"), application(body, "control")
    model = application(body, "diagnosis-xgb-1")
    for app in (gateway, model):
        app["deployments"][0].pop("autoscaling_config")
        app["deployments"][0]["ray_actor_options"] = {"num_cpus": 0.1}
    gateway["deployments"][0]["num_replicas"] = 2
    route = {"kind": "single", "model": f"number@{version}"}
    endpoint = {"route": route, "placement": placement}
    control["deployments"][0]["user_config"] = {"endpoints": {"number": endpoint}}
    numbers = [] if placement == "inline" else sorted({version, *kept})
    body["applications"] = [
        gateway,
        control,
        *(
            {
                **model,
                "name": f"number-{number}",
                "args": {"model": "number", "version": number, "registry": "./registry"},
            }
            for number in numbers
        ),
    ]
    return body


@pytest.fixture(scope="module")
def running(cluster):
    store = Registry(str(cluster.home / "registry"))
    for value in range(1, 7):
        assert register(store, constant(value)).version == value
    cluster.start()
    cluster.deploy(graph(1))
    return cluster


def answers(cluster):
    """What many requests are answered with."""
    return {cluster.predict("number", [{"x": 1.0}])["predictions"][0] for _ in range(ASKED)}


def test_the_first_request_after_a_deploy_is_answered_by_the_version_that_was_deployed(running):
    assert answers(running) == {1.0}
    for version in (2, 3, 4):
        running.deploy(graph(version, kept=[version - 1]))
        assert answers(running) == {float(version)}
        status = running.request("/v1/status").json()
        assert len(status["gateways"]) >= 2
        assert status["waiting"] == status["other"] == {}
    assert len(running.replicas("gateway")) == 2


def test_versions_that_gateways_compute_are_in_effect_on_all_of_them_as_well(running):
    for version in (5, 6, 5):
        running.deploy(graph(version, placement="inline"))
        assert answers(running) == {float(version)}


def test_what_is_not_in_effect_in_time_is_said_with_another_exit_code(running):
    running.deploy(graph(1))
    said = running.run("deploy", "--timeout", "0", running.write(graph(2)).name, code=1)
    assert "not in effect after 0 s" in said
    running.deploy(graph(2))
    shown = json.loads(running.run("status", "--json"))
    assert shown["not_in_effect"] == []
    assert answers(running) == {2.0}


def test_a_version_may_not_serve_under_anothers_name(running):
    body = graph(2)
    application(body, "number-2")["args"]["version"] = 3
    running.serve_deploy(body)

    def failed():
        return json.loads(running.run("status", "--json"))["not_in_effect"]

    until(
        lambda: any("is given number@3" in problem for problem in failed()),
        timeout_s=120,
        what="the reason in status",
    )
    assert answers(running) == {2.0}
    running.deploy(graph(2))
    assert answers(running) == {2.0}


def test_a_version_whose_files_were_replaced_is_said_to_hold_something_else(running):
    running.deploy(graph(2))
    folder = running.home / "registry" / "number" / "2"
    other = Registry(str(running.home / "other"))
    register(other, constant(1))
    register(other, constant(22))
    shutil.rmtree(folder)
    shutil.copytree(running.home / "other" / "number" / "2", folder)
    said = running.run("deploy", "--timeout", "5", running.write(graph(2)).name, code=1)
    assert "number@2 is not what the registry holds: 1 of 1 hold another content" in said
    running.deploy(graph(3))
    running.deploy(graph(2))
    assert answers(running) == {22.0}


def test_plain_serve_deploy_of_a_model_that_nobody_knows_takes_control_from_nobody(running):
    running.deploy(graph(3))
    body = graph(3)
    endpoints = application(body, "control")["deployments"][0]["user_config"]["endpoints"]
    endpoints["more"] = {"route": {"kind": "single", "model": "later@1"}, "placement": "inline"}
    running.serve_deploy(body)

    def problems():
        return json.loads(running.run("status", "--json"))["not_in_effect"]

    until(
        lambda: any("later" in problem for problem in problems()),
        timeout_s=120,
        what="the refusal in status",
    )
    assert len(running.replicas("control")) == 1
    assert answers(running) == {3.0}
    said = running.run("endpoints", "set-weights", "number", "number@3=1", code=1)
    assert "weights" in said
    # What the endpoint lacked is registered; nobody has to deploy it again.
    frame = pd.DataFrame({"x": np.arange(20.0)})
    estimator = DummyRegressor(strategy="constant", constant=7.0).fit(frame, frame["x"])
    later = Candidate("later", estimator, frame)
    register(Registry(str(running.home / "registry")), later)
    until(
        lambda: running.request("/v2/models/more/ready").status == 200,
        timeout_s=60,
        what="the endpoint that was refused",
    )
    assert running.predict("more", [{"x": 1.0}])["predictions"] == [7.0]
    assert problems() == []
