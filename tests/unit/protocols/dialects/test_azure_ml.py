"""What Azure ML's clients send to `/score`, and what they read."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.errors import BadEncoding, TooLarge
from serve_app.protocols.dialect import Call, Refusal, Reply
from serve_app.protocols.dialects.azure_ml import DIALECT

NAMES = ("age", "sex")
BOTH = {"age": [63, 41], "sex": ["f", "m"]}
ROWS = [{"age": 63, "sex": "f"}, {"age": 41, "sex": "m"}]
LISTS = [list(row.values()) for row in ROWS]


def decode(body: Any, *, max_rows: int = 9) -> Payload:
    return DIALECT.decode(Call(json.dumps(body).encode(), NAMES, max_rows))


def answered(body: Any, **headers: str) -> Reply:
    request = Request("e", decode(body), "r-1", headers=headers)
    answer = Answer(Prediction(np.array(["ill", "well"])), ("a@1",))
    return DIALECT.encode(Response(request, "p", 1, answer, ()))


@pytest.mark.parametrize(
    "body",
    [
        {"data": ROWS},
        {"data": LISTS},
        {"data": {"columns": ["age", "sex"], "data": LISTS}},
        {"Inputs": {"data": ROWS}, "GlobalParameters": {"method": "predict"}},
        {"Inputs": {"input1": ROWS}},
        {"input_data": {"columns": ["age", "sex"], "index": [0, 1], "data": LISTS}},
        {"input_data": LISTS},
    ],
)
def test_the_same_rows_may_come_in_many_forms(body: Any) -> None:
    payload = decode(body)
    assert {name: list(values) for name, values in payload.columns.items()} == BOTH
    assert payload.rows == 2


def test_global_parameters_are_keys() -> None:
    assert decode({"Inputs": {"data": ROWS}, "GlobalParameters": {"k": 1}}).keys == {"k": 1}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "not provided for 'data'"),
        ({"data": 5}, "got 5"),
        ({"Inputs": []}, "'Inputs' must be an object"),
        ({"Inputs": {}}, "not provided for 'Inputs'"),
        ({"input_data": {"columns": ["a"]}}, "not provided for 'input_data'"),
    ],
)
def test_other_forms_are_refused(body: Any, said: str) -> None:
    with pytest.raises(BadEncoding, match=re.escape(said)):
        decode(body)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TooLarge):
        decode({"data": ROWS}, max_rows=1)


def test_predictions_are_a_list_or_results_as_the_body_was() -> None:
    assert json.loads(answered({"data": ROWS}).body) == ["ill", "well"]
    assert json.loads(answered({"Inputs": {"data": ROWS}}).body) == {"Results": ["ill", "well"]}


def test_headers_tell_what_azures_clients_look_for() -> None:
    headers = dict(answered({"data": ROWS}, **{"x-ms-client-request-id": "c-7"}).headers)
    assert headers[b"x-ms-run-function-failed"] == b"False"
    assert headers[b"azureml-model-deployment"] == b"a@1"


@pytest.mark.parametrize(
    ("given", "request_id", "client_id"),
    [
        ({}, b"r-1", None),
        ({"x-ms-request-id": "m-1"}, b"m-1", b"m-1"),
        ({"x-ms-client-request-id": "c-7"}, b"c-7", b"c-7"),
        ({"x-ms-request-id": "m-1", "x-ms-client-request-id": "c-7"}, b"m-1", b"c-7"),
    ],
)
def test_identifiers_come_back_as_from_azures_server(
    given: dict[str, str], request_id: bytes, client_id: bytes | None
) -> None:
    headers = dict(answered({"data": ROWS}, **given).headers)
    assert headers[b"x-ms-request-id"] == request_id
    assert headers.get(b"x-ms-client-request-id") == client_id


def test_a_header_picks_a_deployment() -> None:
    assert DIALECT.target({"azureml-model-deployment": "risk-xgb@2"}) == (None, "risk-xgb@2")


@pytest.mark.parametrize(("status", "failed"), [(400, b"False"), (500, b"True")])
def test_an_error_says_whether_the_model_failed(status: int, failed: bytes) -> None:
    reply = DIALECT.refuse(Refusal("no", "bad", status, "r"))
    assert reply is not None
    assert reply.body == b""
    assert dict(reply.headers) == {b"x-ms-run-function-failed": failed}
