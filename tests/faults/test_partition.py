"""Two nodes do not reach each other for half a minute: each answers with what it has."""

import time
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster.harness import TestCluster, application, config, endpoints, free_row, until
from tests.cluster.joined_nodes import raylet
from tests.faults.breaking import seconds_until
from tests.faults.networks import two_networks, why_not
from tests.faults.steady import Steady, lost

pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
SECOND = "./state-2"
PARTED_S = 30.0
GIVEN_UP_S = 90.0
"""Longer than Ray waits for a node, and than that waits for its head."""
JOINED_WITHIN_S = 60.0
ALONE_WITHIN_S = 5.0
IS_BOUNDED = Path("/proc/sys/net/ipv4/tcp_rto_max_ms").exists()
"""Whether the kernel lets the pause between two tries to send again be bounded."""
WHOLE_WITHIN_S = 15.0 if IS_BOUNDED else 60.0
RATE_PER_S = 20.0
LONGEST_PAUSE_MS = 2000
"""At most between two tries of the kernel's to send again, as the guide on machines says."""


def one_of_each_on_every_node():
    """A config with two gateways and two replicas of one version, never two on one node."""
    body = config("split")
    kept = ("gateway", "control", "monitor", "diagnosis-xgb-1")
    body["applications"] = [application(body, name) for name in kept]
    for name in ("gateway", "diagnosis-xgb-1"):
        (deployment,) = application(body, name)["deployments"]
        deployment.pop("autoscaling_config")
        deployment |= {
            "num_replicas": 2, "max_replicas_per_node": 1, "ray_actor_options": {"num_cpus": 0.1},
        }  # fmt: skip
        deployment.pop("max_surge_percent", None)
    application(body, "gateway")["args"]["access"] = {"mode": "open"}
    endpoints(body)["diagnosis"] = {
        "preprocess": {"model": "diagnosis-features@1", "placement": "inline"},
        "route": {"kind": "single", "model": "diagnosis-xgb@1"},
    }
    return body


@pytest.fixture(scope="module")
def networks():
    with two_networks(f"sa-{uuid.uuid4().hex[:6]}") as both:
        for network in both:
            network.set(tcp_rto_max_ms=LONGEST_PAUSE_MS)
        yield both


@pytest.fixture(scope="module")
def nodes(networks, cluster):
    """The first node and the second, each to be used inside its network."""
    first, second = networks
    with ExitStack() as after:
        with first.inside():
            cluster.start("--cpus", "2", "--node-ip", first.address)
            # Before the networks go, which the fixture of the cluster comes after.
            after.callback(_stopped, first, cluster, "./state")
        row = free_row(12, above=cluster.internal_ports + 11)
        other = TestCluster(cluster.home, row, 0, row + 1)
        with second.inside():
            other.run(
                "cluster", "join", f"{first.address}:{cluster.internal_ports}", "--state", SECOND,
                "--node-ip", second.address, "--cpus", "2", "--drain-s", "1",
                "--token-file", "state/ray-token", "--http-port", str(other.http_port),
                "--internal-ports", str(other.internal_ports), "--supervise",
            )  # fmt: skip
            after.callback(_stopped, second, other, SECOND)
        with first.inside():
            path = cluster.write(one_of_each_on_every_node())
            # Or the HAProxy of one machine would not reach the gateway of the other.
            path.write_text(path.read_text().replace("host: 127.0.0.1", "host: 0.0.0.0"))
            cluster.run("deploy", path.name)
        yield cluster, other


def _stopped(network, node, state):
    with network.inside():
        node.run("cluster", "stop", "--state", state, "--hand-over-s", "0")


def running(cluster, name):
    """The nodes on which replicas of an application run."""
    deployments = cluster.applications()[name]["deployments"].values()
    return sorted(
        replica["node_id"]
        for deployment in deployments
        for replica in deployment["replicas"]
        if replica["state"] == "RUNNING"
    )


