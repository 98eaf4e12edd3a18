"""Numbers that stand for gaps are told from numbers."""

import numpy as np
import pandas as pd
import pytest

from serve_app.models.sentinels import suspects

ROWS = 400
RNG = np.random.default_rng(1)
SOME = np.arange(ROWS) % 10 == 0


def found_in(**columns):
    return [(suspect.column, suspect.value) for suspect in suspects(pd.DataFrame(columns))]


AGES = RNG.integers(18, 90, ROWS)
NORMAL = RNG.normal(size=ROWS)
POSITIVE = RNG.exponential(20, ROWS)


@pytest.mark.parametrize("value", [-999, -9999, 9999, -99, 999999, -(2**31), 1e30])
@pytest.mark.parametrize("rest", [AGES, AGES / 7, POSITIVE], ids=["whole", "real", "skewed"])
def test_what_people_write_for_gaps_is_found(value, rest):
    assert found_in(x=np.where(SOME, value, rest)) == [("x", value)]


def test_minus_one_below_nothing_but_positive_numbers_is_found():
    days = RNG.integers(1, 400, ROWS)
    assert found_in(days=np.where(np.arange(ROWS) % 3, -1, days)) == [("days", -1)]


def test_a_lone_one_of_the_usual_is_found():
    ages = AGES.copy()
    ages[7] = -999
    assert found_in(age=ages) == [("age", -999)]


def test_what_is_nothing_alone_is_something_in_a_second_column():
    few = RNG.integers(0, 4, ROWS)
    one = np.where(SOME, -1, few)
    assert found_in(one=np.where(np.arange(ROWS) % 3, -1, few)) == []
    both = {"one": np.where(np.arange(ROWS) % 3, -1, few), "two": np.where(SOME, -1, POSITIVE)}
    assert {value for _, value in found_in(**both)} == {-1}
    assert len(found_in(**both)) == 2
    assert one.min() == -1


@pytest.mark.parametrize(
    "values",
    [
        AGES,
        NORMAL,
        POSITIVE,
        np.zeros(ROWS),
        SOME.astype(int),
        np.where(SOME, -1, 1),
        RNG.integers(-1, 2, ROWS),
        RNG.integers(-1, 12, ROWS),
        RNG.poisson(0.3, ROWS),
        np.where(SOME, 0.0, 40 + POSITIVE),
        np.minimum(AGES * 2, 99),
        RNG.integers(0, 100, ROWS),
        RNG.integers(-999, 1000, ROWS),
        RNG.normal(0, 1000, ROWS).round(),
        np.where(SOME, 0.0, POSITIVE),
        np.exp(RNG.normal(0, 2, ROWS)),
        RNG.standard_cauchy(ROWS),
        np.full(ROWS, np.nan),
        RNG.choice([0, 50, 100], ROWS),
    ],
)
def test_ordinary_numbers_are_none(values):
    assert found_in(x=values) == []


def test_words_truths_and_categories_are_passed_over():
    frame = pd.DataFrame({"word": ["a", "b"] * 200, "truth": [True, False] * 200})
    frame["kind"] = pd.Categorical(np.where(SOME, -999, AGES))
    assert suspects(frame) == []
