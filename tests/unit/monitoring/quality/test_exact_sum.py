"""Sums that are exact, whatever they are made of and in which order."""

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.exact_sum import ExactSum

NUMBERS = st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), max_size=30)


@given(NUMBERS)
def test_a_sum_is_that_of_fractions(numbers):
    assert ExactSum.of(numbers).fraction == sum(map(Fraction, numbers), Fraction(0))


@given(st.lists(NUMBERS, max_size=5), st.randoms())
def test_parts_add_up_to_the_same_in_any_order(parts, chance):
    whole = ExactSum.of([number for part in parts for number in part])
    chance.shuffle(parts)
    added = ExactSum()
    for part in parts:
        added += ExactSum.of(part)
    assert added == whole


@given(NUMBERS)
def test_json_keeps_a_sum_exactly(numbers):
    written = json.dumps(ExactSum.of(numbers).to_json())
    assert ExactSum.from_json(json.loads(written)) == ExactSum.of(numbers)


@pytest.mark.parametrize("numbers", [[0.1] * 10, [1e16, 1.0, -1e16], [5e-324, 5e-324], []])
def test_as_a_float_it_is_rounded_once(numbers):
    assert float(ExactSum.of(numbers)) == math.fsum(numbers)


def test_many_numbers_are_added_up_at_once():
    values = np.random.default_rng(1).lognormal(0, 3, 100_000)
    assert float(ExactSum.of(values)) == math.fsum(values)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(InvalidInput, match="only finite numbers"):
        ExactSum.of([1.0, number])
