"""What Seldon's clients send, and what they read."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.errors import BadEncoding, ClientError, InvalidInput, TooLarge
from serve_app.protocols.dialect import Call, Refusal
from serve_app.protocols.dialects.seldon import DIALECT

NAMES = ("age", "bmi")
BOTH = {"age": [63, 41], "bmi": [22.5, 31.0]}
LISTS = [[63, 22.5], [41, 31.0]]
ROWS = [dict(zip(NAMES, row, strict=True)) for row in LISTS]
SHARES = Prediction(np.array(["b", "a"]), np.array([[0.25, 0.75], [0.5, 0.5]]))
NUMBERS = Prediction(np.array([1.5, 2.0]))


def decode(body: Any, *, max_rows: int = 9) -> Payload:
    return DIALECT.decode(Call(json.dumps(body).encode(), NAMES, max_rows))


def answered(body: Any, prediction: Prediction, labels: tuple[Any, ...] = ()) -> Any:
    request = Request("risk", decode(body), "r-1")
    answer = Response(request, "p-1", 1, Answer(prediction, ("a@1",)), labels)
    return json.loads(DIALECT.encode(answer).body)


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"ndarray": LISTS}},
        {"data": {"names": [], "ndarray": LISTS}},
        {"data": {"names": ["bmi", "age"], "ndarray": [row[::-1] for row in LISTS]}},
        {"data": {"tensor": {"shape": [2, 2], "values": [63, 22.5, 41, 31.0]}}},
        {"jsonData": ROWS},
        {"jsonData": LISTS},
    ],
)
def test_the_same_rows_may_come_in_many_forms(body: Any) -> None:
    payload = decode(body)
    assert {name: list(payload.columns[name]) for name in NAMES} == BOTH
    assert payload.rows == 2


def test_meta_holds_an_id_and_keys() -> None:
    payload = decode({"meta": {"puid": "u-1", "tags": {"k": 1}}, "jsonData": ROWS[0]})
    assert (payload.id, payload.keys, payload.rows) == ("u-1", {"k": 1}, 1)
    assert answered({"meta": {"puid": "u-1"}, "jsonData": ROWS}, NUMBERS)["meta"]["puid"] == "u-1"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "one of ndarray or tensor"),
        ({"data": {}}, "one of ndarray or tensor"),
        ({"data": {"ndarray": [], "tensor": {}}}, "one of ndarray or tensor"),
        ({"data": []}, "'data' must be an object"),
        ({"data": {"ndarray": [1, 2]}}, "'ndarray' must hold rows"),
        ({"data": {"ndarray": [[1, 2]], "names": "age"}}, "a list of names"),
        ({"data": {"ndarray": [[1, 2]], "names": ["a", "a"]}}, "names a column twice"),
        ({"data": {"tensor": {"shape": [2, 2], "values": [1]}}}, "'tensor' must have a 'shape'"),
        ({"data": {"tensor": {"shape": [2], "values": [1, 2]}}}, "'tensor' must have a 'shape'"),
        ({"data": {"tensor": [1]}}, "'tensor' must have a 'shape'"),
        ({"jsonData": 5}, "'jsonData' must be rows"),
        ({"strData": "hello"}, "one of ndarray or tensor"),
    ],
)
def test_other_forms_are_refused(body: Any, said: str) -> None:
    with pytest.raises(BadEncoding, match=re.escape(said)):
        decode(body)


def test_a_row_that_does_not_fit_the_names_is_refused() -> None:
    with pytest.raises(InvalidInput):
        decode({"data": {"names": ["age"], "ndarray": [[1, 2]]}})


@pytest.mark.parametrize("body", [{"data": {"ndarray": LISTS}}, {"jsonData": LISTS}])
def test_too_many_rows_are_refused(body: Any) -> None:
    with pytest.raises(TooLarge):
        decode(body, max_rows=1)


def test_probabilities_come_under_the_names_of_classes_in_the_kind_that_was_sent() -> None:
    body = answered({"data": {"ndarray": LISTS}}, SHARES, ("a", "b"))
    assert body["data"] == {"names": ["a", "b"], "ndarray": [[0.25, 0.75], [0.5, 0.5]]}
    tensor = {"shape": [2, 2], "values": [63, 22.5, 41, 31.0]}
    body = answered({"data": {"tensor": tensor}}, SHARES, ("a", "b"))
    assert body["data"]["tensor"] == {"shape": [2, 2], "values": [0.25, 0.75, 0.5, 0.5]}
    assert answered({"jsonData": ROWS}, SHARES, ("a", "b"))["jsonData"] == [
        [0.25, 0.75],
        [0.5, 0.5],
    ]


def test_numbers_come_without_names_of_classes() -> None:
    body = answered({"data": {"ndarray": LISTS}}, NUMBERS)
    assert body["data"] == {"names": ["t:0"], "ndarray": [1.5, 2.0]}
    tensor = {"shape": [2, 2], "values": [63, 22.5, 41, 31.0]}
    body = answered({"data": {"tensor": tensor}}, NUMBERS)
    assert body["data"]["tensor"] == {"shape": [2, 1], "values": [1.5, 2.0]}
    assert body["meta"]["requestPath"] == {"a@1": "risk"}


def test_labels_that_are_no_numbers_are_never_a_tensor() -> None:
    tensor = {"shape": [2, 2], "values": [63, 22.5, 41, 31.0]}
    body = answered({"data": {"tensor": tensor}}, Prediction(np.array(["b", "a"])))
    assert body["data"]["ndarray"] == ["b", "a"]


@pytest.mark.parametrize(
    ("status", "reason"), [(400, "MICROSERVICE_BAD_DATA"), (503, "MICROSERVICE_INTERNAL_ERROR")]
)
def test_errors_are_a_status(status: int, reason: str) -> None:
    reply = DIALECT.refuse(Refusal("no such row", "bad", status, "r-1"))
    assert reply is not None
    found = json.loads(reply.body)["status"]
    assert found == {"code": status, "status": "FAILURE", "info": "no such row", "reason": reason}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["data", "names", "ndarray", "tensor", "shape", "values", "jsonData", "meta"]
                ),
                inner,
            )
        ),
    )
)
def test_whatever_comes_only_client_errors_come_of_it(body: Any) -> None:
    try:
        payload = decode(body)
    except ClientError:
        return
    assert {len(values) for values in payload.columns.values()} <= {payload.rows}
