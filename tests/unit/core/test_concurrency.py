"""A limit finds how many requests are answered without delay, whatever that depends on."""

import heapq
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.concurrency import (
    CRITICALITIES,
    EPOCH_S,
    ConcurrencyBounds,
    ConcurrencyLimit,
    less_critical,
)
from serve_app.errors import InvalidInput
from tests.clocks import Clock


def simulated(servers, service_s, arrivals_per_s, seconds, *, rows=lambda _: 1, bounds=None):
    """A queue of so many servers before which a limit stands, by a clock of its own.

    Gives, of each second: the limit, the median time of answers, the share that was refused.
    """
    clock = Clock()
    limit = ConcurrencyLimit(
        bounds or ConcurrencyBounds(2, 1000, 200), clock=clock, draw=lambda: 0.5
    )
    free_at, ends, number = [0.0] * servers, [], 0
    seconds_of = []
    for second in range(seconds):
        took, refused, came = [], 0, 0
        while clock.now_s < second + 1:
            clock.now_s = number / arrivals_per_s
            number += 1
            while ends and ends[0][0] <= clock.now_s:
                at_s, since_s, size = heapq.heappop(ends)
                later, clock.now_s = clock.now_s, at_s
                limit.leave(since_s, size)
                clock.now_s = later
                took.append(at_s - since_s)
            came += 1
            if not limit.has_room("critical_plus"):
                refused += 1
                continue
            size = rows(number)
            since_s = limit.enter()
            begin_s = max(clock.now_s, heapq.heappop(free_at))
            heapq.heappush(free_at, begin_s + service_s * size)
            heapq.heappush(ends, (begin_s + service_s * size, since_s, size))
        seconds_of.append((limit.limit, statistics.median(took or [0.0]), refused / came))
    return seconds_of


@pytest.mark.parametrize("servers", [4, 16, 64])
def test_under_twice_the_load_answers_stay_quick_and_nothing_that_fits_is_refused(servers):
    service_s = 0.02
    capacity = servers / service_s
    seconds = simulated(servers, service_s, 2 * capacity, 30)
    for limit, median_s, refused in seconds[10:]:
        # Little's law: as many requests as servers take the service time, without any queue.
        assert servers * 0.9 <= limit <= 3 * servers + 4
        assert median_s <= 3 * service_s
        assert 0.4 <= refused <= 0.6


def test_it_stays_so_over_epochs_of_a_lasting_overload():
    """The time of a queue is not taken for the shortest one: else the limit would grow for ever."""
    seconds = simulated(8, 0.02, 800, 5 * int(EPOCH_S))
    early = statistics.mean(limit for limit, _, _ in seconds[10:50])
    late = statistics.mean(limit for limit, _, _ in seconds[-50:])
    assert late <= 2 * early
    assert statistics.median(median_s for _, median_s, _ in seconds[-50:]) <= 0.08


def test_below_the_capacity_nothing_is_refused():
    seconds = simulated(8, 0.02, 300, 70)
    assert sum(refused for _, _, refused in seconds) == 0


def test_requests_of_many_rows_are_not_taken_for_a_queue():
    mixed = simulated(8, 0.001, 300, 20, rows=lambda number: 100 if number % 7 == 0 else 1)
    assert sum(refused for _, _, refused in mixed) == 0
    assert mixed[-1][0] >= 100


def test_whoever_asks_one_after_the_other_does_not_raise_a_limit():
    clock = Clock()
    limit = ConcurrencyLimit(ConcurrencyBounds(first=20), clock=clock, draw=lambda: 0.5)
    for _ in range(2_000):
        since_s = limit.enter()
        clock.now_s += 0.02
        limit.leave(since_s, 1)
    assert limit.limit == 20


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 2), st.integers(0, 5_000)), max_size=200),
    st.integers(1, 20),
)
def test_a_limit_stays_within_its_bounds_and_counts_who_is_there(steps, least):
    clock = Clock()
    bounds = ConcurrencyBounds(least, 40, 30)
    limit, inside = ConcurrencyLimit(bounds, clock=clock, draw=lambda: 0.0), []
    for comes, pause_s, rows in steps:
        clock.now_s += pause_s
        if comes:
            inside.append(limit.enter())
        elif inside:
            limit.leave(inside.pop(0), rows or None)
        assert least <= limit.limit <= 40
        assert limit.in_flight == len(inside)


def test_the_least_critical_are_refused_first():
    limit = ConcurrencyLimit(ConcurrencyBounds(10, 10, 10), clock=Clock(), draw=lambda: 0.5)
    room = dict.fromkeys(CRITICALITIES, 0)
    for _ in range(12):
        for name in room:
            room[name] += limit.has_room(name)
        limit.enter()
    assert list(room.values()) == [10, 9, 8, 5]


def test_nobody_is_more_critical_than_its_own():
    names = list(CRITICALITIES)
    for place, own in enumerate(names):
        assert less_critical(own, None) == own
        for other, named in enumerate(names):
            assert less_critical(own, named) == names[max(place, other)]
    with pytest.raises(InvalidInput, match="'urgent' is no criticality; there are critical_plus"):
        less_critical("critical", "urgent")
