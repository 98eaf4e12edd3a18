"""Times of the week, against the calendar."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from serve_app.core.schedule import Schedule, never_matching, parse

UTC = ZoneInfo("UTC")


def at(text, zone=UTC):
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def schedule(*entries, zone=UTC):
    return Schedule(tuple(parse(*entry) for entry in entries), zone)


OFFICE = schedule(("mon-fri 08:00", 4), ("mon-fri 18:30", 1))


@pytest.mark.parametrize(
    ("moment", "replicas"),
    [
        ("2026-11-26T07:59", 1),  # a Thursday
        ("2026-11-26T08:00", 4),
        ("2026-11-26T18:29", 4),
        ("2026-11-26T18:30", 1),
        ("2026-11-28T12:00", 1),  # a Saturday: Friday evening's still stands
        ("2026-11-30T08:00", 4),  # Monday
    ],
)
def test_an_entry_stands_until_the_next_begins(moment, replicas):
    assert OFFICE.min_replicas(at(moment)) == replicas


@pytest.mark.parametrize(
    ("moment", "replicas"),
    [
        ("2026-11-28T21:59", 0),
        ("2026-11-28T22:00", 3),  # Saturday night
        ("2026-11-29T03:59", 3),
        ("2026-11-29T04:00", 0),
    ],
)
def test_an_entry_with_an_end_ends_then_also_past_midnight(moment, replicas):
    assert schedule(("sat 22:00", 3, "04:00")).min_replicas(at(moment)) == replicas


def test_of_two_that_stand_the_greater_counts():
    both = schedule(("daily 00:00", 2), ("mon-fri 08:00", 5, "10:00"))
    assert both.min_replicas(at("2026-11-26T09:00")) == 5
    assert both.min_replicas(at("2026-11-26T11:00")) == 2


def test_times_are_those_of_the_zone_in_summer_and_winter():
    berlin = ZoneInfo("Europe/Berlin")
    office = schedule(("mon-fri 08:00", 4, "18:00"), zone=berlin)
    for day in ("2026-07-01", "2026-12-01"):
        assert office.min_replicas(at(f"{day}T08:00", berlin)) == 4
        assert office.min_replicas(at(f"{day}T07:59", berlin)) == 0


def test_days_go_past_the_end_of_a_week():
    assert parse("fri-mon 08:00", 1).days == (0, 4, 5, 6)
    assert parse("sun,wed 8:05", 1).days == (2, 6)
    assert parse("Daily 08:00", 1).days == tuple(range(7))


def test_no_entry_asks_for_nobody():
    assert schedule().min_replicas(at("2026-11-26T08:00")) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mon-fri 25:00", "never matches"),
        ("mon-fri 08:60", "never matches"),
        ("08:00", "no time of the week"),
        ("mon - fri 08:00", "no time of the week"),
        ("monday 08:00", "'monday' is no day"),
        ("mon-feb 08:00", "'feb' is no day"),
        ("mon, 08:00", "is no day"),
        ("-fri 08:00", "is no day"),
        ("mon- 08:00", "is no day"),
        ("mon 8am", "no time of day"),
        ("", "no time of the week"),
    ],
)
def test_words_that_name_no_time_are_refused(words, said):
    with pytest.raises(ValueError, match=said):
        parse(words, 1)


def test_an_entry_that_ends_as_it_begins_never_matches():
    with pytest.raises(ValueError, match="never matches"):
        parse("mon 08:00", 1, "8:00")


def test_an_entry_that_others_replace_at_all_its_times_never_matches():
    entries = [parse("mon 08:00", 2), parse("mon-fri 08:00", 4), parse("mon-fri 18:00", 1)]
    assert never_matching(entries) == [0]
    assert never_matching([parse("mon 08:00", 2), parse("mon 08:00", 2)]) == [1]
    assert never_matching([parse("mon,tue 08:00", 2), parse("mon 08:00", 4)]) == []
    assert never_matching([parse("mon 08:00", 2, "12:00"), parse("mon 08:00", 4, "09:00")]) == []
