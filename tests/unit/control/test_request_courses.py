"""How often endpoints are asked, of all gateways together, whoever starts anew."""

import itertools

import pytest

from serve_app.control.request_courses import SILENT_S, STEP_S, STEPS, RequestCourses
from serve_app.core.record import ANSWERED, INTERNAL
from serve_app.core.tally import Tally
from serve_app.monitoring.histogram import BOUNDS_S
from tests.clocks import Clock

NOTHING = (0,) * (len(BOUNDS_S) + 1)


def bins(number):
    """So many requests that took from 1 to 2.5 ms."""
    return (0, 0, 0, number, *NOTHING[4:])


def tally(answered, internal=0, refused=0, version="m@1"):
    outcomes = {ANSWERED: answered, INTERNAL: internal, "invalid_input": refused}
    return Tally(outcomes, bins(answered + internal + refused), {version: bins(answered)})


@pytest.fixture
def clock():
    return Clock(1_000.0)


@pytest.fixture
def courses(clock):
    return RequestCourses(clock)


NUMBERS = itertools.count(1)


def hear(courses, clock, at_s, replica, told, number=None):
    clock.now_s = at_s
    courses.take(replica, next(NUMBERS) if number is None else number, {"e": told})


def test_what_grew_between_two_messages_came_in_the_step_of_the_second(courses, clock):
    hear(courses, clock, 1_000, "one", Tally())
    hear(courses, clock, 1_002, "one", tally(10))
    hear(courses, clock, 1_012, "one", tally(30, internal=4, refused=6))
    clock.now_s = 1_021
    course = courses.of("e")
    assert [(one["at_s"], one["requests"]) for one in course["moments"]] == [
        (1_000, 10), (1_010, 30),
    ]  # fmt: skip
    assert (course["moments"][1]["faults"], course["moments"][1]["refused"]) == (4, 6)
    assert (course["since_s"], course["until_s"], course["step_s"]) == (1_000, 1_020, STEP_S)


def test_gateways_add_up_and_one_that_told_nothing_before_tells_of_no_rate(courses, clock):
    for replica in ("one", "two"):
        hear(courses, clock, 1_000, replica, Tally())
    hear(courses, clock, 1_001, "one", tally(20))
    hear(courses, clock, 1_003, "two", tally(40, version="m@2"))
    hear(courses, clock, 1_004, "long there", tally(1_000_000))
    hear(courses, clock, 1_005, "long there", tally(1_000_000))
    clock.now_s = 1_030
    now = courses.of("e")["now"]
    assert courses.of("e")["versions"] == {"m@1": 20, "m@2": 40}
    assert courses.now() == {"e": now}
    assert now["requests_per_s"] == 2.0
    assert {name: one["requests_per_s"] for name, one in now["versions"].items()} == {
        "m@1": pytest.approx(2 / 3), "m@2": pytest.approx(4 / 3),
    }  # fmt: skip
    assert 0.001 < now["p50_s"] < now["p99_s"] <= 0.0025


def test_the_step_that_is_not_over_yet_is_not_shown_as_one_with_few(courses, clock):
    hear(courses, clock, 1_000, "one", Tally())
    hear(courses, clock, 1_001, "one", tally(10))
    assert courses.of("e")["moments"] == []
    assert courses.of("e")["now"]["requests_per_s"] == 0


def test_nothing_is_known_of_endpoints_that_nobody_asked_or_that_are_gone(courses, clock):
    hear(courses, clock, 1_000, "one", Tally())
    hear(courses, clock, 1_001, "one", tally(10))
    clock.now_s = 1_010
    assert courses.of("other")["moments"] == []
    assert courses.of("other")["now"]["p50_s"] is None
    courses.keep({"other"})
    assert courses.of("e")["moments"] == []


def test_what_is_old_is_forgotten_and_so_are_gateways_that_are_silent(courses, clock):
    hear(courses, clock, 1_000, "one", Tally())
    hear(courses, clock, 1_001, "one", tally(10))
    later_s = 1_000 + STEPS * STEP_S
    hear(courses, clock, later_s, "one", tally(20))
    assert courses.of("e")["moments"] == []
    clock.now_s = later_s + STEP_S
    assert [one["at_s"] for one in courses.of("e")["moments"]] == [later_s]
    hear(courses, clock, later_s + SILENT_S + 5, "two", Tally())
    hear(courses, clock, later_s + SILENT_S + 6, "one", tally(90))
    clock.now_s = later_s + SILENT_S + 20
    assert courses.of("e")["now"]["requests_per_s"] == 0


def test_a_message_that_was_late_counts_nothing_twice(courses, clock):
    hear(courses, clock, 1_000, "one", Tally(), number=1)
    hear(courses, clock, 1_001, "one", tally(30), number=3)
    hear(courses, clock, 1_002, "one", tally(10), number=2)
    hear(courses, clock, 1_003, "one", tally(40), number=4)
    clock.now_s = 1_010
    assert [one["requests"] for one in courses.of("e")["moments"]] == [40]


def test_an_endpoint_that_came_anew_counts_from_nothing(courses, clock):
    hear(courses, clock, 1_000, "one", tally(500))
    hear(courses, clock, 1_001, "one", tally(20))
    clock.now_s = 1_010
    assert [one["requests"] for one in courses.of("e")["moments"]] == [20]
