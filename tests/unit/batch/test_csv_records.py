"""Records of CSV are those that Python's `csv` module reads."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from serve_app.batch import csv_records
from serve_app.batch.csv_records import cells, records

TEXTS = st.text(alphabet='ab,";\n\r ü', max_size=40)


def lines(text):
    return list(io.BytesIO(text.encode()))


def by_the_module(text, delimiter=","):
    """What the module makes of a text: per record its lines and its cells, by what it pulls."""
    taken = []

    def pulled():
        for line in lines(text):
            taken.append(line)
            yield line.decode()

    done = 0
    for row in csv.reader(pulled(), delimiter=delimiter):
        if row:
            yield b"".join(taken[done:]), row
        done = len(taken)


@given(TEXTS, st.sampled_from([",", ";"]))
@example('a,"b\n""c"" d",e\n', ",")
@example('5" pipe,3\n6" pipe,4\n', ",")
@example('"a"b"c,\n,"d\n"\n', ",")
def test_records_and_cells_are_those_of_the_module(text, delimiter):
    text = text.replace("\r", "\r\n")
    mine = list(records(lines(text), 0, delimiter))
    if any(one.broken for one in mine):
        return
    expected = list(by_the_module(text, delimiter))
    # An empty line is no record, and stands between records that the module tells apart.
    assert [cells(one.content, delimiter) for one in mine] == [row for _, row in expected]
    assert [one.content for one in mine] == [
        content[len(content) - len(content.lstrip(b"\r\n")) :] for content, _ in expected
    ]


@given(TEXTS)
def test_offsets_say_where_records_begin(text):
    body = text.encode()
    for one in records(lines(text), 0):
        assert body[one.offset : one.offset + len(one.content)] == one.content


@given(TEXTS, st.integers(0, 12))
def test_reading_on_from_any_record_gives_the_rest(text, number):
    body = text.encode()
    every = list(records(lines(text), 0))
    if number < len(every):
        start = every[number].offset
        assert list(records(io.BytesIO(body[start:]), start)) == every[number:]


@pytest.mark.parametrize("tail", ["", "d,e\n" * 30])
def test_a_quote_that_is_never_closed_costs_its_own_line(tail, monkeypatch):
    monkeypatch.setattr(csv_records, "MAX_RECORD_BYTES", 100)
    broken, *others = records(lines('"a,b\nc,d\n' + tail), 0)
    assert broken.content == b'"a,b\n'
    assert "is closed within" in broken.broken
    assert cells(others[0].content) == ["c", "d"]
    assert not any(one.broken for one in others)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,\xff\n", "UTF-8; byte 2"),
        (b"a\rb,c\n", "end with a line feed"),
        (b"x" * 200_000 + b',"\n"', "limit"),
    ],
)
def test_what_is_no_record_says_why(content, words):
    with pytest.raises(ValueError, match=words):
        cells(content)
