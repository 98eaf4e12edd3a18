"""Frames become columns and frames again without losing a type, a gap or a bit."""

import datetime as dt
import json
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.columns import Columns
from serve_app.core.schema import Policy, Schema
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import InvalidInput, RowsRefused
from serve_app.models.frames import Framer, describe, matrix, to_columns
from serve_app.models.replay import sample_columns, to_json

CATEGORIES = {
    name: pd.Series(
        pd.Categorical.from_codes([2, 0, -1, 1], pd.Index(values), ordered="order" in name)
    )
    for name, values in {
        "text": ["b", "a", "c"],
        "text as objects": pd.Index(["b", "a", "c"], dtype=object),
        "text, in an order": ["low", "middle", "high"],
        "whole numbers": [10, 30, 20],
        "small numbers": np.array([10, 30, 20], dtype="int8"),
        "floats": [0.1, 2.5, -1.0],
        "singles": np.array([0.1, 2.5, -1.0], dtype="float32"),
        "nullable numbers, in an order": pd.array([10, 30, 20], dtype="Int64"),
        "strings of Arrow's": pd.array(["b", "a", "c"], dtype=pd.ArrowDtype(pa.string())),
        "dates, in an order": pd.to_datetime(["2024-05-01", "2023-05-01", "2025-05-01"]),
        "moments": pd.to_datetime(["2024-05-01T01:00Z", "2023-05-01T00:00Z", "2025-05-01T00:00Z"]),
        "days": [dt.date(2024, 5, 1), dt.date(2023, 5, 1), dt.date(2025, 5, 1)],
        "decimals": [Decimal("1.5"), Decimal("0.5"), Decimal("2.50")],
    }.items()
}
CATEGORIES["truth values"] = pd.Series(pd.Categorical([True, None, False]))
CATEGORIES["nothing"] = pd.Series(pd.Categorical([None, None], categories=[]))
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
    "float16": pd.Series([0.5, np.nan, -2.5], dtype="float16"),
    "str": pd.Series(["a", None, "b"], dtype="str"),
    "string kept by python": pd.Series(["a", None, "b"], dtype=pd.StringDtype("python")),
    "string kept by arrow": pd.Series(["a", None, "b"], dtype=pd.StringDtype("pyarrow")),
    "str kept by python": pd.Series(["a", None], dtype=pd.StringDtype("python", na_value=np.nan)),
    "text with NA": pd.Series(["a", pd.NA, "b"], dtype="object"),
    "whole numbers as objects": pd.Series([3, None, -1], dtype="object"),
    "whole numbers as objects, NaN": pd.Series([3, np.nan, -1], dtype="object"),
    "fractions as objects": pd.Series([3.5, None, -1.0], dtype="object"),
    "decimals": pd.Series([Decimal("12.50"), None, Decimal("-0.001")], dtype="object"),
    "dates": pd.Series([dt.date(2024, 2, 29), None, dt.date(9999, 12, 31)], dtype="object"),
    "dates with NaT": pd.Series([dt.date(2024, 2, 29), pd.NaT], dtype="object"),
    **{
        f"datetime64[{unit}]": pd.Series(
            np.array(["2024-05-01T12:30:15", "NaT", "1969-12-31T23:59:59"], f"M8[{unit}]")
        )
        for unit in ("s", "ms", "us", "ns")
    },
    "nanoseconds": pd.Series(np.array(["2024-05-01T12:30:15.123456789"], "M8[ns]")),
    "far away": pd.Series(np.array(["9999-12-31", "0001-01-01"], "M8[us]")),
    "moments in Berlin": pd.Series(
        pd.to_datetime(["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00", None], utc=True)
    ).dt.tz_convert("Europe/Berlin"),
    "moments in UTC": pd.Series(pd.to_datetime(["2024-05-01T12:30:15.25Z", None], utc=True)),
    "moments at an offset": pd.Series(pd.to_datetime(["2024-05-01T12:30:15+05:30"])),
    **{
        f"{kind}[pyarrow]": pd.Series([3, None, 1], dtype=f"{kind}[pyarrow]")
        for kind in ("int64", "uint8", "int32", "double", "float", "halffloat")
    },
    "int64[pyarrow] without gaps": pd.Series([3, 2**62, 1], dtype="int64[pyarrow]"),
    "bool[pyarrow]": pd.Series([True, None, False], dtype="bool[pyarrow]"),
    "bool[pyarrow] without gaps": pd.Series([True, False], dtype="bool[pyarrow]"),
    **{
        f"{kind} of Arrow's": pd.Series(["a", None, "b"], dtype=pd.ArrowDtype(kind))
        for kind in (pa.string(), pa.large_string())
    },
    "decimal128[pyarrow]": pd.Series(
        [Decimal("12.50"), None], dtype=pd.ArrowDtype(pa.decimal128(10, 2))
    ),
    "decimal256[pyarrow]": pd.Series(
        [Decimal("-1.250"), None], dtype=pd.ArrowDtype(pa.decimal256(50, 3))
    ),
    **{
        f"timestamp[{unit}][pyarrow]": pd.Series(
            [pd.Timestamp("2024-05-01T12:30"), None], dtype=f"timestamp[{unit}][pyarrow]"
        )
        for unit in ("s", "ms", "us", "ns")
    },
    "timestamp of a zone[pyarrow]": pd.Series(
        [pd.Timestamp("2024-05-01T12:30", tz="Europe/Berlin"), None],
        dtype=pd.ArrowDtype(pa.timestamp("us", "Europe/Berlin")),
    ),
    "date32[pyarrow]": pd.Series([dt.date(1969, 12, 31), None], dtype="date32[day][pyarrow]"),
    "date64[pyarrow]": pd.Series([dt.date(1969, 12, 31), None], dtype="date64[ms][pyarrow]"),
    "dictionary[pyarrow]": pd.Series(
        pd.arrays.ArrowExtensionArray(
            pa.chunked_array(
                [pa.DictionaryArray.from_arrays(pa.array([1, None, 0], pa.int8()), ["z", "a"])]
            )
        )
    ),
    "sparse": pd.Series(pd.arrays.SparseArray([0.0, 2.5, 0.0], fill_value=0.0)),
    "sparse with NaN": pd.Series(pd.arrays.SparseArray([np.nan, 2.5, 0.0])),
    "sparse integers": pd.Series(pd.arrays.SparseArray([0, 2, 0], dtype="int8")),
    "sparse booleans": pd.Series(pd.arrays.SparseArray([False, True, False])),
    "sparse filled with another number": pd.Series(pd.arrays.SparseArray([7, 2], fill_value=7)),
    **{f"category of {name}": series for name, series in CATEGORIES.items()},
}


