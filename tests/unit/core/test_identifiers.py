"""Identifiers of predictions say when they were given, and no two are the same."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.identifiers import OwnedIds, PredictionIds, time_of


def test_they_say_when_they_were_given():
    identifier = PredictionIds(clock=lambda: 1_764_000_000.123)()
    assert len(identifier) == 32
    # The first 48 bits of a UUID of version 7 are milliseconds since 1970 (RFC 9562, 5.7).
    assert int.from_bytes(uuid.UUID(hex=identifier).bytes[:6], "big") == 1_764_000_000_123
    assert time_of(identifier) == 1_764_000_000.123


def test_they_are_unique_within_a_millisecond():
    ids = PredictionIds(clock=lambda: 1.0)
    assert len({ids() for _ in range(10_000)}) == 10_000


def test_they_sort_by_time():
    seconds = iter(range(1, 100))
    ids = PredictionIds(clock=lambda: float(next(seconds)))
    given = [ids() for _ in range(99)]
    assert given == sorted(given)


@pytest.mark.parametrize("other", ["", "p-1", "A" * 32, "0x" + "1" * 30, "1" * 33, "1_" * 16])
def test_identifiers_of_others_have_no_time(other):
    assert time_of(other) is None


names = st.text(max_size=20)


@given(owner=names, other=names, secret=st.binary(min_size=16, max_size=64))
def test_an_identifier_is_of_whom_it_was_given_to_alone(owner, other, secret):
    owned, plain = OwnedIds(secret), PredictionIds(clock=lambda: 5.0)()
    identifier = owned.given(plain, owner)
    assert len(identifier) == len(plain)
    assert time_of(identifier) == 5.0
    assert owned.is_of(identifier, owner)
    assert owned.is_of(identifier, other) == (other == owner)
    assert not owned.is_of(plain, owner)
    assert not OwnedIds(secret + b"x" if len(secret) < 64 else b"x").is_of(identifier, owner)


@given(place=st.integers(0, 31), digit=st.sampled_from("0123456789abcdef"))
def test_an_identifier_of_which_a_digit_was_changed_is_nobodys(place, digit):
    identifier = OWNED.given(PredictionIds()(), "tenant a")
    changed = identifier[:place] + digit + identifier[place + 1 :]
    assert OWNED.is_of(changed, "tenant a") == (changed == identifier)


@pytest.mark.parametrize("other", ["", "p-1", "A" * 32, "\u0661" * 32, "1" * 33, "1" * 32 + "\n"])
def test_what_is_no_identifier_is_nobodys(other):
    assert not OWNED.is_of(other, "tenant a")


def test_what_is_given_stays_unique_and_in_order():
    seconds = iter(range(1, 2000))
    ids = PredictionIds(clock=lambda: float(next(seconds) // 100))
    made = [OWNED.given(ids(), "tenant a") for _ in range(1500)]
    assert len(set(made)) == 1500
    assert [time_of(one) for one in made] == sorted(time_of(one) for one in made)


OWNED = OwnedIds(bytes(32))
