"""Replicas that are asked over sockets of theirs: whatever changes or dies, no request fails."""

import copy

import psutil
import pytest

from tests.cluster.harness import application, until
from tests.cluster.test_changes import (
    graph,
    replaced,
    requests,
    train_again,
    under_load,
    variants,
)

__all__ = ["requests"]
pytestmark = pytest.mark.long
MODEL = "diagnosis-xgb-1"


def over_sockets(replicas=2):
    """Two gateways that ask replicas of their machine over sockets, without being told to."""
    body = graph()
    application(body, MODEL)["deployments"][0]["num_replicas"] = replicas
    return body


def connections(cluster):
    """How many connections of gateways the replicas of the model have, together."""
    opened = [psutil.Process(pid).net_connections("unix") for pid in cluster.replicas(MODEL)]
    return sum("/sockets/sa-" in str(one.laddr) for of_one in opened for one in of_one)


@pytest.fixture(scope="module")
def steady(cluster):
    cluster.start()
    cluster.deploy(over_sockets())
    until(lambda: len(cluster.replicas("gateway")) == 2, timeout_s=60, what="two gateways")
    return cluster


def test_more_and_fewer_replicas_fail_no_request(steady, requests):
    def change():
        # Each replica listens, and has a connection from each gateway.
        until(lambda: connections(steady) == 6, timeout_s=20, what="gateways at two sockets")
        steady.deploy(over_sockets(replicas=3))
        until(lambda: connections(steady) == 9, timeout_s=60, what="gateways at three sockets")
        steady.deploy(over_sockets(replicas=1))
        until(lambda: len(steady.replicas(MODEL)) == 1, timeout_s=60, what="one replica")

    seen = under_load(steady, requests, change)
    assert seen.report.failed == 0, seen.report.bodies
    steady.deploy(over_sockets())
    until(lambda: len(steady.replicas(MODEL)) == 2, timeout_s=60, what="two replicas")


def test_the_death_of_a_model_replica_fails_no_request(steady, requests):
    victim = steady.replicas(MODEL)[0]

    def change():
        steady.kill(victim)
        replaced(steady, MODEL, victim, 2)

    seen = under_load(steady, requests, change)
    assert seen.report.failed == 0, seen.report.bodies


def test_a_new_version_takes_over_without_a_failed_request(steady, requests):
    train_again(steady, "diagnosis-xgb")
    body = over_sockets()
    second = copy.deepcopy(application(body, MODEL))
    second["name"] = "diagnosis-xgb-2"
    second["args"]["version"] = 2
    body["applications"].append(second)
    variants(body)[0]["model"] = "diagnosis-xgb@2"

    def change():
        steady.deploy(body)
        body["applications"].remove(application(body, MODEL))
        steady.deploy(body)
        until(lambda: not steady.replicas(MODEL), timeout_s=60, what="its end")

    seen = under_load(steady, requests, change, watch="x-variant")
    assert seen.report.failed == 0, seen.report.bodies
    assert {"diagnosis-xgb@1", "diagnosis-xgb@2", "diagnosis-forest@1"} == set(seen.report.seen)
