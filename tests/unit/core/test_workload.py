"""What a replica counts, against what happened to it on a clock that the tests turn."""

import pytest

from serve_app.core.workload import FORGET_AFTER_S, Waiting, Workload


class Clock:
    now = 100.0

    def __call__(self):
        return self.now

    def pass_(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def workload(clock):
    return Workload(clock=clock)


def compute(workload, clock, seconds, *, queued_s=0.0):
    call = workload.arrived()
    clock.pass_(queued_s)
    workload.began(call)
    clock.pass_(seconds)
    workload.ended(call)


def test_busy_is_the_share_of_time_that_was_computed(workload, clock):
    compute(workload, clock, 0.25)
    clock.pass_(0.75)
    load = workload.read()
    assert load.busy == pytest.approx(0.25)
    assert (load.calls, load.call_ms) == (1, pytest.approx(250))
    clock.pass_(1.0)
    assert workload.read().busy == 0.0


def test_a_call_that_goes_on_counts_in_every_block_that_it_touches(workload, clock):
    clock.pass_(0.5)
    call = workload.arrived()
    workload.began(call)
    clock.pass_(0.5)
    assert workload.read().busy == pytest.approx(0.5)
    clock.pass_(2.0)
    assert workload.read().busy == pytest.approx(1.0)
    clock.pass_(1.0)
    workload.ended(call)
    clock.pass_(3.0)
    assert workload.read().busy == pytest.approx(0.25)


def test_waiting_inside_the_replica_counts_as_waiting(workload, clock):
    compute(workload, clock, 0.01, queued_s=0.03)
    load = workload.read()
    assert load.wait_ms == pytest.approx(30)
    assert load.call_ms == pytest.approx(10)


def test_waiting_in_gateways_counts_as_far_as_the_target_is_the_cause(workload, clock):
    # Calls take 10 ms here. One gateway sees them take 10 ms and the other, itself busy, 40.
    workload.hear("a", Waiting(requests=8.0, wait_ms=20.0, round_trip_ms=10.0, calls=1))
    workload.hear("b", Waiting(requests=8.0, wait_ms=20.0, round_trip_ms=40.0, calls=3))
    compute(workload, clock, 0.01)
    load = workload.read()
    assert load.waiting_requests == pytest.approx(8.0 + 2.0)
    assert load.wait_ms == pytest.approx((20.0 + 3 * 5.0) / 4)


def test_gateways_that_fall_silent_are_forgotten(workload, clock):
    workload.hear("a", Waiting(requests=8.0, wait_ms=20.0, round_trip_ms=0.0, calls=1))
    assert workload.read().waiting_requests == 8.0
    clock.pass_(FORGET_AFTER_S + 0.1)
    assert workload.read().waiting_requests == 0.0


def test_a_long_call_keeps_those_waiting_who_wait_for_it(workload, clock):
    # Nothing ends in this block, so nothing can be compared with the way there and back.
    workload.began(workload.arrived())
    clock.pass_(1.0)
    workload.hear("a", Waiting(requests=5.0, wait_ms=900.0, round_trip_ms=0.0, calls=0))
    load = workload.read()
    assert (load.waiting_requests, load.wait_ms) == (5.0, 900.0)


def test_what_nobody_waits_for_any_more_is_told_until_it_ends(workload, clock):
    first, second = workload.arrived(), workload.arrived()
    workload.began(first)
    clock.pass_(5.0)
    # It takes long, and somebody waits for it.
    assert workload.stalled_s() == 0.0
    workload.given_up(first)
    clock.pass_(3.0)
    assert workload.stalled_s() == pytest.approx(3.0)
    workload.ended(first)
    assert workload.stalled_s() == 0.0
    workload.given_up(second)
    clock.pass_(3.0)
    # It had never begun, and never will.
    assert workload.stalled_s() == 0.0


def test_what_begins_after_it_was_given_up_has_its_time_too(workload, clock):
    call = workload.arrived()
    workload.given_up(call)
    clock.pass_(9.0)
    workload.began(call)
    assert workload.stalled_s() == 0.0
    clock.pass_(1.0)
    assert workload.stalled_s() == pytest.approx(1.0)
