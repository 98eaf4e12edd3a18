"""Held against orjson, which reads the same text in one go."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.errors import TooLarge
from serve_app.protocols.bodies import json_pieces

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"))
    | st.text('\\",:[]{} \n')
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text('ab\\"]}:,'), inner)
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(json_pieces, "PIECE_BYTES", 8)
    monkeypatch.setattr(json_pieces, "_BLOCK_BYTES", 16)


def read(parse, body):
    """What a reader makes of a body; None where it is no JSON."""
    try:
        return repr(parse(body))
    except orjson.JSONDecodeError:
        return None


def pieces(body):
    return json_pieces.parse(body, orjson.loads)


@given(VALUES, st.booleans())
def test_values_are_those_that_one_go_reads(value, indented):
    body = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else None)
    assert read(pieces, body) == read(orjson.loads, body)


@given(VALUES, st.data())
def test_what_is_no_json_as_a_whole_is_none_in_pieces(value, data):
    body = orjson.dumps(value)
    at = data.draw(st.integers(0, len(body)))
    until = data.draw(st.integers(at, min(len(body), at + 2)))
    inserted = data.draw(st.text('",:[]{}\\ 1a', max_size=2)).encode()
    changed = body[:at] + inserted + body[until:]
    assert read(pieces, changed) == read(orjson.loads, changed)


@pytest.mark.parametrize(
    "body",
    [
        b"[1,2,3,4,5,6,7,8,]",
        b"[,1,2,3,4,5,6,7,8]",
        b"[1,2,3,4,,5,6,7,8]",
        b'{"a":1,"b":2,"c":3,}',
        b'{"a":1,"b":2,,"c":3}',
        b'{"a" 1,"bbbbbbbbbbbbbbb":2}',
        b"[1,2,3,4,5,6,7,8",
        b"[1,2,3,4,5,6,7,8}",
        b"[1,2,3,4,5,6,7,8]]",
        b"[1,2,3,4,5,6,7,8] 1",
        b"[[1,2,3,4,5],6,7,8],9",
        b'["aaaaaaaaaaaaaaaa',
        b"            ",
        b"\xff[1,2,3,4,5,6,7]",
        b'["aaaaaaaa\xff", 1, 2]',
    ],
)
def test_what_is_broken_is_refused(body):
    assert read(orjson.loads, body) is None
    assert read(pieces, body) is None


def test_the_place_where_it_breaks_is_that_of_the_body():
    body = b'{"rows":[[1,2,3],\n[4,5,6],[7,8,9], x]}'
    with pytest.raises(orjson.JSONDecodeError) as whole:
        orjson.loads(body)
    with pytest.raises(orjson.JSONDecodeError) as cut:
        pieces(body)
    assert cut.value.lineno == whole.value.lineno
    assert math.isclose(cut.value.colno, whole.value.colno, abs_tol=2)


def test_of_a_name_that_stands_twice_the_last_counts():
    assert pieces(b'{"a":[1,2,3,4,5,6],"b":2,"a":"a longer text"}')["a"] == "a longer text"


def test_very_many_lists_are_too_much(monkeypatch):
    monkeypatch.setattr(json_pieces, "MAX_CONTAINERS", 5)
    assert pieces(b"[[],[],[],[]]") == [[], [], [], []]
    with pytest.raises(TooLarge, match="more than 5 lists"):
        pieces(b"[[],[],[],[],[]]")


def test_very_many_names_are_too_much(monkeypatch):
    monkeypatch.setattr(json_pieces, "MAX_NAMES", 3)
    assert pieces(b'{"a":1,"b":2,"c":3}') == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(TooLarge, match="more than 3 names"):
        pieces(b'{"a":1,"b":2,"c":3,"d":4}')


def test_brackets_in_texts_are_no_structure():
    value = ['[{"', "]}\\", '\\"[[[', "{" * 40]
    assert pieces(orjson.dumps(value)) == value
