"""The production graph on two nodes, which share one machine here."""

import urllib.error

import pytest

from serve_app.examples.datasets import breast_cancer
from tests.cluster.harness import TestCluster, config, free_row, until


@pytest.fixture(scope="module")
def second(cluster):
    """A second node, with a state folder and ports of its own."""
    cluster.start("--cpus", "2")
    first = free_row(9, above=cluster.internal_ports + 10)
    node = TestCluster(cluster.home, first, 0, first + 1)
    address = f"127.0.0.1:{cluster.internal_ports}"
    joining = (
        "cluster", "join", address, "--state", "./state-2", "--cpus", "2", "--drain-s", "1",
        "--http-port", str(node.http_port), "--internal-ports", str(node.internal_ports),
    )  # fmt: skip
    node.run(*joining)
    try:
        said = node.run(*joining, code=1)
        assert "--state" in said
        yield node
    finally:
        node.run("cluster", "stop", "--state", "./state-2")


@pytest.fixture(scope="module")
def production(cluster, second):
    cluster.deploy(config("production"))
    return cluster


def nodes(cluster, name):
    """The nodes on which replicas of an application run."""
    return {
        replica["node_id"]
        for deployment in cluster.applications()[name]["deployments"].values()
        for replica in deployment["replicas"]
        if replica["state"] == "RUNNING"
    }


ROWS = breast_cancer().frame.head(4).to_dict(orient="records")


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
    assert len(nodes(production, "gateway")) == 2
    every = [nodes(production, name) for name in production.applications()]
    assert len(set.union(*every)) == 2


def test_every_endpoint_answers_alike_through_either_nodes_proxy(production, second):
    direct = until(lambda: probabilities(production), timeout_s=20, what="an answer")
    other = until(lambda: probabilities(second), timeout_s=20, what="the other node's answer")
    assert other == direct
    assert len(production.predict("diagnosis-ensemble", ROWS)["variants"]) == 3


def test_endpoints_go_on_when_a_node_leaves(production, second):
    before = probabilities(production)
    second.run("cluster", "stop", "--state", "./state-2")
    until(
        lambda: (
            len(nodes(production, "gateway")) == 1
            and len(nodes(production, "diagnosis-xgb-1")) == 1
        ),
        timeout_s=60,
        what="replicas on the node that is left alone",
    )
    after = until(lambda: probabilities(production), timeout_s=30, what="an answer")
    assert after == before
