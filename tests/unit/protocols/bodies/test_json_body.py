from __future__ import annotations

import math

import pytest

from serve_app.errors import BadEncoding
from serve_app.protocols.bodies import json_body


def test_the_tokens_of_python_for_what_is_no_number_are_read_where_asked_for() -> None:
    body = b'{"data": [NaN, Infinity, -Infinity, 1.5], "name": "NaN \\ud83d\\ude00"}'
    parsed = json_body.parse(body, nan=True)
    assert math.isnan(parsed["data"][0])
    assert parsed["data"][1:] == [math.inf, -math.inf, 1.5]
    assert parsed["name"] == "NaN 😀"
    with pytest.raises(BadEncoding, match="not JSON"):
        json_body.parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [NaN',
        b'{"data": "NaN",}',
        b'{"data": [NaN, "\\ud800"]}',
        b'{"data": [NaN, %s]}' % (b"9" * 5000),
        b'{"data": NaN, "deep": ' + b"[" * 100_000,
        b'{"NaN": "\xff"}',
        b"NaN",
    ],
)
def test_a_body_that_is_broken_beside_them_is_refused(body: bytes) -> None:
    with pytest.raises(BadEncoding):
        json_body.parse(body, nan=True)
