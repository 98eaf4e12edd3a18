"""What a version takes and gives survives being written, read by older and newer code, and sent."""

import dataclasses
import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.signature import DTYPES, Column, Output, Signature

TEXT = st.text(max_size=8)
LABEL = st.one_of(TEXT, st.integers(), st.booleans(), st.floats(-1e9, 1e9))
BOUND = (
    st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
COLUMN = st.builds(
    Column,
    name=TEXT,
    dtype=st.sampled_from(DTYPES),
    nullable=st.booleans(),
    minimum=BOUND,
    maximum=BOUND,
    categories=st.none() | st.lists(LABEL, max_size=3).map(tuple),
    frame_dtype=st.none() | TEXT,
)
OUTPUT = st.builds(
    Output,
    kind=st.sampled_from(["classification", "regression", "transform"]),
    labels=st.lists(LABEL, max_size=3).map(tuple),
    probabilities=st.booleans(),
    width=st.integers(1, 3),
    columns=st.lists(COLUMN, max_size=2).map(tuple),
)
SIGNATURE = st.builds(Signature, st.lists(COLUMN, max_size=3).map(tuple), OUTPUT)


def written(value):
    return json.loads(json.dumps(value.to_json()))


@given(SIGNATURE)
def test_a_signature_that_is_read_again_is_the_same(signature):
    assert Signature.from_json(written(signature)) == signature
    assert pickle.loads(pickle.dumps(signature)) == signature


@given(st.lists(LABEL, max_size=4))
def test_labels_and_categories_keep_their_types(labels):
    output = Output("classification", tuple(labels))
    column = Column("x", "string", categories=tuple(labels))
    for found in (
        Output.from_json(written(output)).labels,
        Column.from_json(written(column)).categories,
    ):
        assert [(type(label), label) for label in found] == [(type(v), v) for v in labels]


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_column_of_every_type_is_read(dtype):
    assert Column.from_json({"name": "x", "dtype": dtype}) == Column("x", dtype)


@pytest.mark.parametrize("dtype", ["complex128", "float", "Float64", "object", "", None])
def test_a_type_that_nobody_knows_is_refused_with_the_column_and_those_that_are_known(dtype):
    with pytest.raises(ValueError, match="column 'age'") as caught:
        Column.from_json({"name": "age", "dtype": dtype})
    assert repr(dtype) in str(caught.value)
    assert "float64" in str(caught.value)


def test_a_type_that_nobody_knows_is_refused_wherever_it_stands():
    bad = {"name": "age", "dtype": "complex128"}
    good = {"kind": "regression"}
    with pytest.raises(ValueError, match="age"):
        Signature.from_json({"inputs": [bad], "output": good})
    with pytest.raises(ValueError, match="age"):
        Signature.from_json({"inputs": [], "output": {**good, "columns": [bad]}})


def test_what_a_column_does_not_say_is_not_written():
    assert Column("x", "int64").to_json() == {"name": "x", "dtype": "int64", "nullable": False}


def test_no_category_and_a_bound_of_zero_are_said():
    said = Column("x", "float64", minimum=0.0, maximum=0.0, categories=())
    assert {"minimum", "maximum", "categories"} <= written(said).keys()
    assert Column.from_json(written(said)) == said


def test_what_is_written_is_read_by_everybody():
    column = Column("age", "int64", False, 0, 120, (30, 60), "Int64")
    signature = Signature((column,), Output("classification", ("ill", "well"), True))
    # Written down once: manifests and snapshots of released versions look like this.
    assert written(signature) == {
        "inputs": [
            {
                "name": "age",
                "dtype": "int64",
                "nullable": False,
                "minimum": 0,
                "maximum": 120,
                "categories": [30, 60],
                "frame_dtype": "Int64",
            }
        ],
        "output": {
            "kind": "classification",
            "labels": ["ill", "well"],
            "probabilities": True,
            "width": 1,
            "columns": [],
            "scores_width": 0,
        },
    }


def test_what_was_written_with_less_is_read_with_what_goes_without_saying():
    read = Signature.from_json(
        {"inputs": [{"name": "x", "dtype": "bool"}], "output": {"kind": "regression"}}
    )
    assert read == Signature((Column("x", "bool"),), Output("regression"))


def test_what_newer_code_adds_is_passed_over():
    body = {"name": "x", "dtype": "bool", "unit": "mg"}
    output = {"kind": "regression", "interval": [0, 1]}
    read = Signature.from_json({"inputs": [body], "output": output, "note": "later"})
    assert read == Signature((Column("x", "bool"),), Output("regression"))


def test_names_come_in_the_order_of_the_columns():
    signature = Signature((Column("b", "bool"), Column("a", "int8")), Output("regression"))
    assert signature.names == ("b", "a")
    assert Signature((), Output("regression")).names == ()


def test_reading_changes_nothing_of_what_is_read_and_writing_shares_nothing():
    signature = Signature(
        (Column("x", "string", categories=("a",)),), Output("classification", ("a",))
    )
    body = signature.to_json()
    before = json.dumps(body)
    assert Signature.from_json(body) == signature
    assert json.dumps(body) == before
    body["output"]["labels"].append("b")
    body["inputs"][0]["categories"].append("b")
    assert signature.to_json() == json.loads(before)


@pytest.mark.parametrize(
    "value", [Column("x", "bool"), Output("regression"), Signature((), Output("regression"))]
)
def test_signatures_cannot_be_changed_and_are_found_by_value(value):
    assert hash(value) == hash(dataclasses.replace(value))
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)
