"""Identifiers of predictions say when they were given, and no two are the same."""

import uuid

import pytest

from serve_app.core.identifiers import PredictionIds, time_of


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
