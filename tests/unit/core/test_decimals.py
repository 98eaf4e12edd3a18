"""Decimals are read exactly out of numbers and of texts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.decimals import decimal
from serve_app.core.schema import Policy, Schema
from serve_app.core.signature import Column
from serve_app.errors import InvalidInput

PRICE = Column("price", "decimal")


@pytest.mark.parametrize(
    ("value", "means"),
    [
        ("12.50", "12.50"),
        (" 12.50 ", "12.50"),
        ("-.5", "-0.5"),
        ("1e3", "1000"),
        (0.1, "0.1"),
        (12, "12"),
        (2**60 + 1, str(2**60 + 1)),
        (1e22, "1e22"),
        (Decimal("0.30"), "0.30"),
    ],
)
def test_numbers_and_texts_of_them_are_decimals(value: Any, means: str) -> None:
    assert decimal(value) == Decimal(means)


@pytest.mark.parametrize(
    "value",
    ["", "abc", "1_000", "12,50", "NaN", "Infinity", "1e9999", "1" * 100, "٣", True, [], {}, None],
)
def test_nothing_else_is_one(value: Any) -> None:
    assert decimal(value) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_every_decimal_is_read_out_of_its_text(value: Decimal) -> None:
    assert str(decimal(str(value))) == str(value)


def test_a_column_of_decimals_says_what_it_takes() -> None:
    columns, _ = Schema([PRICE], Policy()).validate({"price": ["1.10", 1.5, 2]}, 3)
    assert columns["price"].tolist() == [Decimal("1.10"), Decimal("1.5"), Decimal(2)]
    with pytest.raises(
        InvalidInput, match=r'row 1.*expected a number, or one in a string.*"12.50"'
    ):
        Schema([PRICE], Policy()).validate({"price": ["1.10", "cheap"]}, 2)


def test_a_decimal_is_a_number_where_a_double_is_wanted() -> None:
    columns, _ = Schema([Column("x", "float64")], Policy()).validate({"x": [Decimal("0.1")]}, 1)
    assert columns["x"].tolist() == [0.1]
