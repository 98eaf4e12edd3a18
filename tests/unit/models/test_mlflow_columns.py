"""Signatures and input examples become columns and rows, or are refused with the reason."""

import contextlib
import json

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from serve_app.errors import InvalidInput
from serve_app.models.mlflow_columns import specs, table
from serve_app.models.mlflow_example import example

X = np.random.default_rng(0).normal(size=(20, 2))
FREE = type("Free", (), {})()
"""A model that knows nothing of its columns."""


def column(said, name="a", **more):
    return {"type": said, "name": name, **more}


def tensor(dtype, shape, **more):
    return {"type": "tensor", "tensor-spec": {"dtype": dtype, "shape": shape}, **more}


def of(inputs, rows, estimator=FREE):
    """The table of a signature and an example, as both stand in files."""
    wanted = None if inputs is None else specs(json.dumps(inputs))
    return table(estimator, wanted, None if rows is None else example(rows))


@pytest.mark.parametrize(
    ("said", "value", "dtype"),
    [
        ("boolean", True, "bool"),
        ("integer", 7, "int32"),
        ("long", 7, "int64"),
        ("float", 0.1, "float32"),
        ("double", 0.1, "float64"),
        ("double", 1, "float64"),
        ("string", "word", "string"),
    ],
)
def test_every_type_has_its_dtype(said, value, dtype):
    found = of([column(said)], {"columns": ["a"], "data": [[value]]})
    (only,) = found.inputs
    assert (only.dtype, only.nullable) == (dtype, False)
    assert (only.minimum, only.maximum, only.categories) == (None, None, None)
    assert str(found.frame["a"].dtype) == ("object" if dtype == "string" else dtype)


def test_dates_of_the_example_are_dates():
    values = [["2024-05-01T12:00:00"], [None]]
    found = of([column("datetime")], {"columns": ["a"], "data": values})
    (only,) = found.inputs
    assert (only.nullable, only.zone, only.categories) == (True, None, None)
    assert only.dtype == str(found.frame["a"].dtype)
    assert found.frame["a"].tolist()[0] == pd.Timestamp("2024-05-01T12:00:00")
    with pytest.raises(InvalidInput, match="'yesterday' is not an ISO 8601 date"):
        of([column("datetime")], {"columns": ["a"], "data": [["yesterday"]]})


@pytest.mark.parametrize("said", ["binary", "array", "sparkml vector", None, {"a": 1}])
def test_types_that_cannot_be_served_are_refused_by_the_name_of_the_column(said):
    with pytest.raises(InvalidInput, match="column 'when' is of MLflow's type"):
        specs(json.dumps([column("long"), column(said, "when")]))


@pytest.mark.parametrize("dtype", ["datetime64[ns]", "complex128", None, "V8"])
def test_tensors_of_what_cannot_be_served_are_refused(dtype):
    with pytest.raises(InvalidInput, match="column 0 is a tensor of"):
        specs(json.dumps([tensor(dtype, [-1, 2])]))


@pytest.mark.parametrize("shape", [[-1, 2, 2], [], None, [-1, 0], [-1, "x"]])
def test_tensors_that_are_no_table_are_refused(shape):
    with pytest.raises(InvalidInput, match="no table"):
        specs(json.dumps([tensor("float64", shape)]))


@pytest.mark.parametrize("inputs", ["{", "[3]", "{}", "3", '"a"', "", "[" * 100_000, 3, {}])
def test_a_signature_that_is_none_is_refused(inputs):
    with pytest.raises(InvalidInput, match=r"signature\.inputs"):
        specs(inputs)


def test_a_signature_without_columns_is_refused():
    with pytest.raises(InvalidInput, match="names no column"):
        specs("[]")


@pytest.mark.parametrize("said", [{"required": False}, {"optional": True}])
def test_what_is_not_required_may_be_missing(said):
    inputs = [column("double"), column("string", "b", **said), column("boolean", "c", **said)]
    found = of(inputs, [{"a": 1.5, "b": "x", "c": True}, {"a": 2.5, "b": None}])
    assert [c.nullable for c in found.inputs] == [False, True, True]
    assert [c.frame_dtype for c in found.inputs] == ["float64", "object[nan]", "object[nan]"]
    assert np.isnan(found.frame["b"][1])
    assert np.isnan(found.frame["c"][1])


def test_a_column_that_is_not_required_may_lack_in_the_example_and_no_other():
    inputs = [column("double"), column("double", "b", required=False)]
    assert of(inputs, {"columns": ["a"], "data": [[1.0]]}).frame["b"].isna().all()
    with pytest.raises(InvalidInput, match="'a', which the input example lacks"):
        of(inputs, {"columns": ["b"], "data": [[1.0]]})
    with pytest.raises(InvalidInput, match="'b', which the input example lacks"):
        of([column("double"), column("double", "b")], {"columns": ["a"], "data": [[1.0]]})


def test_integers_with_gaps_are_floats_as_they_were_in_training():
    found = of([column("long", required=False)], {"columns": ["a"], "data": [[1], [None]]})
    assert (found.inputs[0].dtype, found.inputs[0].nullable) == ("float64", True)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("long", "1"),
        ("long", 1.5),
        ("long", True),
        ("long", 1 << 70),
        ("integer", 1 << 31),
        ("long", float("inf")),
        ("double", "1"),
        ("double", False),
        ("string", 1),
        ("boolean", 1),
    ],
)
def test_an_example_that_breaks_the_signature_is_refused(said, value):
    with pytest.raises(InvalidInput, match=r"input example holds .* in the column 'a'"):
        of([column(said)], {"columns": ["a"], "data": [[value]]})


