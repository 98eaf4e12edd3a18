"""Changes and deaths under a steady 200 requests a second."""

import asyncio
import copy
import json
import time
from dataclasses import dataclass

import pytest

from benchmarks.load import Report, build_request, run_open
from serve_app.examples.datasets import breast_cancer
from serve_app.examples.trained import Place, train_example
from serve_app.registry.store import Registry
from tests.cluster.harness import application, config, endpoints, until

RATE = 200.0
SETTLED_S = 2.0


def graph():
    """Two gateways and two replicas of a model, small enough for two cores."""
    body = config("split")
    for app in body["applications"]:
        deployment = app["deployments"][0]
        if app["name"] in {"control", "monitor"}:
            continue
        deployment.pop("autoscaling_config")
        deployment["num_replicas"] = 2 if app["name"] in {"gateway", "diagnosis-xgb-1"} else 1
        deployment["ray_actor_options"] = {"num_cpus": 0.1}
    return body


def variants(body):
    return endpoints(body)["diagnosis"]["route"]["variants"]


@pytest.fixture(scope="module")
def steady(cluster):
    cluster.start()
    cluster.deploy(graph())
    until(lambda: len(cluster.replicas("gateway")) == 2, timeout_s=60, what="two gateways")
    return cluster


@pytest.fixture(scope="module")
def requests():
    rows = breast_cancer().frame.head(50).to_dict(orient="records")
    return [
        build_request(
            "POST",
            "/v1/models/diagnosis:predict",
            {"content-type": "application/json", "host": "127.0.0.1"},
            json.dumps({"instances": [row], "parameters": {"patient_id": index}}).encode(),
        )
        for index, row in enumerate(rows)
    ]


@dataclass
class Seen:
    """What a client saw of a change; times are seconds since the load began."""

    report: Report
    began_s: float
    ended_s: float
    started: float


def under_load(cluster, requests, change, *, watch="x-snapshot", at_least=0.6):
    """Make a change a second after requests began to arrive, and go on for a while after it."""

    async def both():
        stop = asyncio.Event()
        started = time.perf_counter()
        load = asyncio.create_task(
            run_open(
                "127.0.0.1",
                cluster.http_port,
                requests,
                rate_per_s=RATE,
                duration_s=120.0,
                connections=32,
                header=watch,
                stop=stop,
            )
        )
        await asyncio.sleep(1.0)
        began_s = time.perf_counter() - started
        try:
            await asyncio.to_thread(change)
            ended_s = time.perf_counter() - started
            await asyncio.sleep(SETTLED_S)
        finally:
            stop.set()
            report = await load
        return Seen(report, began_s, ended_s, started)

    seen = asyncio.run(both())
    # Less would mean that the server, or this machine, stood still for a good while.
    assert seen.report.ok > at_least * RATE * (seen.ended_s + SETTLED_S)
    return seen


def snapshot(cluster):
    return cluster.request("/v1/endpoints").json()["snapshot"]


def replaced(cluster, name, killed, count):
    """Wait until a killed replica has a successor."""
    until(
        lambda: len(pids := cluster.replicas(name)) == count and killed not in pids,
        timeout_s=60,
        what=f"a new replica of {name}",
    )


def test_weights_that_are_deployed_are_in_effect_everywhere_within_two_seconds(steady, requests):
    before = str(snapshot(steady))
    body = graph()
    variants(body)[0]["weight"], variants(body)[1]["weight"] = 30, 70
    deployed = []

    def change():
        steady.serve_deploy(body)
        deployed.append(time.perf_counter())
        until(lambda: str(snapshot(steady)) != before, timeout_s=20, what="the new snapshot")

    seen = under_load(steady, requests, change)
    assert seen.report.failed == 0, seen.report.bodies
    last_old_s = seen.report.seen[before].last_s
    assert last_old_s < deployed[0] - seen.started + 2.0
    assert sum(s.count for value, s in seen.report.seen.items() if value != before) > RATE
    steady.deploy(graph())


def train_again(cluster, model):
    """Register a second version of an example model."""
    store, runs = Registry(str(cluster.home / "registry")), cluster.home / "runs"
    place = Place(store, runs, time.time, lambda progress: None)
    assert train_example(model, place).version == 2


