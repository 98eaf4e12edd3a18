"""The first line of a CSV body is a header, a row, or refused; never guessed in silence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Payload
from serve_app.core.signature import Column
from serve_app.errors import BadEncoding, ClientError, InvalidInput
from serve_app.protocols.dialect import Call
from serve_app.protocols.dialects.invocations import DIALECT, MLFLOW, SAGEMAKER
from serve_app.protocols.dialects.torchserve import DIALECT as TORCHSERVE

SIZES = (Column("length", "float64"), Column("width", "float64"))
MIXED = (Column("age", "int64"), Column("bmi", "float64"), Column("sex", "string"))
TEXT = (Column("text", "string"),)
WORDS = (
    Column("sex", "string", categories=("f", "m")),
    Column("city", "string", categories=("Oslo", "Rome")),
)
NUMBERED = tuple(Column(str(number), "float64") for number in range(4))
PAIR = (Column("0", "float64"), Column("1", "float64"))
YEARS = (Column("city", "string"), Column("2020", "float64"), Column("2021", "float64"))
TOWNS = (Column("city", "string"), *SIZES)
FLAGS = (Column("new", "bool"), Column("paid", "bool"))


def decode(body, columns, kind="text/csv", dialect=DIALECT) -> Payload:
    names = tuple(column.name for column in columns)
    return dialect.decode(Call(body.encode(), names, 99, {"content-type": kind}, columns))


@pytest.mark.parametrize(
    ("columns", "body"),
    [
        (SIZES, "0,1\n5.1,3.5\n4.9,3.0\n4.7,3.2"),
        (SIZES, "1,2\n5.1,3.5\n4.9,3"),
        (SIZES, "2019,2020\n5.1,3.5\n4.9,3.0"),
        (SIZES, "f0,f1\n5.1,3.5"),
        (SIZES, "Length,Width\n5.1,3.5"),
        (SIZES, "'length','width'\n5.1,3.5"),
        (SIZES, "sepal length (cm),sepal width (cm)\n5.1,3.5"),
        (SIZES, "x,y\n5,3\n4,3"),
        (SIZES, "id,x,y\n1,5.1,3.5"),
        (SIZES, "x\n5.1"),
        (SIZES[:1], "0\n5.1\n4.9"),
        (MIXED, "a,b,c\n63,22.5,f"),
        (MIXED, "0,1,2\n63,22.5,f\n41,31.0,m"),
        (TEXT, "Text\nhello there\nyou"),
        (TEXT, "\ufeff\ufefftext\nhello there"),
        (TEXT, "postcode\n01234\n94110"),
        (TEXT, "when\n2026-01-31\n2026-02-28"),
        (WORDS, "Sex,City\nf,Oslo"),
        (WORDS, "gender,town\nf,Oslo\nm,Rome"),
        (WORDS, "V1,V2\nf,Oslo\nx,Bern"),
        (WORDS, "sex,town\nf,Oslo"),
        (WORDS, "0,1\nf,Oslo\nm,Rome"),
        (NUMBERED, "1,2,3,4\n5.1,3.5,1.4,0.2"),
        (NUMBERED, "3,2,1,0\n5,3,1,0"),
        (NUMBERED, "0,1,2,3"),
        (PAIR, "0,1\n1,0\n1,1"),
        (YEARS, "town,2020,2021\nOslo,5,7\nRome,6,8"),
        (TOWNS, "town,0,1\nOslo,5.5,7.5\nRome,6.5,8"),
        (FLAGS, "0,1\ntrue,false\nfalse,false"),
        (FLAGS, "a,b\ntrue,false"),
    ],
)
def test_a_first_line_of_other_names_is_refused_with_what_to_do(columns, body):
    with pytest.raises(InvalidInput, match="line 1 ") as refused:
        decode(body, columns)
    said = refused.value.message
    assert all(repr(column.name) in said for column in columns)
    assert "header=absent" in said
    assert "header=present" in said
    assert refused.value.details["line"] == 1


@pytest.mark.parametrize(
    ("columns", "body"),
    [
        (SIZES, "5,3\n5.1,3.5"),
        (SIZES, "3,5\n3,4.5\n2,1.5"),
        (SIZES, "0,1\n5,3\n4.5,2"),
        (SIZES, "1,2"),
        (SIZES, ",\n1.5,2.5"),
        (SIZES[:1], "5\n5.1\n4.9"),
        (MIXED, "63,22.5,f\n41,31,m"),
        (MIXED, "63,22.5,Sex"),
        (TEXT, "a lovely film\nI fell asleep"),
        (TEXT, "hello"),
        (TEXT, "12\n2026-01-31\nhello"),
        (WORDS, "x,Oslo\nf,Rome"),
        (WORDS, "x,y"),
        (NUMBERED, "5,3,1,0\n4,3,1,0"),
        (NUMBERED, "1,1,1,1\n0,0,0,0"),
        (FLAGS, "1,0\ntrue,false"),
        (YEARS, "Oslo,5,7\nRome,6,8"),
        (TOWNS, "Oslo,0,1\nRome,6,8"),
        (TOWNS, "Oslo,3,5\nRome,6.5,8.5"),
        (FLAGS, "true,false\nfalse,true"),
    ],
)
def test_a_first_line_that_is_like_the_others_is_a_row(columns, body):
    assert decode(body, columns).rows == len(body.split("\n"))


@pytest.mark.parametrize(
    ("columns", "body", "first"),
    [
        (SIZES, "width,length\n3.5,5.1", {"length": 5.1, "width": 3.5}),
        (SIZES, '\ufeff"length" , width\n5.1,3.5', {"length": 5.1, "width": 3.5}),
        (NUMBERED, "0,1,2,3\n5.1,3.5,1.4,0.2", {"0": 5.1, "3": 0.2}),
        (NUMBERED, "0,1,2,3\n5,3,1,0", {"0": 5.0, "3": 0.0}),
        (NUMBERED, "3,2,1,0\n5.1,3.5,1.4,0.2", {"0": 0.2, "3": 5.1}),
        (NUMBERED, "id,0,1,2,3\n7,5.1,3.5,1.4,0.2", {"0": 5.1, "id": "7"}),
        (PAIR, "0,1\n5.1,3.5", {"0": 5.1, "1": 3.5}),
        (WORDS, "city,sex\nOslo,f", {"city": "Oslo", "sex": "f"}),
        (TEXT, "text\nhello", {"text": "hello"}),
    ],
)
def test_a_line_of_the_endpoints_names_is_a_header(columns, body, first):
    payload = decode(body, columns)
    assert payload.rows == 1
    assert {name: payload.columns[name][0] for name in first} == first


@pytest.mark.parametrize(
    ("body", "names"),
    [("age,bmi\n63,22.5", {"age", "bmi"}), ("age,bmi,gender\n1,2,f", {"age", "bmi", "gender"})],
)
def test_a_header_of_fewer_or_other_names_stays_for_the_schema_to_see(body, names):
    assert set(decode(body, MIXED).columns) == names


def test_a_header_alone_has_no_rows_and_its_names_are_seen():
    payload = decode("age,bmi\n", MIXED)
    assert (payload.rows, dict(payload.columns)) == (0, {"age": [], "bmi": []})


@pytest.mark.parametrize("dialect", [DIALECT, SAGEMAKER, MLFLOW, TORCHSERVE])
@pytest.mark.parametrize(
    "kind", ["text/csv; header=absent", 'text/csv;charset=utf-8;HEADER="Absent"']
)
def test_what_is_said_to_have_no_header_has_none(dialect, kind):
    payload = decode("0,1\n5.1,3.5", SIZES, kind, dialect)
    assert {name: list(values) for name, values in payload.columns.items()} == {
        "length": [0.0, 5.1],
        "width": [1.0, 3.5],
    }


@pytest.mark.parametrize("dialect", [DIALECT, SAGEMAKER, MLFLOW, TORCHSERVE])
def test_what_is_said_to_have_a_header_has_one(dialect):
    payload = decode("0,1\n5.1,3.5", SIZES, "text/csv; header=present", dialect)
    assert set(payload.columns) == {"0", "1"}
    assert payload.rows == 1


def test_a_header_that_is_neither_present_nor_absent_is_refused():
    with pytest.raises(BadEncoding, match=re.escape("write header=present or header=absent")):
        decode("1,2", SIZES, "text/csv; header=yes")


def test_a_word_where_a_number_belongs_is_no_header():
    with pytest.raises(InvalidInput, match="row 0, column 'length': 'x' is no float64"):
        decode("x,3.5\n4.9,3.0", SIZES)


CELLS = st.sampled_from(
    ["", "0", "1", "2", "5.1", "nan", "x", "f0", "f1", "Age", "age", "sex", "true", "2026-01-31"]
)


@given(
    st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=4),
    st.sampled_from([SIZES, MIXED, TEXT, WORDS, NUMBERED, PAIR, FLAGS, YEARS, TOWNS]),
)
def test_whatever_the_lines_are_they_are_rows_or_refused(lines, columns):
    try:
        payload = decode("\n".join(map(",".join, lines)), columns)
    except ClientError:
        return
    assert {len(values) for values in payload.columns.values()} == {payload.rows}