@pytest.mark.parametrize(
    "rows",
    [
        {
            "columns": ["b", "a", "more"],
            "data": [[2.0, 1.0, "x"], [4.0, 3.0, "x"]],
            "index": [0, 1],
        },
        [{"b": 2.0, "a": 1.0}, {"a": 3.0, "b": 4.0}],
        {"b": [2.0, 4.0], "a": [1.0, 3.0]},
        {"inputs": {"b": [[2.0], [4.0]], "a": [[1.0], [3.0]]}},
        [[1.0, 2.0], [3.0, 4.0]],
        {"inputs": [[1.0, 2.0], [3.0, 4.0]]},
    ],
    ids=["split", "records", "columns", "tensors", "array", "wrapped"],
)
def test_examples_are_read_in_every_form(rows):
    found = of([column("double"), column("double", "b")], rows)
    assert found.frame.to_dict(orient="list") == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_one_dimension_is_one_column():
    assert of([tensor("float64", [-1])], [1.0, 2.0]).frame["x0"].tolist() == [1.0, 2.0]


def test_named_tensors_are_numbered_where_they_are_wide():
    inputs = [tensor("float32", [-1, 2], name="p"), tensor("int64", [-1, 1], name="q")]
    found = of(inputs, {"p": [[0.5, 1.5]], "q": [[3]]})
    assert [(c.name, c.dtype) for c in found.inputs] == [
        ("p_0", "float32"),
        ("p_1", "float32"),
        ("q", "int64"),
    ]


@pytest.mark.parametrize("shape", [[-1, -1], [-1, 2]])
def test_an_unknown_width_is_that_of_the_model_or_of_the_example(shape):
    fitted = LinearRegression().fit(X, X[:, 0])
    assert len(of([tensor("float64", shape)], X[:2].tolist(), fitted).inputs) == 2
    assert len(of([tensor("float64", shape)], X[:2].tolist()).inputs) == 2


def test_two_tensors_of_unknown_width_are_refused():
    inputs = [tensor("float32", [-1, -1], name="p"), tensor("float32", [-1, -1], name="q")]
    with pytest.raises(InvalidInput, match="does not say how many columns"):
        of(inputs, {"p": [[0.5, 1.5]], "q": [[3.0]]})


def test_without_a_signature_the_example_shows_the_dtypes():
    data = [[1, 1.5, "x", True, None, 2], [2, 3, "y", False, 1, None]]
    found = of(None, {"columns": list("abcdef"), "data": data})
    assert [(c.dtype, c.nullable) for c in found.inputs] == [
        ("int64", False),
        ("float64", False),
        ("string", False),
        ("bool", False),
        ("float64", True),
        ("float64", True),
    ]


@pytest.mark.parametrize(
    "rows",
    [
        3,
        "rows",
        [[1.0], [1.0, 2.0]],
        {"columns": ["a", "b"], "data": [[1.0]]},
        {"a": [1.0], "b": [1.0, 2.0]},
        {"a": 1.0},
        [[[1.0]]],
        [{"a": {"b": 1}}],
        {"columns": "ab", "data": []},
        [[1.0], {"a": 1.0}],
    ],
)
def test_an_example_that_is_no_table_is_refused(rows):
    with pytest.raises(InvalidInput, match="no rows of a table"):
        example(rows)


@pytest.mark.parametrize("rows", [None, [], {"columns": ["a"], "data": []}, {}])
@pytest.mark.parametrize("inputs", [None, [column("double")]])
def test_without_rows_the_data_is_asked_for(inputs, rows):
    with pytest.raises(InvalidInput, match="give --data, or store the model with an input example"):
        of(inputs, rows)


def test_other_columns_than_the_model_learned_are_refused():
    rows = {"columns": ["b", "a"], "data": [[1.0, 2.0]]}
    inputs = [column("double", "b"), column("double", "a")]
    data = xgboost.DMatrix(X, label=X[:, 0], feature_names=["a", "b"])
    booster = xgboost.train({}, data, 1)
    with pytest.raises(InvalidInput, match="takes the columns a, b, but here they are b, a"):
        of(inputs, rows, booster)
    with pytest.raises(InvalidInput, match="takes 2 columns, but its signature or example has 1"):
        of(inputs[:1], rows, LinearRegression().fit(X, X[:, 0]))
    with pytest.raises(InvalidInput, match="two columns are named 'b'"):
        of([inputs[0], inputs[0]], rows)


numbers = st.floats(allow_nan=True, allow_infinity=True, width=64) | st.none()
words = st.text(max_size=5) | st.none()
rows_of = st.integers(1, 5).flatmap(
    lambda rows: st.tuples(
        st.lists(numbers, min_size=rows, max_size=rows),
        st.lists(words, min_size=rows, max_size=rows),
    )
)


@given(rows_of)
def test_values_survive_and_gaps_are_gaps(pair):
    doubles, texts = pair
    inputs = [column("double", required=False), column("string", "b", required=False)]
    rows = {"columns": ["a", "b"], "data": [list(row) for row in zip(doubles, texts, strict=True)]}
    frame = of(inputs, json.loads(json.dumps(rows))).frame
    wanted = [np.nan if value is None else value for value in doubles]
    np.testing.assert_array_equal(frame["a"].to_numpy(), np.array(wanted, dtype=float))
    assert [None if value != value else value for value in frame["b"]] == texts  # noqa: PLR0124


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["columns", "data", "inputs", "type", "name", "a"]), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip


@given(anything, anything)
def test_whatever_stands_in_the_files_becomes_a_table_or_is_refused(inputs, rows):
    found = None
    with contextlib.suppress(InvalidInput):
        wanted = None if inputs is None else specs(inputs)
        found = table(FREE, wanted, example(rows))
    assert found is None or len(found.inputs) == len(found.frame.columns) > 0
    assert found is None or len(found.frame) > 0
