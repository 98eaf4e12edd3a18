"""An error is told, whatever is in it."""

import json
import math
from decimal import Decimal

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app import errors as kinds
from serve_app.gateway import errors
from serve_app.protocols.dialect import Refusal
from serve_app.protocols.error_body import dump, envelope, text


class Unsayable:
    """A value that has no text."""

    def __str__(self):
        raise ValueError("no")


NESTED = []
NESTED.append(NESTED)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=2**62, max_value=2**9000),
    st.floats(),
    st.text(st.characters(categories=None)),
    st.binary(),
    st.decimals(),
    st.datetimes(),
    st.sampled_from([Unsayable(), NESTED, Decimal("sNaN"), KeyError("x"), object, 1j]),
    st.sampled_from([np.float32("nan"), np.int64(3), np.array([1.5, math.inf])]),
    st.just(np.array([b"\xff", None])),
)
KEYS = st.one_of(st.text(st.characters(categories=None)), st.integers(), st.binary(), st.none())
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4)
)


def strict(token):
    raise AssertionError(f"{token} is no JSON")


@given(VALUES)
def test_any_details_become_json_that_every_reader_takes(value):
    body = envelope(Refusal("no", "bad", 400, "r-1", {"details": value}))
    assert orjson.loads(body)["error"] == "no"
    assert json.loads(body, parse_constant=strict)["details"] == orjson.loads(body)["details"]


@given(st.text(st.characters(categories=None)), VALUES)
def test_any_error_is_answered(message, value):
    error = kinds.Overloaded(message, retry_after_s=value, seen=value)
    answer = errors.response(error, "r-1")
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 86_400
    assert json.loads(answer.body)["message"] == message.encode("utf-8", "replace").decode()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2**64 - 1, 2**64 - 1),
        (-(2**63), -(2**63)),
        (2**64, "18446744073709551616"),
        ([10**30, 1], [str(10**30), 1]),
        ("\ud800", "?"),
        (b"\xff", "\ufffd"),
        (float("nan"), None),
        ({10**30: float("inf")}, {str(10**30): None}),
        (np.array([1, 2]), [1, 2]),
        (Unsayable(), "<Unsayable>"),
    ],
)
def test_what_readers_of_json_do_not_know_is_text_or_null(value, said):
    assert json.loads(dump(value)) == said


def test_text_is_such_that_it_can_be_encoded():
    assert text("a\udcffb").encode() == b"a?b"
    assert text(Unsayable()) == "<Unsayable>"
    assert text(10**5000) == "<int>"
