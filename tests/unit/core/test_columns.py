"""Columns stay the same values, however they are cut, stacked, chosen and sent."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns, concatenate

NAMES = ("a", "b", "c")


def block(rows, dtype=float):
    return Columns.from_block(NAMES, np.arange(rows * 3, dtype=dtype).reshape(rows, 3))


def mixed(rows):
    text = np.array([f"t{i}" if i % 3 else None for i in range(rows)], dtype=object)
    return Columns.of({"a": np.arange(rows), "b": np.full(rows, np.nan), "c": text})


BOTH = pytest.mark.parametrize("made", [block, mixed])


@BOTH
@given(cuts=st.lists(st.integers(0, 12), max_size=5))
def test_what_is_cut_and_stacked_again_is_the_same(made, cuts):
    whole = made(12)
    borders = [0, *sorted(cuts), 12]
    parts = [whole.slice(a, b) for a, b in itertools.pairwise(borders)]
    again = concatenate(parts)
    assert again == whole
    assert again.rows == 12
    assert (again.block is None) == (whole.block is None)


@BOTH
@pytest.mark.parametrize("rows", [0, 1, 5])
def test_columns_survive_being_sent(made, rows):
    whole = made(rows)
    again = pickle.loads(pickle.dumps(whole))
    assert again == whole
    assert (again.names, again.rows) == (whole.names, rows)


def test_a_block_is_sent_as_one_array():
    wide = Columns.from_block([f"c{i}" for i in range(300)], np.zeros((10, 300)))
    assert len(wide.arrays) == 300
    assert len(pickle.dumps(wide)) < 10 * 300 * 8 + 8000


@BOTH
def test_chosen_columns_come_in_the_order_asked_for(made):
    whole = made(4)
    chosen = whole.select(["c", "a"])
    assert chosen.names == ("c", "a")
    assert chosen["a"].tolist() == whole["a"].tolist()
    assert whole.select(NAMES) is whole
    with pytest.raises(KeyError, match="z"):
        whole.select(["a", "z"])


def test_blocks_of_two_types_are_stacked_column_by_column():
    stacked = concatenate([block(2, np.float32), block(2, np.float64)])
    assert stacked.rows == 4
    assert stacked["b"].tolist() == [1.0, 4.0, 1.0, 4.0]


def test_columns_of_other_names_are_not_stacked():
    with pytest.raises(ValueError, match="names"):
        concatenate([block(1), block(1).select(["b", "a", "c"])])


def test_columns_are_of_one_length():
    with pytest.raises(ValueError, match="length"):
        Columns.of({"a": np.zeros(2), "b": np.zeros(3)})
    with pytest.raises(ValueError, match="3 columns"):
        Columns.from_block(NAMES, np.zeros((2, 2)))


def test_columns_differ_by_names_types_and_values_and_nan_is_itself():
    assert mixed(3) == mixed(3)
    assert block(3) != block(3, np.float32)
    assert block(3) != mixed(3)
    assert block(3) != block(3).select(["b", "a", "c"])
    assert "a" in block(1)
    assert "z" not in block(1)
    assert len(block(1)) == 3


@pytest.mark.parametrize("dtype", [float, int, bool, object])
def test_columns_of_another_length_differ_whatever_their_type(dtype):
    one, two = (Columns.of({"a": np.zeros(rows, dtype=dtype)}) for rows in (1, 2))
    assert one != two
    assert two != one


@BOTH
@pytest.mark.parametrize(("start", "stop", "rows"), [(1, 9, 2), (3, 9, 0), (5, 9, 0), (2, 1, 0)])
def test_a_cut_past_the_end_holds_the_rows_that_there_are(made, start, stop, rows):
    cut = made(3).slice(start, stop)
    assert cut.rows == rows
    assert [len(array) for array in cut.arrays] == [rows] * 3


def test_nothing_cannot_be_stacked():
    with pytest.raises(ValueError, match="nothing"):
        concatenate([])


@BOTH
def test_rows_of_no_columns_are_still_counted(made):
    none = made(3).select([])
    assert none.rows == 3
    assert concatenate([none, none]).rows == 6
    assert none.slice(1, 3).rows == 2
    assert pickle.loads(pickle.dumps(none)).rows == 3
    assert none != made(2).select([])


@BOTH
@given(rows=st.lists(st.integers(0, 5), min_size=1, max_size=5))
def test_what_is_stacked_and_cut_again_is_the_same(made, rows):
    parts = [made(count) for count in rows]
    whole = concatenate(parts)
    borders = list(itertools.accumulate(rows, initial=0))
    assert whole.rows == borders[-1]
    assert [whole.slice(a, b) for a, b in itertools.pairwise(borders)] == parts


@BOTH
def test_columns_are_told_by_name_and_say_what_they_hold(made):
    whole = made(2)
    assert list(whole.as_dict()) == list(NAMES)
    assert whole.as_dict()["b"].tolist() == pytest.approx(whole["b"].tolist(), nan_ok=True)
    assert repr(whole) == "Columns(2 rows: a, b, c)"
    assert whole != "a, b, c"
