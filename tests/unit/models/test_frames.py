"""Frames become columns and frames again without losing a type, a gap or a bit."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.errors import InvalidInput
from serve_app.models.frames import Framer, describe, matrix, to_columns

SERIES = {
    "int64": pd.Series([3, -1, 2]),
    "int8": pd.Series([3, -1, 2], dtype="int8"),
    "uint16": pd.Series([3, 1, 2], dtype="uint16"),
    "float64": pd.Series([0.1, np.nan, -2.5]),
    "float32": pd.Series([0.1, np.nan, -2.5], dtype="float32"),
    "bool": pd.Series([True, False, True]),
    "text": pd.Series(["a", None, "b"], dtype="object"),
    "text with nan": pd.Series(["a", np.nan, "b"], dtype="object"),
    "string": pd.Series(["a", pd.NA, "b"], dtype="string"),
    "Int64": pd.Series([1, None, 3], dtype="Int64"),
    "Int64 without gaps": pd.Series([1, 2, 3], dtype="Int64"),
    "Float64": pd.Series([1.5, None, 3.0], dtype="Float64"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "booleans as objects": pd.Series([True, None, False], dtype="object"),
    "category": pd.Series(["b", "a", None]).astype(pd.CategoricalDtype(["a", "b", "c"])),
    "category of numbers": pd.Series([2, 1, 2]).astype("category"),
    "nothing": pd.Series([np.nan] * 3),
}


def framed(frame):
    inputs = describe(frame)
    # A signature travels as JSON.
    again = [type(column).from_json(json.loads(json.dumps(column.to_json()))) for column in inputs]
    return Framer(again).frame(to_columns(frame))


@pytest.mark.parametrize("name", SERIES)
def test_a_column_comes_back_as_it_was(name):
    frame = pd.DataFrame({"x": SERIES[name]})
    pd.testing.assert_frame_equal(framed(frame), frame, check_column_type=False)


def test_all_of_them_together_come_back_as_they_were():
    frame = pd.DataFrame(SERIES)
    pd.testing.assert_frame_equal(framed(frame), frame, check_column_type=False)


@given(st.lists(st.floats(width=64), min_size=1, max_size=20))
def test_every_bit_of_a_number_stays(values):
    frame = pd.DataFrame({"x": values, "y": values[::-1]})
    assert framed(frame).to_numpy().tobytes() == frame.to_numpy().tobytes()


@pytest.mark.parametrize("name", SERIES)
def test_a_gap_in_a_column_that_had_none_in_training_can_be_framed(name):
    frame = pd.DataFrame({"x": SERIES[name]})
    (column,) = describe(frame.dropna() if name != "nothing" else frame)
    numbers = column.dtype.startswith(("int", "uint", "float"))
    array = np.array([np.nan]) if numbers else np.array([None], dtype=object)
    made = Framer([column]).frame(Columns.of({"x": array}))
    assert made["x"].isna().tolist() == [True]


def test_the_signature_tells_types_gaps_ranges_and_categories():
    columns = {column.name: column for column in describe(pd.DataFrame(SERIES))}
    assert (columns["int64"].dtype, columns["int64"].minimum, columns["int64"].maximum) == (
        "int64",
        -1,
        3,
    )
    assert not columns["int64"].nullable
    assert columns["float64"].nullable
    assert columns["float64"].minimum == -2.5
    assert columns["text"].categories == ("a", "b")
    assert columns["category"].categories == ("a", "b", "c")
    assert columns["Int64"].dtype == "int64"
    assert columns["boolean"].dtype == columns["bool"].dtype == "bool"
    assert columns["nothing"].minimum is None


def test_a_column_of_many_texts_has_no_categories():
    (column,) = describe(pd.DataFrame({"x": [f"name {i}" for i in range(500)]}))
    assert column.dtype == "string"
    assert column.categories is None


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]),
        pd.Series([[1, 2]]),
        pd.Series([1 + 2j]),
        pd.Series(["a", 1], dtype="object"),
        pd.Series([dt.timedelta(1)]),
    ],
    ids=["moments", "lists", "complex", "mixed", "durations"],
)
def test_what_cannot_be_served_is_named_with_what_to_do(series):
    with pytest.raises(InvalidInput, match=r"'when'.*before training"):
        describe(pd.DataFrame({"when": series}))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InvalidInput, match="two columns are named 'x'"):
        describe(pd.DataFrame([[1, 2]], columns=["x", "x"]))


def test_numbers_travel_as_one_block_and_are_framed_as_pandas_keeps_them():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=["a", "b", "c"])
    columns = to_columns(frame)
    assert columns.block is not None
    assert matrix(columns) is columns.block
    assert Framer(describe(frame)).frame(columns).to_numpy().flags["F_CONTIGUOUS"]
