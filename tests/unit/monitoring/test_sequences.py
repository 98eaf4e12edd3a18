"""Every delivery is taken once, in bounded memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.monitoring.sequences import Sequences


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40))))
def test_a_delivery_is_taken_the_first_time_that_it_comes(deliveries):
    sequences, seen = Sequences(), set()
    for sender, number in deliveries:
        assert sequences.take(sender, number) is ((sender, number) not in seen)
        seen.add((sender, number))
        assert sequences.taken(sender, number)
    again = Sequences()
    again.restore(sequences.to_json())
    assert all(not again.take(*delivery) for delivery in seen)
    assert again.to_json() == sequences.to_json()


def test_what_comes_in_order_is_one_number():
    sequences = Sequences()
    for number in range(10_000):
        assert sequences.take("gateway", number)
    assert sequences.to_json() == {"gateway": [9_999, []]}


def test_what_stays_away_too_long_counts_as_taken():
    sequences = Sequences(max_gaps=4)
    assert sequences.take("gateway", 0)
    for number in range(2, 7):
        assert sequences.take("gateway", number)
    assert sequences.to_json() == {"gateway": [6, []]}
    assert not sequences.take("gateway", 1)


def test_who_begins_anywhere_is_bounded_too():
    sequences = Sequences(max_gaps=4)
    for number in range(1000, 1010):
        assert sequences.take("gateway", number)
    assert sequences.to_json() == {"gateway": [1009, []]}


def test_those_that_were_silent_longest_are_forgotten():
    sequences = Sequences(max_senders=2)
    for sender in ("a", "b", "a", "c"):
        sequences.take(sender, len(sequences.to_json().get(sender, [0, []])[1]) + 5)
    assert list(sequences.to_json()) == ["a", "c"]
    assert len(sequences) == 2


def test_negative_numbers_are_refused():
    with pytest.raises(ValueError, match="begin at 0"):
        Sequences().take("gateway", -1)
