"""A principal asks an endpoint about so many different rows a day, and about no more."""

import numpy as np
import pytest

from serve_app.core.caller import Caller
from serve_app.errors import RateLimited
from serve_app.security import distinct_rows
from serve_app.security.distinct_rows import DAY_S, DistinctRows
from serve_app.security.limits import DistinctLimit, Limit, Limits

ANN, BOB = Caller("ann"), Caller("bob")


class House:
    def __init__(self, *limits, **by_principal):
        self.now_s, self.alarms = 100.0, []
        self.rows = DistinctRows(
            Limits(*limits, by_principal),
            clock=lambda: self.now_s, secret=b"s", alarm=lambda *what: self.alarms.append(what),
        )  # fmt: skip

    def ask(self, start, stop, caller=ANN, endpoint="a"):
        # Numbers that are spread over all 64 bits, each another one.
        numbers = np.arange(start, stop, dtype=np.uint64)
        self.rows.take(caller, endpoint, numbers * np.uint64(0x9E3779B97F4A7C15))


def limited(most, alarm=None):
    return Limit(distinct=DistinctLimit(most, alarm))


def test_what_is_asked_again_counts_once():
    house = House(limited(100))
    for _ in range(50):
        house.ask(0, 90)
    with pytest.raises(RateLimited, match="'a' are limited to 100 a day") as caught:
        house.ask(0, 150)
    assert caught.value.details["limit"] == "distinct_rows"
    assert caught.value.details["retry_after_s"] == DAY_S


def test_a_day_after_the_first_row_another_day_begins():
    house = House(limited(100))
    house.ask(0, 90)
    house.now_s += DAY_S - 1
    with pytest.raises(RateLimited, match=r"try again in 0\.0 hours"):
        house.ask(90, 180)
    house.now_s += 1
    house.ask(90, 180)


def test_each_endpoint_and_each_principal_is_counted_for_itself():
    house = House(limited(100), bob=Limit())
    house.ask(0, 90)
    house.ask(90, 180, endpoint="b")
    house.ask(0, 10_000, BOB)
    assert not house.rows.counts(BOB)
    assert house.rows.counts(ANN)


def test_it_is_said_once_a_day_that_rows_are_suspiciously_many():
    house = House(limited(None, alarm=50))
    house.ask(0, 45)
    assert house.alarms == []
    house.ask(45, 90)
    house.ask(90, 900)
    ((name, endpoint, rows),) = house.alarms
    assert (name, endpoint) == ("ann", "a")
    assert rows == pytest.approx(90, rel=0.05)
    house.now_s += DAY_S
    house.ask(0, 90)
    assert len(house.alarms) == 2


def test_no_more_are_remembered_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(distinct_rows, "MOST_KNOWN", 3)
    house = House(limited(100))
    for name in ("a", "b", "c", "d"):
        house.ask(0, 90, endpoint=name)
    assert len(house.rows._known) == 3
    house.ask(90, 180, endpoint="a")
    with pytest.raises(RateLimited):
        house.ask(90, 180, endpoint="d")
