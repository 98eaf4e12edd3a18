"""Numbers and times are short and say what they are."""

import datetime as dt
import itertools

import pytest

from serve_app.monitoring import words

NOON = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"), (5e-324, "0"), (3.0, "3"), (1234567, "1,234,567"), (0.123456, "0.1235"),
        (12345.6, "12,346"), (1e9, "1e+09"), (-0.5, "-0.5"), (float("inf"), "inf"),
        (float("nan"), "nan"), (1e-7, "1e-07"),
    ],
)  # fmt: skip
def test_numbers_have_about_four_digits(value, shown):
    assert words.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0.0 %"),
        (1e-6, "< 0.1 %"),
        (0.004, "0.4 %"),
        (0.0999, "10 %"),
        (0.5, "50 %"),
        (1, "100 %"),
    ],
)
def test_shares_are_percentages_and_a_little_is_not_nothing(value, shown):
    assert words.share(value) == shown


@pytest.mark.parametrize(
    ("span_s", "shown"),
    [
        (20, "20 seconds"), (60, "1 minute"), (5_400, "1.5 hours"), (604_799, "7 days"),
        (86_400, "1 day"), (3_600, "1 hour"),
    ],
)  # fmt: skip
def test_durations_are_in_a_unit_that_suits(span_s, shown):
    assert words.duration(span_s) == shown


def test_moments_are_utc_and_beyond_the_calendar_seconds():
    assert words.moment(NOON) == "2026-11-26 12:00"
    assert words.moment(1e20) == "1e+20 s"
    assert words.moment(float("inf")) == "inf s"


def test_ticks_of_time_are_round_and_few():
    day = 86_400
    ticks = words.ticks_of_time(NOON, NOON + 7 * day, 4)
    assert [label for _, label in ticks] == ["Nov 27", "Nov 29", "Dec 1", "Dec 3"]
    assert all(at % day == 0 for at, _ in ticks)
    hours = words.ticks_of_time(NOON, NOON + 6 * 3600, 6)
    assert [label for _, label in hours][:2] == ["12:00", "13:00"]
    assert words.ticks_of_time(NOON + 1, NOON + 30, 5) == []


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (-3, 17), (0.893, 0.901), (1e-9, 2e-9), (0, 7e8)]
)
def test_ticks_are_round_numbers_within_their_bounds(low, high, most):
    made = words.ticks(low, high, most)
    assert len(made) <= most + 1
    span = high - low
    assert all(low - 1e-6 * span <= one <= high + 1e-6 * span for one in made)
    if len(made) > 2:
        steps = {round((b - a) / (made[1] - made[0]), 6) for a, b in itertools.pairwise(made)}
        assert steps == {1.0}


def test_ticks_of_nothing_are_none():
    for low, high in ((1, 1), (2, 1), (float("nan"), 1), (0, float("inf"))):
        assert words.ticks(low, high, 3) == []


def test_names_that_are_many_are_counted():
    assert words.listed(["a", "b"], 2) == "a, b"
    assert words.listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert words.plural(1, "row") == "1 row"
    assert words.plural(1200, "row") == "1,200 rows"
