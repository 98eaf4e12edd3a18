"""How many different rows there were is estimated as well as the literature says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.core.distinct import REGISTERS, DistinctCount, row_hashes

SECRET = b"secret"


def random_hashes(number, seed):
    return np.random.default_rng(seed).integers(0, 2**64, number, np.uint64, endpoint=False)


@pytest.mark.parametrize("number", [0, 1, 10, 100, 1_000, 5_000, 10_000, 20_000, 50_000, 300_000])
def test_the_estimate_is_unbiased_and_as_exact_as_is_published(number):
    """Ertl 2017: a standard error of 1.04/sqrt(m) at most, and no bias, whatever the number."""
    counts = []
    for seed in range(20):
        one = DistinctCount()
        one.add(random_hashes(number, seed))
        counts.append(one.estimate())
    error = 1.04 / np.sqrt(REGISTERS)
    assert np.mean(counts) == pytest.approx(number, rel=4 * error / np.sqrt(20), abs=0.05)
    assert np.max(np.abs(np.array(counts) - number), initial=0) <= max(0.5, 4.5 * error * number)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=60), st.integers(0, 60))
def test_neither_order_nor_repetition_nor_parts_matter(hashes, cut):
    array = np.array(hashes, np.uint64)
    whole, left, right = DistinctCount(), DistinctCount(), DistinctCount()
    whole.add(np.concatenate([array, array[::-1]]))
    left.add(array[:cut])
    right.add(array[cut:])
    left.merge(right.to_bytes())
    assert left.to_bytes() == whole.to_bytes()
    assert DistinctCount(whole.to_bytes()).estimate() == whole.estimate()


def test_what_is_no_count_is_refused():
    with pytest.raises(ValueError, match="3 bytes are no count of 4096 registers"):
        DistinctCount(b"abc")
    with pytest.raises(ValueError, match="are no count"):
        DistinctCount().merge(b"")


def columns(*rows):
    ages, names = zip(*rows, strict=True)
    return Columns.of({"age": np.array(ages), "name": np.array(names, object)})


def test_rows_have_one_hash_where_all_their_values_are_the_same():
    same = row_hashes(columns((1.0, "a"), (1.0, "a"), (1.0, "b"), (2.0, "a"), (1.0, None)), SECRET)
    assert same[0] == same[1]
    assert len(set(same.tolist())) == 4
    assert row_hashes(columns((1.0, "a")), b"other")[0] != same[0]
    block = Columns.from_block(("a", "b"), np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 1.0]]))
    hashes = row_hashes(block, SECRET)
    assert hashes[0] == hashes[1] != hashes[2]