def is_whole(cluster):
    """Whether everything runs, and both nodes have what they had."""
    states = cluster.applications().values()
    return all(one["status"] == "RUNNING" for one in states) and all(
        len(set(running(cluster, name))) == 2 for name in ("gateway", "diagnosis-xgb-1")
    )


def answers(network, node):
    with network.inside():
        try:
            return node.request("/v1/endpoints").status == 200
        except OSError:
            return False


def test_two_nodes_are_parted_for_half_a_minute(nodes, networks, book):
    first, second = networks
    cluster, other = nodes
    until(lambda: answers(second, other), timeout_s=60, what="the second node's answers")
    with ExitStack() as ending:
        loads = []
        for network, node in ((first, cluster), (second, other)):
            with network.inside():
                loads.append(ending.enter_context(Steady(node, rate_per_s=RATE_PER_S)))
        loads[0].settle()
        parted_s = time.perf_counter()
        with second.cut_off():
            loads[0].settle(PARTED_S)
        mended_s = time.perf_counter()
        with first.inside():
            back_s = seconds_until(
                lambda: is_whole(cluster), since_s=mended_s, timeout_s=120, what="both nodes"
            )
        loads[0].settle(5)
        is_answering = answers(second, other)
    gone = []
    for name, load in zip(("of the head", "that was cut off"), loads, strict=True):
        with first.inside():
            gone.append(lost(cluster, load))
        outcome = f"two machines do not reach each other for 30 s, the one {name}"
        book.add(outcome, load, lost=len(gone[-1]), back_s=back_s)
    late = [
        (round(one.began_s - parted_s, 1), one.status)
        for load in loads
        for one in load.failures
        if one.began_s - parted_s > ALONE_WITHIN_S
    ]
    assert late == [], [load.words() for load in loads]
    assert gone == [set(), set()]
    assert is_answering
    assert back_s < WHOLE_WITHIN_S


def is_back(first, cluster, other, before):
    """Whether the second node has another raylet than before, and both have what they had."""
    try:
        if raylet(other, SECOND).pid == before.pid:
            return False
    except StopIteration:
        return False
    with first.inside():
        return is_whole(cluster)


def test_the_raylet_of_a_machine_that_joined_dies(nodes, networks, book):
    first, _ = networks
    cluster, other = nodes
    with first.inside(), Steady(cluster, rate_per_s=RATE_PER_S) as load:
        load.settle()
        victim = raylet(other, SECOND)
        died_s = time.perf_counter()
        victim.kill()
        back_s = seconds_until(
            lambda: is_back(first, cluster, other, victim),
            since_s=died_s, timeout_s=120, what="the node that joins again",
        )  # fmt: skip
        load.settle()
    gone = lost(cluster, load)
    book.add(
        "the raylet of a machine that joined dies, supervised", load, lost=len(gone), back_s=back_s
    )
    assert not gone
    assert load.client_failed == []
    assert back_s < JOINED_WITHIN_S


def test_a_node_that_ray_gave_up_joins_again(nodes, networks, book):
    first, second = networks
    cluster, other = nodes
    with first.inside():
        until(lambda: is_whole(cluster), timeout_s=60, what="both nodes")
    victim = raylet(other, SECOND)
    with first.inside(), Steady(cluster, rate_per_s=RATE_PER_S) as load:
        load.settle()
        with second.cut_off():
            load.settle(GIVEN_UP_S)
        mended_s = time.perf_counter()
        back_s = seconds_until(
            lambda: is_back(first, cluster, other, victim),
            since_s=mended_s, timeout_s=180, what="the node that joins again",
        )  # fmt: skip
        load.settle()
    gone = lost(cluster, load)
    outcome = f"two machines do not reach each other for {GIVEN_UP_S:g} s, and Ray gives one up"
    book.add(outcome, load, lost=len(gone), back_s=back_s)
    late = [one for one in load.failures if one.began_s - mended_s > -GIVEN_UP_S + ALONE_WITHIN_S]
    assert late == [], load.words()
    assert not gone
    assert back_s < JOINED_WITHIN_S
