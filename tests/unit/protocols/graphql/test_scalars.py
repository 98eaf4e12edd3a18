"""Integers keep all their digits, and what is none is refused."""

import pytest
from graphql import GraphQLError, parse_const_value
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.signature import DTYPES
from serve_app.protocols.graphql.scalars import LONG, of_dtype, of_labels

LONGS = st.integers(-(2**63), 2**64 - 1)


@given(LONGS)
def test_longs_are_exact_however_they_are_written(number):
    literal = LONG.coerce_input_literal
    assert LONG.coerce_input_value(number) == number
    assert LONG.coerce_input_value(str(number)) == number
    assert literal(parse_const_value(str(number))) == number
    assert literal(parse_const_value(f'"{number}"')) == number
    assert LONG.coerce_output_value(number) == number


@pytest.mark.parametrize(
    "value",
    [2**64, -(2**63) - 1, 0.5, 2.0**60, float("nan"), True, "1.0", "", " 1", "٣", [1], "9" * 99],
)
def test_what_is_no_long_is_refused(value):
    with pytest.raises(GraphQLError, match="64 bits"):
        LONG.coerce_input_value(value)


@pytest.mark.parametrize("literal", ["1.5", "true", "[1]", "{a: 1}", "null", "9" * 5000, "WORD"])
def test_literals_that_are_no_long_are_refused(literal):
    with pytest.raises(GraphQLError, match="64 bits"):
        LONG.coerce_input_literal(parse_const_value(literal))


def test_a_whole_float_is_a_long():
    assert LONG.coerce_input_value(3.0) == 3


def test_each_dtype_has_the_scalar_that_holds_it():
    found = {dtype: of_dtype(dtype).name for dtype in DTYPES}
    assert found == {
        "bool": "Boolean", "int8": "Int", "int16": "Int", "int32": "Int", "int64": "Long",
        "uint8": "Int", "uint16": "Int", "uint32": "Long", "uint64": "Long",
        "float32": "Float", "float64": "Float", "string": "String",
        "decimal": "Decimal", "datetime64[D]": "Date",
        "datetime64[s]": "LocalDateTime", "datetime64[ms]": "LocalDateTime",
        "datetime64[us]": "LocalDateTime", "datetime64[ns]": "LocalDateTime",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "name"),
    [
        (("ill", "well"), "String"),
        ((0, 1), "Long"),
        ((False, True), "Boolean"),
        ((0.5, 1.5), "Float"),
        (("a", 1), "Label"),
        ((), "Label"),
        ((None,), "Label"),
    ],
)
def test_labels_of_one_kind_have_its_scalar(labels, name):
    assert of_labels(labels).name == name
