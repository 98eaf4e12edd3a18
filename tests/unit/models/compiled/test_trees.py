"""The order in which trees are added, which decides the last bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.models.compiled.trees import in_order


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
