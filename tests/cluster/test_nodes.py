"""The production graph on nodes that come and go, all of which share one machine here."""

import json
import time
import urllib.error

import psutil
import pytest

from benchmarks.load import build_request
from serve_app.cluster.node import Cluster
from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import config, until
from tests.cluster.joined_nodes import beside, joining, raylet
from tests.cluster.load import Load

pytestmark = pytest.mark.long

SECOND, THIRD = "./state-2", "./state-3"
CONNECTIONS = 32
RATE = 100.0
BUSY_S = 3.0
DRAIN_S = 10
"""Longer than HAProxy takes, on a busy machine, to hear that a gateway is about to close."""


@pytest.fixture(scope="module")
def second(cluster):
    """A second node, with a state folder and ports of its own."""
    cluster.start("--cpus", "2")
    node = beside(cluster, above=cluster.internal_ports + 11)
    try:
        node.run(*joining(cluster, node, SECOND))
        said = node.run(*joining(cluster, node, SECOND), code=1)
        assert "--state" in said
        yield node
    finally:
        node.run("cluster", "stop", "--state", SECOND, "--hand-over-s", "0")


@pytest.fixture(scope="module")
def third(cluster, second):
    """A third node, which does not run yet."""
    node = beside(cluster, above=second.internal_ports + 11)
    try:
        yield node
    finally:
        node.run("cluster", "stop", "--state", THIRD, "--hand-over-s", "0")


@pytest.fixture(scope="module")
def production(cluster, second):
    body = config("production")
    for app in body["applications"]:
        # Who may ask is not looked at here.
        app["args"].pop("access", None)
        scaling = app["deployments"][0].get("autoscaling_config")
        if scaling is not None:
            # Replicas that follow the load would hide which ones were replaced.
            scaling["max_replicas"] = scaling["min_replicas"]
    cluster.deploy(body)
    return cluster


def running(cluster, name):
    """The running replicas of an application, as Serve tells of them."""
    return [
        replica
        for deployment in cluster.applications()[name]["deployments"].values()
        for replica in deployment["replicas"]
        if replica["state"] == "RUNNING"
    ]


def nodes(cluster, name):
    """The nodes on which replicas of an application run."""
    return {replica["node_id"] for replica in running(cluster, name)}


PATIENTS = breast_cancer().frame.head(50).to_dict(orient="records")
ROWS = PATIENTS[:4]
ASKED = [
    build_request(
        "POST",
        f"/v1/models/{endpoint}:predict",
        {"content-type": "application/json", "host": "127.0.0.1"},
        json.dumps({"instances": [row], "parameters": {"patient_id": index}}).encode(),
    )
    for index, row in enumerate(PATIENTS)
    for endpoint in ("diagnosis", "diagnosis-ensemble")
]


def probabilities(node):
    path = "/v1/models/diagnosis/versions/diagnosis-xgb@1:predict"
    try:
        answer = node.request(path, {"instances": ROWS})
    except urllib.error.URLError:
        # A node's proxy starts once it has replicas, some seconds after the first node's.
        return None
    return answer.json()["probabilities"] if answer.status == 200 else None


def test_gateways_and_models_spread_over_both_nodes(production):
    assert len(production.replicas("gateway")) == 2
    for name in production.applications():
        assert len(nodes(production, name)) == (1 if name in {"control", "monitor"} else 2), name


def test_every_endpoint_answers_alike_through_either_nodes_proxy(production, second):
    direct = until(lambda: probabilities(production), timeout_s=20, what="an answer")
    other = until(lambda: probabilities(second), timeout_s=60, what="the other node's answer")
    assert other == direct
    assert len(production.predict("diagnosis-ensemble", ROWS)["variants"]) == 3


def computed_s(cluster, name):
    """The processor time that an application's replicas have taken so far, by node."""
    taken = {}
    for replica in running(cluster, name):
        times = psutil.Process(replica["pid"]).cpu_times()
        taken[replica["node_id"]] = times.user + times.system
    return taken


@pytest.mark.parametrize("name", ["gateway", "diagnosis-xgb-1"])
def test_what_one_address_is_asked_is_computed_on_both_nodes(production, name):
    before = computed_s(production, name)
    with Load(production, ASKED, CONNECTIONS) as load:
        began = time.monotonic()
        until(lambda: time.monotonic() - began > BUSY_S, timeout_s=30, what="some load")
    after = computed_s(production, name)
    assert load.report.failed == 0, load.report.bodies
    shares = sorted(after[node] - before[node] for node in after)
    assert len(shares) == 2
    # A replica that nobody asks takes a hundredth of a core.
    assert shares[0] > 0.05 * BUSY_S
    assert shares[0] > 0.3 * shares[1]


