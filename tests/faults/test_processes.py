"""Each process of a cluster dies or stands still, while requests go on."""

import time

import pytest

from tests.cluster.harness import until
from tests.faults.admin import deploy, set_weights, weights
from tests.faults.breaking import processes, replaced, seconds_until, small, stopped, two_of_each
from tests.faults.steady import CONNECTIONS, Steady, lost

INSIDE = CONNECTIONS
"""At most so many requests are in a gateway at once."""


@pytest.fixture(scope="module")
def running(cluster):
    return two_of_each(cluster)


def test_one_of_two_gateways_dies(running, book):
    victim = running.replicas("gateway")[0]
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        running.kill(victim)
        replaced(running, "gateway", [victim], 2)
        back_s = time.perf_counter() - died_s
        load.settle()
    gone = lost(running, load)
    book.add("one of two gateways dies", load, lost=len(gone), back_s=back_s)
    assert load.client_failed == []
    # Whoever asked later was never inside the one that died.
    assert all(one.began_s < died_s + 0.2 for one in load.failures), load.words()
    assert len(load.failures) <= INSIDE
    assert not gone


def test_one_of_two_replicas_of_a_model_dies(running, book):
    victim = running.replicas("diagnosis-xgb-1")[0]
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        running.kill(victim)
        replaced(running, "diagnosis-xgb-1", [victim], 2)
        back_s = time.perf_counter() - died_s
        load.settle()
    gone = lost(running, load)
    book.add("one of two replicas of a model dies", load, lost=len(gone), back_s=back_s)
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone


def test_control_dies(running, book):
    until(lambda: set_weights(running, 60), timeout_s=30, what="the weights")
    (victim,) = running.replicas("control")
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        running.kill(victim)
        kept = weights(running)
        back_s = seconds_until(
            lambda: set_weights(running, 70), since_s=died_s, what="weights that can be set"
        )
        load.settle()
    gone = lost(running, load)
    book.add("control dies", load, lost=len(gone), back_s=back_s)
    assert kept == {"diagnosis-xgb@1": 60, "diagnosis-forest@1": 40}
    until(lambda: weights(running)["diagnosis-xgb@1"] == 70, timeout_s=10, what="the weights")
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone


def test_haproxy_dies(running, book):
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        for process in processes(running, "haproxy"):
            process.kill()
        seconds_until(
            lambda: running.request("/v1/endpoints").status == 200, since_s=died_s, what="an answer"
        )
        # Serve's own next one takes over from the stand-in.
        load.settle(40)
    gone = lost(running, load)
    back_s = load.failing_s(died_s)
    book.add("HAProxy dies", load, lost=len(gone), back_s=back_s)
    assert back_s < 3.0, load.words()
    assert load.client_failed == [], load.words()
    assert not gone


def test_serve_s_controller_dies(running, book):
    (victim,) = processes(running, "ray::ServeController")
    with Steady(running) as load:
        load.settle()
        died_s = time.perf_counter()
        victim.kill()
        back_s = seconds_until(
            lambda: deploy(running, small()), since_s=died_s, what="a deploy that is taken"
        )
        load.settle(5)
        until(lambda: len(running.replicas("gateway")) == 2, timeout_s=60, what="two gateways")
    gone = lost(running, load)
    book.add("Serve's controller dies", load, lost=len(gone), back_s=back_s)
    assert load.failures == [], load.words()
    assert load.client_failed == []
    assert not gone


def held_until_s(load, began_s):
    """How long after a moment the last request was answered that took more than a second."""
    slow = [one.ended_s - began_s for one in load.requests if one.ended_s - one.began_s > 1]
    return max(slow, default=0.0)


def stands_still(running, book, victim, name):
    """The load beside which a process stands still for five seconds, and the feedback it lost."""
    with Steady(running) as load:
        load.settle()
        began_s = time.perf_counter()
        with stopped(victim):
            load.settle(5)
        load.settle()
    gone = lost(running, load)
    back_s = held_until_s(load, began_s)
    book.add(f"{name} stands still for 5 s", load, lost=len(gone), back_s=back_s)
    return load, gone


def test_a_replica_of_a_model_stands_still_for_five_seconds(running, book):
    victim = running.replicas("diagnosis-xgb-1")[0]
    load, gone = stands_still(running, book, victim, "a replica of a model")
    assert load.failures == [], load.words()
    assert not gone


def test_a_gateway_stands_still_for_five_seconds(running, book):
    victim = running.replicas("gateway")[0]
    load, gone = stands_still(running, book, victim, "a gateway")
    assert load.client_failed == [], load.words()
    assert not gone
