"""What is leased is kept before it is given, and never given twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.control.quotas import PARTS, Ledger
from serve_app.core.quota import DAY_S, LeaseRequest
from serve_app.errors import RegistryFailed

NOON_S = 20_000 * DAY_S + 43_200.0


class Store:
    def __init__(self):
        self.kept, self.fails = {}, False

    def load(self, part):
        return self.kept.get(part, (0, {}))

    def save(self, part, day, rows):
        if self.fails:
            raise RegistryFailed("the disk is full")
        self.kept[part] = (day, dict(rows))


def wants(principal="ann", limit=1_000, owed=0, largest=0, endpoint="a"):
    return LeaseRequest(principal, endpoint, limit, owed, largest)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300), st.booleans()), max_size=60))
def test_whatever_restarts_all_leases_of_a_day_are_no_more_than_it_has(asked):
    store = Store()
    ledger, leased, owed_in_all = Ledger(store, clock=lambda: NOON_S), 0, 0
    for owed, largest, restarts in asked:
        if restarts:
            ledger = Ledger(store, clock=lambda: NOON_S)
        (lease,) = ledger.lease([wants(owed=owed, largest=largest)]).leases
        leased, owed_in_all = leased + lease.rows, owed_in_all + owed
        assert lease.settled == owed
        assert leased + lease.left == max(0, 1_000 - owed_in_all) or lease.left == 0
        # What was owed was asked about already; what is leased beside it never goes above.
        assert lease.rows == 0 or leased + owed_in_all <= 1_000


def test_what_cannot_be_kept_is_not_given():
    store = Store()
    ledger = Ledger(store, clock=lambda: NOON_S)
    store.fails = True
    with pytest.raises(RegistryFailed):
        ledger.lease([wants()])
    store.fails = False
    assert ledger.lease([wants()]).leases[0].left == 900


def test_a_day_that_began_does_not_come_again_whatever_the_clock_is_set_to():
    store, now = Store(), [NOON_S]
    ledger = Ledger(store, clock=lambda: now[0])
    ledger.lease([wants(owed=1_000)])
    for back_s in (3_600.0, DAY_S, 10 * DAY_S):
        now[0] = NOON_S - back_s
        leases = ledger.lease([wants()])
        assert leases.leases[0].rows == 0
        assert 0 < leases.ends_in_s <= DAY_S
        assert Ledger(store, clock=lambda: now[0]).lease([wants()]).leases[0].rows == 0
    now[0] = NOON_S + 43_200
    assert ledger.lease([wants()]).leases[0].rows == 100


def test_principals_and_endpoints_are_counted_for_themselves():
    store = Store()
    ledger = Ledger(store, clock=lambda: NOON_S)
    names = [f"p{number}" for number in range(3 * PARTS)]
    first = ledger.lease([wants(name, endpoint=one) for name in names for one in ("a", "b")])
    assert {(one.rows, one.left) for one in first.leases} == {(100, 900)}
    again = Ledger(store, clock=lambda: NOON_S).lease([wants(name, owed=1) for name in names])
    assert {(one.rows, one.left) for one in again.leases} == {(100, 799)}
    # The same principal twice in one call is counted twice.
    twice = ledger.lease([wants("new"), wants("new")])
    assert [one.left for one in twice.leases] == [900, 800]