FRAME = pd.DataFrame({name: series for name, series in SERIES.items() if len(series) == 3})


def framed(frame):
    inputs = describe(frame)
    # A signature travels as JSON.
    again = [type(column).from_json(json.loads(json.dumps(column.to_json()))) for column in inputs]
    return Framer(again).frame(to_columns(frame))


@pytest.mark.parametrize("name", SERIES)
def test_a_column_comes_back_as_it_was(name):
    frame = pd.DataFrame({"x": SERIES[name]})
    pd.testing.assert_frame_equal(framed(frame), frame, check_column_type=False)


def sent(series):
    """What somebody would send of a column: numbers, texts, truth values, null."""
    return [None if pd.isna(value) else _written(value) for value in series.astype(object)]


def _written(value):
    if isinstance(value, (dt.date, pd.Timestamp)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def asked(frame):
    """The frame that a model gets when somebody sends the rows of a frame as JSON."""
    inputs = [Column.from_json(json.loads(json.dumps(c.to_json()))) for c in describe(frame)]
    body = {str(name): json.loads(json.dumps(sent(frame[name]))) for name in frame.columns}
    columns, warnings = Schema(inputs, Policy()).validate(body, len(frame))
    assert not warnings
    return Framer(inputs).frame(pickle.loads(pickle.dumps(columns)))


@pytest.mark.parametrize("name", SERIES)
def test_a_column_comes_out_of_a_request_as_it_was_in_training(name):
    frame = pd.DataFrame({"x": SERIES[name]})
    pd.testing.assert_frame_equal(asked(frame), frame, check_column_type=False)


@pytest.mark.parametrize("name", SERIES)
def test_a_column_comes_out_of_a_stored_sample_as_it_was(name):
    frame = pd.DataFrame({"x": SERIES[name]})
    inputs = describe(frame)
    signature = Signature(inputs, Output("regression"))
    columns = sample_columns(json.loads(json.dumps(to_json(to_columns(frame)))), signature)
    pd.testing.assert_frame_equal(Framer(inputs).frame(columns), frame, check_column_type=False)


def test_all_of_them_together_come_back_as_they_were():
    pd.testing.assert_frame_equal(framed(FRAME), FRAME, check_column_type=False)


@given(
    st.lists(st.datetimes(), min_size=1, max_size=9),
    st.sampled_from(["datetime64[us]", "object", "timestamp[us][pyarrow]"]),
)
def test_every_moment_comes_out_of_a_request_as_it_was(moments, dtype):
    values = [moment.date() for moment in moments] if dtype == "object" else moments
    frame = pd.DataFrame({"x": pd.Series(values, dtype=dtype)})
    pd.testing.assert_frame_equal(asked(frame), frame, check_column_type=False)


@given(
    st.lists(
        st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC)),  # noqa: DTZ001 - as the strategy wants them
        min_size=1,
        max_size=9,
    ),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]),
    st.sampled_from(["us", "ns"]),
)
def test_every_moment_of_a_zone_comes_out_of_a_request_as_it_was(moments, zone, unit):
    series = pd.Series(pd.DatetimeIndex(moments).as_unit(unit)).dt.tz_convert(zone)
    frame = pd.DataFrame({"x": series})
    pd.testing.assert_frame_equal(asked(frame), frame, check_column_type=False)


