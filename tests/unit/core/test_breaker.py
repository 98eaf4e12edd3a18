"""Who is silent is left alone for a while, and tried now and then."""

import pytest

from serve_app.core.breaker import FAILURES, FIRST_PAUSE_S, LONGEST_PAUSE_S, Breaker
from tests.clocks import Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock=clock)


def fall_silent(breaker, times=FAILURES):
    for _ in range(times):
        assert breaker.lets_through()
        breaker.silent(1.0)


def test_it_opens_after_several_silences_and_not_before(breaker):
    fall_silent(breaker, FAILURES - 1)
    assert not breaker.is_open
    fall_silent(breaker, 1)
    assert breaker.is_open
    assert not breaker.lets_through()


def test_an_answer_in_between_begins_the_count_anew(breaker):
    fall_silent(breaker, FAILURES - 1)
    breaker.answered()
    fall_silent(breaker, FAILURES - 1)
    assert breaker.lets_through()


def test_a_client_that_gives_little_time_opens_nothing(breaker):
    for _ in range(100):
        breaker.silent(0.99)
    assert breaker.lets_through()


def test_one_call_is_tried_after_each_pause_and_pauses_grow(breaker, clock):
    fall_silent(breaker)
    tried_s = []
    while clock.now_s < 60:
        if breaker.lets_through():
            tried_s.append(clock.now_s)
            breaker.silent(1.0)
        clock.now_s += 0.125
    pauses = [later - sooner for sooner, later in zip([0.0, *tried_s], tried_s, strict=False)]
    assert pauses[:5] == [FIRST_PAUSE_S, 0.5, 1.0, 2.0, 4.0]
    assert set(pauses[4:]) == {LONGEST_PAUSE_S}
    assert 0 <= breaker.wait_s <= LONGEST_PAUSE_S


def test_the_first_answer_closes_it(breaker, clock):
    fall_silent(breaker)
    clock.now_s = FIRST_PAUSE_S
    assert breaker.lets_through()
    assert not breaker.lets_through()
    breaker.answered()
    assert all(breaker.lets_through() for _ in range(10))
    assert not breaker.is_open
