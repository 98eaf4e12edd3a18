"""Quantiles of numbers of any size, from counts that can be added up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.monitoring.quantile_sketch import ACCURACY, LEAST, QuantileSketch

NUMBERS = st.lists(st.floats(-1e12, 1e12), max_size=60).map(lambda some: np.array(some, float))
SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)


@given(NUMBERS)
def test_every_quantile_is_as_near_to_itself_as_is_promised(values):
    sketch = QuantileSketch.of(values)
    assert sketch.n == len(values)
    for share in SHARES:
        if not len(values):
            assert sketch.quantile(share) is None
            continue
        # NumPy's lower quantile is one of the numbers, as the sketch's is near to one.
        exact = np.quantile(values, share, method="lower")
        assert sketch.quantile(share) == pytest.approx(exact, rel=ACCURACY * 1.0001, abs=LEAST)


@given(NUMBERS, NUMBERS)
def test_sketches_of_parts_add_up_to_that_of_all(one, other):
    whole = QuantileSketch.of(np.concatenate([one, other]))
    assert QuantileSketch.of(one) + QuantileSketch.of(other) == whole


def test_memory_is_bounded_by_the_range_and_not_by_the_rows():
    values = np.random.default_rng(1).lognormal(size=100_000)
    sketch = QuantileSketch.of(values)
    bins = np.log(values.max() / values.min()) / np.log((1 + ACCURACY) / (1 - ACCURACY))
    assert len(sketch.positive) <= bins + 2