@given(
    st.lists(
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=3), min_size=1
    ).filter(any)
)
def test_every_decimal_comes_out_of_a_request_as_it_was(values):
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    assert asked(frame)["x"].tolist() == values


@given(
    st.lists(st.none() | st.text(), min_size=1).filter(any),
    st.sampled_from(["object", "str", "string", "category", "string[python]"]),
)
def test_every_text_comes_out_of_a_request_as_it_was(values, dtype):
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object).astype(dtype)})
    pd.testing.assert_frame_equal(asked(frame), frame, check_column_type=False)


@given(st.lists(st.floats(width=64), min_size=1, max_size=20))
def test_every_bit_of_a_number_stays(values):
    frame = pd.DataFrame({"x": values, "y": values[::-1]})
    assert framed(frame).to_numpy().tobytes() == frame.to_numpy().tobytes()


@pytest.mark.parametrize("name", SERIES)
def test_a_gap_in_a_column_that_had_none_in_training_can_be_framed(name):
    frame = pd.DataFrame({"x": SERIES[name]})
    (column,) = describe(frame.dropna() if SERIES[name].notna().any() else frame)
    numbers = column.dtype.startswith(("int", "uint", "float"))
    array = np.array([np.nan]) if numbers else np.array([None], dtype=object)
    if column.is_datetime:
        array = np.array(["NaT"], dtype=column.dtype)
    made = Framer([column]).frame(Columns.of({"x": array}))
    assert made["x"].isna().tolist() == [True]


