"""Conditions are held against the columns of an endpoint before anything is served."""

import numpy as np
import pytest

from serve_app.core.signature import Column
from serve_app.errors import ConfigError
from serve_app.routing.conditions.tree import All, Atom, Constant, Subject, subjects
from serve_app.routing.conditions.typed import condition_of

COLUMNS = {
    column.name: column
    for column in (
        Column("age", "int64"),
        Column("bmi", "float32"),
        Column("country", "string"),
        Column("member", "bool"),
        Column("since", "datetime64[s]"),
        Column("seen", "datetime64[us]", zone="UTC"),
        Column("amount", "decimal"),
        Column("pixels", "float32", shape=(4,)),
        Column("mean radius", "float64"),
    )
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("age > 60", "number"),
        ("amount > 12.5", "number"),
        ('country == "DE"', "text"),
        ("member", "truth"),
        ('since > "2024-01-01"', "moment"),
        ('column("mean radius") > 18', "number"),
        ('header("X-Tier") == "gold"', "text"),
        ('caller == "batch"', "text"),
        ('share("ramp") < 0.1', "number"),
    ],
)
def test_what_is_read_has_the_kind_that_the_endpoint_gives_it(text, kind):
    (subject,) = subjects(condition_of(text, COLUMNS))
    assert subject.kind == kind


def test_headers_are_read_whatever_their_case():
    (subject,) = subjects(condition_of('header("X-Tier") == "gold"', COLUMNS))
    assert subject.name == "x-tier"


def test_a_column_may_be_called_like_a_word_of_the_language():
    (subject,) = subjects(
        condition_of('column("caller") == "x"', {"caller": Column("caller", "string")})
    )
    assert subject.source == "column"


def test_a_range_is_two_comparisons_and_a_constant_may_stand_first():
    age = Subject("column", "age", "number", True, COLUMNS["age"])
    expected = All((Atom(age, ">=", (18,)), Atom(age, "<", (30,))))
    assert condition_of("18 <= age < 30", COLUMNS) == expected


def test_moments_are_those_of_the_column():
    test = condition_of('since > "2024-01-01"', COLUMNS)
    assert test.constants == (np.datetime64("2024-01-01T00:00:00", "s"),)


def test_true_and_false_are_conditions():
    assert condition_of("true", COLUMNS) == Constant(True)
    assert condition_of("false", COLUMNS) == Constant(False)


def test_without_columns_a_name_is_of_the_kind_of_what_it_is_compared_with():
    condition = condition_of('x > 1 and y == "a" and z', None)
    assert [one.kind for one in subjects(condition)] == ["number", "text", "truth"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("agee > 60", r"at character 1: there is no column 'agee'; did you mean 'age'\?"),
        ("country == DE", "at character 12: there is no column 'DE'.*text stands in quotes"),
        ("True", "True is written true here"),
        ("age is None", "at character 8|cannot be read"),
        ('age > "60"', 'at character 7: age is a number, and is compared with "60"'),
        ("country > 5", "at character 11: country is text, and is compared with 5"),
        ("member == 1", "member is true or false, and is compared with 1"),
        ("age == true", "age is a number, and is compared with true"),
        ("member > true", "nothing is less"),
        ("age == null", "a comparison with null is never true; write `age is null`"),
        ("age != null", "write `age is not null`"),
        ("age", "at character 1: age is a number, which alone is no condition"),
        ('"x"', "'x' alone is no condition"),
        ("1 < 2", "two constants are compared"),
        ("age < country", "which do not compare"),
        ("1 < age < bmi < 3", "too many comparisons"),
        ("age == bmi == 3", "too many comparisons"),
        ('since > "soon"', "at character 9: since takes an ISO 8601"),
        ('seen > "2024-01-01T00:00:00"', "with its offset"),
        ("pixels > 1", "holds tensors"),
        ("age == 1e999", "too large"),
        ('heder("x") == "a"', r"there is no heder\(…\).*did you mean header"),
        ('header(" ") == "a"', "names nothing"),
        ('header("x") > 5', r'header\("x"\) is text, and is compared with 5'),
        ("1 in [1]", "name a column before `in`"),
        ("caller is null", "caller is never null"),
        ('header("a") == header("b")', "is compared with constants only"),
        ('share("r") < 10', "a share is from 0 to 1, got 10"),
        ('share("r") == 0.1', "compare it by <"),
        ('share("r") in [0.1]', "compare it by <"),
        ('age in [1, "x"]', 'compared with "x"'),
    ],
)
def test_what_does_not_compare_is_refused_where_it_stands(text, words):
    with pytest.raises(ConfigError, match=words):
        condition_of(text, COLUMNS)
