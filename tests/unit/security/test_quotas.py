"""Rows of a day are shared by all gateways, and no request waits until they are."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.control.quotas import Ledger, Nowhere
from serve_app.core.caller import Caller
from serve_app.core.quota import LEAST_LEASED
from serve_app.errors import RateLimited
from serve_app.security import quotas
from serve_app.security.quotas import Quotas

ANN, BOB = Caller("ann"), Caller("bob")
NOON_S = 20_000 * 86_400 + 43_200.0


class House:
    """Gateways and control at noon of some day."""

    def __init__(self, gateways=1, *, allow=False, limit=10_000):
        self.now_s, self.limit = 0.0, limit
        self.ledger = Ledger(Nowhere(), clock=lambda: NOON_S + self.now_s)
        self.gateways = [
            Quotas(clock=lambda: self.now_s, allow_unknown=allow) for _ in range(gateways)
        ]

    def hear(self, *gateways):
        for gateway in gateways or self.gateways:
            if wanted := gateway.wanted():
                gateway.follow(self.ledger.lease(wanted))

    def ask(self, rows, gateway=0, caller=ANN, endpoint="a"):
        try:
            self.gateways[gateway].take(caller, endpoint, rows, self.limit)
        except RateLimited:
            return 0
        return rows


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 900), st.booleans()), max_size=120),
    st.integers(1, 20_000),
)
def test_no_more_rows_pass_than_a_day_has_but_for_the_first_of_each_gateway(asked, limit):
    house = House(3, limit=limit)
    passed = 0
    for gateway, rows, hears in asked:
        passed += house.ask(rows, gateway)
        if hears:
            house.hear(house.gateways[gateway])
    assert passed <= limit + 3 * min(LEAST_LEASED, limit)


@given(st.integers(1, 30_000), st.integers(1, 700))
def test_whoever_asks_on_gets_nearly_all_of_a_day(limit, rows):
    """All but what is smaller than one request; nothing is held back by leases."""
    house = House(limit=limit)
    passed = 0
    for _ in range(3 * math.ceil(limit / rows) + 6):
        passed += house.ask(rows)
        house.hear()
    assert passed <= limit
    assert passed > limit - rows or passed == 0 == limit // rows


def test_leases_are_a_hundredth_of_what_is_left_and_a_hundred_at_least():
    house = House(limit=1_000_000)
    house.ask(50)
    (request,) = house.gateways[0].wanted()
    assert request == ("ann", "a", 1_000_000, 50, 50)
    leases = house.ledger.lease([request])
    assert leases.leases == (("ann", "a", 50, 9_999, 989_951),)
    assert leases.ends_in_s == 43_200
    small = house.ledger.lease([request._replace(principal="bob", limit=5_000)])
    assert small.leases[0].rows == LEAST_LEASED
    # A request larger than a lease would never pass.
    large = house.ledger.lease([request._replace(principal="eve", limit=50_000, largest=700)])
    assert large.leases[0].rows == 700


def test_what_is_used_up_is_refused_until_the_day_ends():
    house = House(limit=300)
    assert house.ask(100) == 100
    house.hear()
    # More than a lease holds is leased for whoever asks for so much, a moment later.
    assert house.ask(200) == 0
    house.hear()
    assert house.ask(200) == 200
    with pytest.raises(RateLimited, match="'a' are limited to 300 a day, of which 0") as caught:
        house.gateways[0].take(ANN, "a", 1, 300)
    assert caught.value.details == {"retry_after_s": 43_200, "limit": "rows_per_day"}
    assert house.gateways[0].left(ANN, "a") == (0, 43_200)
    assert house.ask(100, caller=BOB) == house.ask(100, endpoint="b") == 100
    house.now_s = 43_200.0
    assert house.ask(100) == 100
    house.hear()
    assert house.gateways[0].left(ANN, "a") == (200, 86_400)


def test_more_than_is_left_is_refused_and_less_is_not():
    house = House(limit=300)
    house.ask(100)
    house.hear()
    with pytest.raises(RateLimited, match="of which 200 are left"):
        house.gateways[0].take(ANN, "a", 201, 300)
    house.ask(200)
    house.hear()
    assert house.ask(200) == 200


def test_while_nobody_knows_what_is_left_rows_pass_or_not_as_is_said():
    strict, open_ = House(), House(allow=True, limit=1_000)
    assert strict.ask(100) == 100
    with pytest.raises(RateLimited, match="is not known here yet; try again in 1 s"):
        strict.gateways[0].take(ANN, "a", 1, strict.limit)
    assert [open_.ask(500) for _ in range(4)] == [500] * 4
    # What passed meanwhile is counted once control is heard.
    open_.hear()
    assert open_.ask(1) == 0
    assert open_.gateways[0].left(ANN, "a") == (0, 43_200)
    assert House.ask(open_, 1, caller=BOB) == 1


def test_another_gateway_knows_what_was_asked_elsewhere():
    house = House(2, limit=1_000)
    for _ in range(40):
        house.ask(100, 0)
        house.hear()
    assert house.ask(100, 1) == 100
    house.hear()
    assert house.ask(1, 1) == 0


def test_before_a_lease_is_used_up_more_is_wanted():
    house = House(limit=1_000_000)
    house.ask(1)
    house.hear()
    assert house.gateways[0].wanted() == []
    house.ask(4_999)
    assert house.gateways[0].wanted() == []
    house.ask(10)
    assert [one.owed for one in house.gateways[0].wanted()] == [0]


def test_another_limit_is_another_account():
    house = House(limit=200)
    house.ask(100)
    house.hear()
    house.ask(100)
    assert house.ask(1) == 0
    house.limit = 1_000
    assert house.ask(50) == 50


def test_in_one_process_whoever_leases_is_asked_at_once():
    ledger = Ledger(Nowhere(), clock=lambda: NOON_S)
    own = Quotas(clock=lambda: 0.0, allow_unknown=False, ask=ledger.lease)
    for _ in range(10):
        own.take(ANN, "a", 500, 5_000)
    with pytest.raises(RateLimited, match="limited to 5000 a day"):
        own.take(ANN, "a", 1, 5_000)


def test_no_more_accounts_are_remembered_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(quotas, "MOST_KNOWN", 2)
    house = House()
    for name in ("a", "b", "c"):
        house.ask(1, endpoint=name)
    assert {one.endpoint for one in house.gateways[0].wanted()} == {"b", "c"}