def test_the_signature_tells_types_gaps_ranges_and_categories():
    columns = {name: describe(series.to_frame("x"))[0] for name, series in SERIES.items()}
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
        pd.Series([dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], dtype=object),
        pd.Series([pd.Timestamp("2026-01-01", tz="UTC"), pd.Timestamp("2026-01-01")]),
        pd.Series([dt.time(12, 0)]),
        pd.Series(pd.period_range("2026-01", periods=1, freq="M")),
        pd.Series([pd.Interval(0, 1)]),
        pd.Series([b"raw"]),
        pd.Series([2**70], dtype=object),
        pd.Series([2**60, None], dtype="Int64"),
        pd.Series([dt.timedelta(1)], dtype="duration[s][pyarrow]"),
        pd.Series([[1, 2]], dtype=pd.ArrowDtype(pa.list_(pa.int64()))),
        pd.Series([[1, 2]]),
        pd.Series([1 + 2j]),
        pd.Series(["a", 1], dtype="object"),
        pd.Series([dt.timedelta(1)]),
    ],
    ids=[
        "moments as objects",
        "moments in several zones",
        "times of day",
        "periods",
        "intervals",
        "bytes",
        "integers beyond 64 bits",
        "gaps beside large integers",
        "durations of Arrow's",
        "lists of Arrow's",
        "lists",
        "complex",
        "mixed",
        "durations",
    ],
)
def test_what_cannot_be_served_is_named_with_what_to_do(series):
    with pytest.raises(InvalidInput, match=r"'when'.*before training"):
        describe(pd.DataFrame({"when": series}))


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InvalidInput, match="two columns are named 'x'"):
        describe(pd.DataFrame([[1, 2]], columns=["x", "x"]))


@pytest.mark.parametrize("label", [1.5, True, None, ("a", "b"), pd.Timestamp("2026-01-01")])
def test_a_column_that_is_called_by_something_else_than_text_or_a_whole_number_is_refused(label):
    with pytest.raises(InvalidInput, match="neither text nor a whole number"):
        describe(pd.DataFrame([[1]], columns=pd.Index([label], dtype=object, tupleize_cols=False)))


@pytest.mark.parametrize("labels", [[0, 1, 2], [7, 3, 2024], ["a", 1, 2]])
def test_columns_that_were_called_by_whole_numbers_are_so_again(labels):
    frame = pd.DataFrame([[1, 2.5, "x"]], columns=labels)
    assert [column.name for column in describe(frame)] == [str(label) for label in labels]
    pd.testing.assert_frame_equal(asked(frame), frame, check_column_type=False)


def test_a_number_and_a_text_that_name_two_columns_alike_are_refused():
    with pytest.raises(InvalidInput, match="two columns are named '1'"):
        describe(pd.DataFrame([[1, 2]], columns=[1, "1"]))


@pytest.mark.parametrize("name", [" a", "a ", "a[0]", "a.b", "\U0001f600", "a,b", 'a"b', "", "ä\n"])
def test_names_of_columns_stay_as_they_are(name):
    frame = pd.DataFrame({name: [1.5], "other": ["x"]})
    assert asked(frame).columns.tolist() == [name, "other"]


@pytest.mark.parametrize("name", CATEGORIES)
def test_a_value_that_is_no_category_of_training_is_a_gap(name):
    (column,) = describe(CATEGORIES[name].to_frame("x"))
    stranger = {"string": "never seen", "bool": None, "decimal": "77"}.get(column.dtype, 77)
    if column.is_datetime:
        stranger = "1999-01-01" if column.zone is None else "1999-01-01T00:00Z"
        stranger = stranger[:10] if column.dtype == "datetime64[D]" else stranger
    if column.dtype == "float32":
        stranger = 0.25
    columns, _ = Schema([column], Policy(nan="ignore")).validate({"x": [stranger]}, 1)
    made = Framer([column]).frame(columns)["x"]
    assert made.isna().tolist() == [True]
    assert made.dtype == CATEGORIES[name].dtype


def test_more_digits_than_a_column_had_are_refused_by_row_and_column():
    series = pd.Series([Decimal("12.50")], dtype=pd.ArrowDtype(pa.decimal128(10, 2)))
    (column,) = describe(series.to_frame("price"))
    columns, _ = Schema([column], Policy()).validate({"price": ["1.25", "1.255"]}, 2)
    with pytest.raises(RowsRefused, match=r"row 1, column 'price': 1\.255 is no decimal128"):
        Framer([column]).frame(columns)


def test_numbers_travel_as_one_block_and_are_framed_as_pandas_keeps_them():
    frame = pd.DataFrame(np.arange(12.0).reshape(4, 3), columns=["a", "b", "c"])
    columns = to_columns(frame)
    assert columns.block is not None
    assert matrix(columns) is columns.block
    assert Framer(describe(frame)).frame(columns).to_numpy().flags["F_CONTIGUOUS"]
