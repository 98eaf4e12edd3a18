"""What is read from samples: when replicas were right, when answers were quick."""

from benchmarks.scaling.figures import (
    Count,
    Sample,
    changes,
    first_with,
    quick_from,
    right_from,
    since,
)
from benchmarks.scaling.timeline import Second


def samples(*running: int) -> list[Sample]:
    """One sample a second; Serve wants what runs a second later."""
    targets = [*running[1:], running[-1]]
    return [
        Sample(float(at_s), {"model": Count(count, target), "gateway": Count(1, 1)}, 0.5)
        for at_s, (count, target) in enumerate(zip(running, targets, strict=True))
    ]


def seconds(*p99_ms: float | None) -> list[Second]:
    return [Second(at_s, 10, 10, 0, value, value) for at_s, value in enumerate(p99_ms)]


def test_replicas_are_right_from_where_they_stay_right() -> None:
    found = samples(1, 1, 2, 1, 2, 2)
    assert right_from(found, "model", range(2, 3), 0.0, 6.0) == 4.0


def test_replicas_that_are_lost_again_were_not_right() -> None:
    assert right_from(samples(1, 2, 2, 1), "model", range(2, 3), 0.0, 4.0) is None


def test_only_the_time_in_question_counts() -> None:
    found = samples(1, 1, 2, 2, 1, 1)
    assert right_from(found, "model", range(2, 3), 1.0, 4.0) == 2.0
    assert right_from(found, "model", range(1, 2), 3.0, 6.0) == 4.0


def test_more_replicas_than_needed_may_be_right() -> None:
    assert right_from(samples(1, 2, 3, 3), "model", range(2, 4), 0.0, 4.0) == 1.0


def test_a_deployment_that_is_not_there_is_never_right() -> None:
    assert right_from(samples(1, 1), "other", range(1, 2), 0.0, 2.0) is None


def test_the_first_time_of_two_replicas_is_found_for_those_that_had_them() -> None:
    found = samples(1, 1, 3, 1)
    assert first_with(found, "model", 2) == 2.0
    assert first_with(found, "gateway", 2) is None


def test_answers_are_quick_once_they_are_so_for_a_while() -> None:
    found = seconds(50, 9, 50, 9, 9, 9, 50)
    assert quick_from(found, 10, 3, 0.0, 7.0) == 3.0
    assert quick_from(found, 10, 4, 0.0, 7.0) is None


def test_a_second_without_answers_says_nothing() -> None:
    assert quick_from(seconds(50, 9, None, 9), 10, 2, 0.0, 4.0) == 1.0


def test_each_new_wanted_number_is_a_change() -> None:
    assert changes(samples(1, 1, 2, 2, 1)) == {"model": 2, "gateway": 0}
    assert changes(samples(1)) == {}


def test_what_never_came_took_no_time() -> None:
    assert since(12.34, 10.0) == 2.3
    assert since(None, 10.0) is None
