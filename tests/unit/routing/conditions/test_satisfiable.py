"""Conditions that nothing meets are found, and none that something meets is taken for one."""

import itertools
import operator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.core.signature import Column
from serve_app.routing.conditions.satisfiable import can_hold, never
from serve_app.routing.conditions.typed import condition_of

COLUMNS = {
    column.name: column
    for column in (
        Column("age", "int64"),
        Column("visits", "int64"),
        Column("bmi", "float64"),
        Column("country", "string"),
        Column("member", "bool"),
        Column("since", "datetime64[s]"),
    )
}


def of(text):
    return condition_of(text, COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "false",
        "not true",
        "age > 60 and age < 50",
        "age > 60 and age < 61",
        "60 < age <= 60",
        "age == 60.5",
        'country == "DE" and country == "FR"',
        'country in ["DE", "FR"] and country not in ["FR", "DE"]',
        'country > "a" and country < "a"',
        "age is null and age > 3",
        "member and not member and true",
        'header("x-tier") == "gold" and header("X-TIER") == "silver"',
        'caller == "a" and caller == "b"',
        'share("r") < 0.1 and share("r") >= 0.2',
        'since > "2024-01-01" and since < "2023-01-01"',
        "age < bmi and not age < bmi",
        "age < bmi and bmi < age",
        "age < bmi and age == bmi",
        "visits > visits",
        "age <= visits and age > visits",
        "(age > 60 or age < 10) and age > 20 and age < 50",
    ],
)
def test_what_contradicts_itself_cannot_hold(text):
    assert not can_hold(of(text))
    assert "no request can match this" in never(of(text), [])


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "bmi > 60 and bmi < 61",
        "bmi > 0.1 and bmi < 0.2",
        "age > 60 and age < 62",
        'country > "a" and country < "b"',
        'country != "DE"',
        "not member and member is null",
        'share("r") < 0',
        'share("r") >= 1',
        "age <= bmi and bmi <= age",
        "not age < bmi and not age >= bmi",
        "age < visits and visits < bmi",
        'since > "2023-01-01" and since < "2024-01-01"',
    ],
)
def test_what_something_meets_can_hold(text):
    assert can_hold(of(text))


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (["true"], "age > 60"),
        (["age > 50"], "age > 60"),
        (['country == "DE"', 'country != "DE"', "country is null"], "age > 60"),
        (["member", "not member"], "age > 60"),
        (["age > 60"], "age > 60"),
    ],
)
def test_a_rule_that_those_before_it_leave_nothing_is_never_reached(before, text):
    assert "never reached" in never(of(text), [of(one) for one in before])


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (["age > 60"], "age > 50"),
        # A request without a country meets neither.
        (['country == "DE"', 'country != "DE"'], "age > 60"),
        (['share("r") < 1'], "true"),
    ],
)
def test_a_rule_that_is_left_something_is_reached(before, text):
    assert never(of(text), [of(one) for one in before]) is None


@st.composite
def conditions(draw, depth=3):
    """Conditions on two whole numbers with constants from 0 to 5."""
    if depth == 0 or draw(st.booleans()):
        name = draw(st.sampled_from(["age", "visits"]))
        if draw(st.integers(0, 5)) == 0:
            return f"{name} is {draw(st.sampled_from(['', 'not ']))}null"
        compared = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
        return f"{name} {compared} {draw(st.integers(0, 5))}"
    word = draw(st.sampled_from(["and", "or", "not"]))
    if word == "not":
        return f"not ({draw(conditions(depth=depth - 1))})"
    one, other = draw(conditions(depth=depth - 1)), draw(conditions(depth=depth - 1))
    return f"({one}) {word} ({other})"


class Cell:
    """A whole number or null, which compares as the documentation says."""

    def __init__(self, value):
        self.value = value

    __hash__ = None

    def _by(self, order, other):
        other = other.value if isinstance(other, Cell) else other
        return self.value is not None and other is not None and order(self.value, other)

    def __eq__(self, other):
        return self._by(operator.eq, other)

    def __ne__(self, other):
        return self._by(operator.ne, other)

    def __lt__(self, other):
        return self._by(operator.lt, other)

    def __le__(self, other):
        return self._by(operator.le, other)

    def __gt__(self, other):
        return self._by(operator.gt, other)

    def __ge__(self, other):
        return self._by(operator.ge, other)


OPERATORS = ["==", "!=", "<", "<=", ">", ">="]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(OPERATORS), st.booleans(), st.booleans()), max_size=4))
def test_whether_columns_can_compare_so_is_what_trying_every_order_gives(comparisons):
    parts = []
    for compared, turned, negated in comparisons:
        one, other = ("visits", "age") if turned else ("age", "visits")
        parts.append(f"{'not ' if negated else ''}{one} {compared} {other}")
    text = " and ".join(parts) or "true"
    python = text.replace("true", "True")
    values = [Cell(None), Cell(0), Cell(1)]
    tried = any(eval(python, {"age": a, "visits": b}) for a in values for b in values)
    assert can_hold(of(text)) is tried


@settings(max_examples=200, deadline=None)
@given(conditions())
def test_whether_a_condition_can_hold_is_what_trying_every_value_gives(text):
    python = text
    for name in ("age", "visits"):
        python = python.replace(f"{name} is null", f"{name}.value is None")
        python = python.replace(f"{name} is not null", f"{name}.value is not None")
    values = [None, *range(-1, 7)]
    tried = any(
        eval(python, {"age": Cell(age), "visits": Cell(visits)})
        for age, visits in itertools.product(values, values)
    )
    assert can_hold(of(text)) is tried
