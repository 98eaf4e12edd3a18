"""What TorchServe's clients send to `/predictions`, and what they read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.core.signature import Column
from serve_app.errors import BadEncoding, TooLarge
from serve_app.protocols.dialect import Call
from serve_app.protocols.dialects.torchserve import DIALECT

COLUMNS = (Column("age", "int64"), Column("sex", "string"))
NAMES = ("age", "sex")
ROWS = [{"age": 63, "sex": "f"}, {"age": 41, "sex": "m"}]
LISTS = [list(row.values()) for row in ROWS]


def decode(body: Any, content_type: str = "", *, max_rows: int = 9) -> Payload:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return DIALECT.decode(Call(raw, NAMES, max_rows, {"content-type": content_type}, COLUMNS))


def answered(payload: Payload, prediction: Prediction) -> Any:
    request = Request("e", payload, "r")
    return json.loads(
        DIALECT.encode(Response(request, "p", 1, Answer(prediction, ("a@1",)), ())).body
    )


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (ROWS, "application/json"),
        (LISTS, ""),
        ({"instances": ROWS}, "application/x-www-form-urlencoded"),
        ({"data": LISTS}, "application/octet-stream"),
        (b"63,f\n41,m\n", "text/csv"),
    ],
)
def test_rows_come_in_many_forms(body: Any, kind: str) -> None:
    payload = decode(body, kind)
    assert {name: list(payload.columns[name]) for name in NAMES} == {
        "age": [63, 41],
        "sex": ["f", "m"],
    }
    assert answered(payload, Prediction(np.array([1.5, 2.0]))) == [1.5, 2.0]


def test_one_row_alone_is_answered_alone() -> None:
    payload = decode(ROWS[0])
    assert payload.rows == 1
    assert answered(payload, Prediction(np.array(["ill"]))) == "ill"
    assert answered(decode([ROWS[0]]), Prediction(np.array(["ill"]))) == ["ill"]


def test_a_column_may_be_called_like_a_wrapper() -> None:
    call = Call(b'{"data": 5}', ("data",), 9, {}, (Column("data", "int64"),))
    assert DIALECT.decode(call).columns == {"data": (5,)}


@pytest.mark.parametrize("body", [5, "x", None, {"instances": 5}, b"{"])
def test_what_is_no_row_is_refused(body: Any) -> None:
    with pytest.raises(BadEncoding):
        decode(body)


@pytest.mark.parametrize(("body", "kind"), [(ROWS, ""), (b"1,f\n2,m\n", "text/csv")])
def test_too_many_rows_are_refused(body: Any, kind: str) -> None:
    with pytest.raises(TooLarge):
        decode(body, kind, max_rows=1)
