"""Replicas that stand still for as long as it takes are replaced, and asked no more meanwhile."""

import time

import psutil
import pytest

from tests.cluster.harness import until
from tests.faults.breaking import replaced, stopped, two_of_each
from tests.faults.steady import Steady, lost

ROUTED_AROUND_S = 2.5
"""Gateways see within 1.5 s that another one of their machine stands still."""
REPLACED_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def running(cluster):
    return two_of_each(cluster)


@pytest.mark.parametrize(
    ("name", "called"),
    [("gateway", "a gateway"), ("diagnosis-xgb-1", "a replica of a model")],
)
def test_one_of_two_stands_still_for_ever(running, book, name, called):
    victim = running.replicas(name)[0]
    with Steady(running) as load:
        load.settle()
        began_s = time.perf_counter()
        with stopped(victim):
            replaced(running, name, [victim], 2)
            back_s = time.perf_counter() - began_s
            until(lambda: not psutil.pid_exists(victim), timeout_s=60, what="the end of it")
        load.settle()
    gone = lost(running, load)
    book.add(f"{called} stands still for ever", load, lost=len(gone), back_s=back_s)
    late = [one for one in load.failures if one.began_s > began_s + ROUTED_AROUND_S]
    assert late == [] or name != "gateway", load.words()
    assert load.client_failed == [], load.words()
    assert back_s < REPLACED_WITHIN_S
    assert not gone
