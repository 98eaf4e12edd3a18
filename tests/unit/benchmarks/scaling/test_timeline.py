"""Seconds of a load, from requests whose times are known."""

import pytest

from benchmarks.scaling.timeline import Timeline, percentile
from benchmarks.wire import Answer

GOOD = Answer(200, b"HTTP/1.1 200 OK\r\n", b"", kept=True)
BUSY = Answer(429, b"HTTP/1.1 429 Too Many Requests\r\n", b"", kept=True)


def test_requests_count_where_they_began_and_answers_where_they_came() -> None:
    timeline = Timeline()
    timeline.answered(GOOD, began_s=0.1, ended_s=0.2)
    timeline.answered(GOOD, began_s=0.5, ended_s=2.5)
    first, second, third = timeline.seconds()
    assert (first.offered, first.answered, first.p50_ms) == (2, 1, pytest.approx(100))
    assert (second.offered, second.answered, second.p50_ms, second.p99_ms) == (0, 0, None, None)
    assert (third.offered, third.answered, third.p99_ms) == (0, 1, pytest.approx(2000))


def test_what_failed_has_no_latency_and_counts_once() -> None:
    timeline = Timeline()
    timeline.answered(BUSY, began_s=0.1, ended_s=0.9)
    timeline.failed("Disconnected", "", began_s=1.2)
    seconds = timeline.seconds()
    assert [(one.offered, one.answered, one.failed) for one in seconds] == [(1, 0, 1), (1, 0, 1)]
    assert timeline.failures == 2
    assert timeline.report(2.0).failed_by == {"429": 1, "Disconnected": 1}


def test_a_percentile_looks_at_the_answers_of_its_time_alone() -> None:
    timeline = Timeline()
    for began_s, ended_s in ((0.0, 0.9), (1.0, 1.01), (1.5, 1.52), (2.0, 2.9)):
        timeline.answered(GOOD, began_s=began_s, ended_s=ended_s)
    assert timeline.percentile_ms(50, 1.0, 2.0) == pytest.approx(10)
    assert timeline.percentile_ms(99, 1.0, 2.0) == pytest.approx(20)
    assert timeline.percentile_ms(99, 5.0, 6.0) is None


def test_percentiles_are_of_the_nearest_rank() -> None:
    hundred = [float(number) for number in range(100, 0, -1)]
    assert (percentile(hundred, 50), percentile(hundred, 99)) == (50, 99)
    assert percentile([7.0], 99) == 7
    assert percentile([], 99) is None


def test_nothing_that_happened_has_no_seconds() -> None:
    assert Timeline().seconds() == []