def lost_at_most_what_was_inside(report):
    """Whatever failed was in the node's gateway at the one moment at which that died."""
    began = [began_s for began_s, _ in report.failed_at]
    assert report.failed <= CONNECTIONS, report.bodies
    assert not began or max(began) - min(began) < 1.0, report.failed_at
    assert report.ok > 5 * RATE


def test_what_ran_on_a_node_that_dies_comes_up_on_others(production, second, third):
    victim = raylet(second, SECOND)
    (lost,) = {
        replica["node_id"]
        for replica in running(production, "gateway")
        if psutil.Process(replica["pid"]).ppid() == victim.pid
    }
    wanted = {name: len(running(production, name)) for name in production.applications()}
    with Load(production, ASKED, CONNECTIONS, rate_per_s=RATE) as load:
        until(lambda: probabilities(production), timeout_s=20, what="an answer")
        production.kill(victim.pid)
        third.run(*joining(production, third, THIRD, drain_s=DRAIN_S))
        until(
            lambda: all(
                len(running(production, name)) == count and lost not in nodes(production, name)
                for name, count in wanted.items()
            ),
            timeout_s=90,
            what="every replica on a node that lives",
        )
        until(lambda: probabilities(third), timeout_s=30, what="the new node's answer")
    lost_at_most_what_was_inside(load.report)
    everywhere = set.union(*(nodes(production, name) for name in wanted))
    assert len(everywhere) == 2


def test_no_request_fails_when_a_node_leaves(production, second, third):
    before = probabilities(production)
    # Another node to take over what runs on the one that leaves.
    second.run("cluster", "stop", "--state", SECOND)
    second.run(*joining(production, second, SECOND))
    wanted = {name: len(running(production, name)) for name in production.applications()}
    with Load(production, ASKED, CONNECTIONS, rate_per_s=RATE) as load:
        until(lambda: probabilities(production), timeout_s=20, what="an answer")
        third.run("cluster", "stop", "--state", THIRD)
        assert {name: len(running(production, name)) for name in wanted} == wanted
        after = until(lambda: probabilities(production), timeout_s=30, what="an answer")
    assert after == before
    assert load.report.failed == 0, (load.report.bodies, load.report.failed_at)
    assert load.report.ok > 5 * RATE


def status(node, state):
    return json.loads(node.run("cluster", "status", "--state", state, "--json"))


def joined_again(node, state, before):
    """Whether another raylet is there than before, and whoever supervises the node is content."""
    try:
        is_another = raylet(node, state).pid != before.pid
    except StopIteration:
        return None
    file = node.home / state / "supervision.json"
    return is_another and json.loads(file.read_text())["phase"] == "watching"


@pytest.fixture(scope="module")
def supervised(production, third):
    """The third node, which joins again by itself."""
    third.run(*joining(production, third, THIRD), "--supervise")
    return third


def test_a_supervised_node_whose_raylet_dies_joins_again(production, supervised):
    shown = until(
        lambda: (one := status(supervised, THIRD)) and "supervisor" in one and one,
        timeout_s=30, what="a supervisor",
    )  # fmt: skip
    assert shown["joined"] == f"127.0.0.1:{production.internal_ports}"
    assert (shown["supervisor"], shown["restarts"]) == ("watching", 0)
    victim = raylet(supervised, THIRD)
    victim.kill()
    until(lambda: joined_again(supervised, THIRD, victim), timeout_s=60, what="a node that is back")
    assert status(supervised, THIRD)["restarts"] == 1
    assert "Ray's raylet ended" in status(supervised, THIRD)["last_restart"]


def test_a_supervised_node_joins_the_head_that_is_started_anew(production, second, supervised):
    before = raylet(supervised, THIRD)
    second.run("cluster", "stop", "--state", SECOND, "--hand-over-s", "0")
    production.run("cluster", "stop")
    production.start("--cpus", "2")
    until(
        lambda: joined_again(supervised, THIRD, before), timeout_s=120, what="a node that is back"
    )
    supervised.run("cluster", "stop", "--state", THIRD)
    assert Cluster(supervised.home / THIRD).processes() == []
    assert not (supervised.home / THIRD / "started.json").exists()
