"""The order in which trees are added, which decides the last bit, and sets of codes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.models.compiled.trees import ROWS, Membership, in_order


def one_after_the_other(terms):
    total = terms[0].copy()
    for term in terms[1:]:
        total = total + term
    return total


@given(
    st.integers(1, 300), st.integers(1, 9), st.integers(1, 3), st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
)  # fmt: skip
def test_terms_are_added_one_after_the_other_whatever_the_shape(trees, rows, outputs, seed, dtype):
    terms = np.random.default_rng(seed).normal(size=(trees, rows, outputs)).astype(dtype)
    assert in_order(terms).tobytes() == one_after_the_other(terms).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_alone_sums_as_among_others(dtype):
    terms = np.random.default_rng(0).normal(size=(200, 5, 1)).astype(dtype)
    together = in_order(terms)
    for row in range(5):
        alone = in_order(np.ascontiguousarray(terms[:, row : row + 1]))
        assert alone.tobytes() == together[row : row + 1].tobytes()


def in_set(code, inside):
    """What one cell of a membership is: a gap stays one, unknown codes are in no set."""
    if math.isnan(code):
        return math.nan
    return float(inside[int(code)]) if 0 <= code < len(inside) else 0.0


CODES = st.one_of(
    st.integers(-2, 7).map(float), st.sampled_from([math.nan, math.inf, -math.inf, 2.5, -0.5, 5.9])
)


@given(st.data(), st.sampled_from([np.float32, np.float64]), st.sampled_from([bool, np.float64]))
def test_a_code_is_in_the_sets_that_hold_it(data, dtype, kind):
    width, codes = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 6))
    positions = data.draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=9))
    sets = [data.draw(st.lists(st.booleans(), min_size=codes, max_size=codes)) for _ in positions]
    row = st.lists(CODES, min_size=width, max_size=width)
    x = np.array(data.draw(st.lists(row, max_size=5)), dtype).reshape(-1, width)
    computed = Membership(np.array(positions), np.array(sets, kind))(x)
    cells = [
        [*line, *(in_set(line[at], one) for at, one in zip(positions, sets, strict=True))]
        for line in x.tolist()
    ]
    expected = np.array(cells, dtype).reshape(len(x), width + len(sets))
    np.testing.assert_array_equal(computed, expected)
    assert computed.dtype == dtype


def test_rows_of_large_batches_are_as_each_alone():
    rng = np.random.default_rng(4)
    x = rng.integers(-1, 9, (2 * ROWS + 7, 3)).astype(float)
    operation = Membership(np.array([2, 0, 2, 1, 0]), rng.random((5, 8)) < 0.5)
    together = operation(x)
    for at in (0, ROWS - 1, ROWS, 2 * ROWS + 6):
        np.testing.assert_array_equal(operation(x[at : at + 1])[0], together[at])
