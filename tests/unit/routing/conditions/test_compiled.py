"""What a compiled condition is true of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.core.caller import Caller
from serve_app.core.messages import MISSING, Payload, Request
from serve_app.core.signature import Column
from serve_app.routing.conditions.compiled import Facts, compiled
from serve_app.routing.conditions.typed import condition_of
from tests.unit.routing.conditions.test_satisfiable import Cell, conditions

COLUMNS = {
    column.name: column
    for column in (
        Column("age", "int64"),
        Column("visits", "int64"),
        Column("bmi", "float32"),
        Column("country", "string"),
        Column("member", "bool"),
        Column("since", "datetime64[s]"),
        Column("seen", "datetime64[us]", zone="UTC"),
        Column("amount", "decimal"),
    )
}


def holds(text, columns, *, headers=None, caller="anonymous", shares=None):
    """Which rows a condition is true of, as a list; one truth where it reads none."""
    rows = len(next(iter(columns.values()), [None]))
    request = Request(
        "e", Payload(columns, rows), "r", headers=headers or {}, caller=Caller(caller)
    )
    found = compiled(condition_of(text, COLUMNS))(Facts(request, shares or {}))
    return found.tolist() if isinstance(found, np.ndarray) else found


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("age > 60", {"age": [61, 60, None]}, [True, False, False]),
        ("age != 60", {"age": [61, 60, None]}, [True, False, False]),
        ("age in [60, 61]", {"age": [61, 59, None]}, [True, False, False]),
        ("age not in [60]", {"age": [61, 60, None]}, [True, False, False]),
        ("age is null", {"age": [61, None]}, [False, True]),
        ("age is not null", {"age": [61, None]}, [True, False]),
        ("not age > 60", {"age": [61, 60, None]}, [False, True, True]),
        ("age > 60", {}, [False]),
        ("age is null", {}, [True]),
        ("age > 60", {"age": [MISSING, 61]}, [False, True]),
        ("age > 60", {"age": ["61", "sixty"]}, [True, False]),
        ("age > 60", {"age": np.array([61, 60])}, [True, False]),
        ("age > 60", {"age": np.array([61.0, np.nan])}, [True, False]),
        # 0.1 of float32 is another number than that of doubles, and people write 0.1.
        ("bmi == 0.1", {"bmi": [0.1, 0.2]}, [True, False]),
        ('country == "DE"', {"country": ["DE", "FR", None]}, [True, False, False]),
        ('country != "DE"', {"country": ["DE", "FR", None]}, [False, True, False]),
        ('country < "F"', {"country": ["DE", "FR", None]}, [True, False, False]),
        ('country in ["DE", "AT"]', {"country": ["DE", "FR", None]}, [True, False, False]),
        ("member", {"member": [True, False, None]}, [True, False, False]),
        ("not member", {"member": [True, False, None]}, [False, True, True]),
        ("member == false", {"member": [True, False, None]}, [False, True, False]),
        (
            'since > "2024-01-01"',
            {"since": ["2024-01-01T00:00:01", "2024-01-01T00:00:00", None]},
            [True, False, False],
        ),
        (
            'seen >= "2024-01-01T01:00:00+01:00"',
            {"seen": ["2024-01-01T00:00:00Z", "2023-12-31T23:59:59.999999Z"]},
            [True, False],
        ),
        ('since != "2024-01-01"', {"since": ["2024-01-02T00:00:00", None]}, [True, False]),
        ("amount > 12.5", {"amount": ["12.51", 12.5, None]}, [True, False, False]),
        ("age < visits", {"age": [1, 2, None], "visits": [2, 1, 1]}, [True, False, False]),
        ("age != visits", {"age": [1, 1, None], "visits": [2, 1, 1]}, [True, False, False]),
        ("18 <= age < 30", {"age": [17, 18, 29, 30]}, [False, True, True, False]),
        (
            'country == "DE" and age > 60 or member',
            {"country": ["DE", "DE", "FR"], "age": [61, 1, 1], "member": [False, False, True]},
            [True, False, True],
        ),
    ],
)
def test_rows_meet_a_condition_or_not(text, columns, expected):
    assert holds(text, columns) == expected


def test_headers_and_the_caller_are_of_the_request():
    gold = {"x-tier": "gold"}
    assert holds('header("X-Tier") == "gold"', {}, headers=gold) is True
    assert holds('header("x-tier") == "gold"', {}) is False
    assert holds('header("x-tier") != "gold"', {}) is False
    assert holds('header("x-tier") is null', {}) is True
    assert holds('caller == "batch"', {}, caller="batch") is True
    assert holds('caller in ["a", "b"]', {}, caller="c") is False


def test_shares_are_those_that_are_given():
    assert holds('share("r") < 0.1', {}, shares={"r": 0.05}) is True
    assert holds('0.1 <= share("r") < 0.2', {}, shares={"r": 0.05}) is False


def test_truths_of_a_request_join_with_those_of_its_rows():
    columns, gold = {"age": [61, 59]}, {"x-tier": "gold"}
    assert holds('header("x-tier") == "gold" and age > 60', columns, headers=gold) == [True, False]
    assert holds('header("x-tier") == "gold" or age > 60', columns) == [True, False]
    assert holds('header("x-tier") == "gold" or age > 60', columns, headers=gold) is True
    assert holds('header("x-tier") == "gold" and age > 60', columns) is False


@settings(max_examples=200, deadline=None)
@given(
    conditions(),
    st.lists(
        st.tuples(*[st.none() | st.integers(-1, 7)] * 2),
        min_size=1,
        max_size=8,
    ),
)
def test_rows_meet_a_condition_as_python_says(text, rows):
    python = text
    for name in ("age", "visits"):
        python = python.replace(f"{name} is null", f"{name}.value is None")
        python = python.replace(f"{name} is not null", f"{name}.value is not None")
    expected = [eval(python, {"age": Cell(age), "visits": Cell(one)}) for age, one in rows]
    ages, visits = zip(*rows, strict=True)
    assert holds(text, {"age": list(ages), "visits": list(visits)}) == expected
