"""Keys and segments of rows, as text."""

import json
import math

import numpy as np
import pytest

from serve_app.core.columns import Columns
from serve_app.core.messages import MISSING
from serve_app.monitoring.row_values import keys_of, segments_of


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (17, "17"),
        (17.0, "17"),
        (np.int32(4), "4"),
        (True, "true"),
        ("017", "017"),
        ("", None),
        (None, None),
        (MISSING, None),
        (math.nan, None),
        ([1], None),
        ({"a": 1}, None),
        # Python refuses to write more than 4,300 digits.
        pytest.param(10**5000, None, id="5,000 digits"),
    ],
)
def test_a_key_is_text_and_what_cannot_be_one_is_none(value, key):
    assert keys_of("order", [{"order": [value, "z"]}, {}], [2, 1]) == [key, "z", None]


def test_without_a_name_there_are_no_keys_and_no_segments():
    assert keys_of(None, [{"order": ["a"]}], [1]) is None
    assert segments_of((), None, [{"order": ["a"]}], [1]) is None


def test_segments_are_columns_before_values_and_what_is_missing_is_left_out():
    columns = Columns.of({"plan": np.array(["free", None, "pro"], object)})
    values = [{"plan": ["x", "x"], "country": ["DE", MISSING]}, {"plan": ["x"]}]
    rows = segments_of(("plan", "country"), columns, values, [2, 1])
    assert [json.loads(row) for row in rows] == [
        {"plan": "free", "country": "DE"},
        {},
        {"plan": "pro"},
    ]


def test_segments_of_requests_that_were_refused_are_those_of_their_values():
    rows = segments_of(("plan",), None, [{"plan": [1.0, [2]]}], [2])
    assert [json.loads(row) for row in rows] == [{"plan": "1"}, {}]