def test_a_new_version_takes_over_without_a_failed_request(steady, requests):
    train_again(steady, "diagnosis-xgb")
    body = graph()
    second = copy.deepcopy(application(body, "diagnosis-xgb-1"))
    second["name"] = "diagnosis-xgb-2"
    second["args"]["version"] = 2
    body["applications"].append(second)
    variants(body)[0]["model"] = "diagnosis-xgb@2"

    def change():
        steady.deploy(body)
        body["applications"].remove(application(body, "diagnosis-xgb-1"))
        steady.deploy(body)
        until(lambda: not steady.replicas("diagnosis-xgb-1"), timeout_s=60, what="its end")

    seen = under_load(steady, requests, change, watch="x-variant")
    assert seen.report.failed == 0, seen.report.bodies
    assert {"diagnosis-xgb@1", "diagnosis-xgb@2", "diagnosis-forest@1"} == set(seen.report.seen)
    steady.deploy(graph())


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("diagnosis-new-1", marks=pytest.mark.long),
        pytest.param("diagnosis-xgb-1", marks=pytest.mark.long),
        "gateway",
    ],
)
def test_a_broken_import_path_changes_nothing_for_clients(steady, requests, name):
    body = graph()
    if name == "diagnosis-new-1":
        body["applications"].append({**application(body, "diagnosis-xgb-1"), "name": name})
    application(body, name)["import_path"] = "serve_app.app:nothing_of_this_name"

    def change():
        steady.serve_deploy(body)
        until(
            lambda: steady.applications()[name]["status"] == "DEPLOY_FAILED",
            timeout_s=60,
            what="the failure of the deployment",
        )

    # A broken gateway leaves Serve's Python proxy, which carries less than what arrives.
    at_least = 0.2 if name == "gateway" else 0.6
    seen = under_load(steady, requests, change, at_least=at_least)
    assert seen.report.failed == 0, seen.report.bodies
    steady.deploy(graph())


def test_the_death_of_a_model_replica_fails_no_request(steady, requests):
    victim = steady.replicas("diagnosis-xgb-1")[0]

    def change():
        steady.kill(victim)
        replaced(steady, "diagnosis-xgb-1", victim, 2)

    seen = under_load(steady, requests, change)
    assert seen.report.failed == 0, seen.report.bodies


def test_the_death_of_control_fails_no_request_and_its_weights_survive(steady, requests):
    steady.run("endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=60")
    before = snapshot(steady)
    (victim,) = steady.replicas("control")

    def change():
        steady.kill(victim)
        replaced(steady, "control", victim, 1)

    seen = under_load(steady, requests, change)
    assert seen.report.failed == 0, seen.report.bodies
    shown = steady.request("/v1/endpoints").json()["endpoints"][0]["variants"]
    assert [variant["weight"] for variant in shown] == [60, 10]
    steady.run("endpoints", "set-weights", "diagnosis", "diagnosis-xgb@1=90")
    until(lambda: snapshot(steady) > before, timeout_s=10, what="control's next snapshot")


def test_the_death_of_a_gateway_fails_at_most_what_was_inside_it(steady, requests):
    victim = steady.replicas("gateway")[0]
    killed = []

    def change():
        steady.kill(victim)
        killed.append(time.perf_counter())
        replaced(steady, "gateway", victim, 2)

    seen = under_load(steady, requests, change)
    # A request that began after the death was never inside the one that died.
    died_s = seen.began_s + 0.1
    assert all(began_s < died_s for began_s, _ in seen.report.failed_at), seen.report.failed_at
    assert seen.report.failed <= 32


def test_gateways_answer_and_start_without_control(steady, requests):
    body = graph()
    body["applications"].remove(application(body, "control"))
    steady.serve_deploy(body)
    until(lambda: "control" not in steady.applications(), timeout_s=60, what="control is gone")
    before = snapshot(steady)
    victims = set(steady.replicas("gateway"))
    for victim in victims:
        steady.kill(victim)
    until(
        lambda: len(pids := set(steady.replicas("gateway"))) == 2 and not pids & victims,
        timeout_s=60,
        what="two new gateways",
    )
    seen = under_load(steady, requests, lambda: None)
    assert seen.report.failed == 0, seen.report.bodies
    assert set(seen.report.seen) == {str(before)}
    body = graph()
    variants(body)[0]["weight"] = 80
    steady.deploy(body)
    until(lambda: snapshot(steady) > before, timeout_s=20, what="control's next snapshot")
