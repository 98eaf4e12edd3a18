"""What Google's clients send to Vertex AI's prediction service, and what they read."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.dialect import Call, Refusal, Reply
from serve_app.protocols.dialects.vertex import DIALECT, RAW

NAMES = ("age", "sex")
ROWS = [{"age": 63.0, "sex": "f"}, {"age": 41.0, "sex": "m"}]
BODY = {"instances": ROWS, "parameters": {"patient_id": "p-1"}}
SHARES = Prediction(np.array(["ill", "well"]), np.array([[0.75, 0.25], [0.5, 0.5]]))


def call(body: Any, *, max_rows: int = 9) -> Call:
    return Call(json.dumps(body).encode(), NAMES, max_rows)


def wrapped(body: Any) -> dict[str, Any]:
    data = base64.b64encode(json.dumps(body).encode()).decode()
    return {"httpBody": {"contentType": "application/json", "data": data}}


def answered(dialect: Any, payload: Payload, prediction: Prediction = SHARES) -> Reply:
    answer = Answer(prediction, ("a@1",))
    reply: Reply = dialect.encode(
        Response(Request("risk", payload, "r"), "p-7", 1, answer, ("ill", "well"))
    )
    return reply


@pytest.mark.parametrize(("dialect", "body"), [(DIALECT, BODY), (RAW, BODY), (RAW, wrapped(BODY))])
def test_rows_and_parameters_are_read(dialect: Any, body: Any) -> None:
    payload = dialect.decode(call(body))
    columns = {name: list(values) for name, values in payload.columns.items()}
    assert columns == {"age": [63.0, 41.0], "sex": ["f", "m"]}
    assert payload.rows == 2
    assert payload.keys == {"patient_id": "p-1"}


def test_rows_may_be_lists() -> None:
    payload = DIALECT.decode(call({"instances": [list(row.values()) for row in ROWS]}))
    assert list(payload.columns["sex"]) == ["f", "m"]
    assert payload.keys == {}


def test_predictions_are_answered_with_who_gave_them() -> None:
    reply = answered(DIALECT, DIALECT.decode(call(BODY)))
    assert json.loads(reply.body) == {
        "predictions": ["ill", "well"],
        "deployedModelId": "a@1",
        "model": "risk",
        "metadata": {
            "prediction_id": "p-7",
            "probabilities": [[0.75, 0.25], [0.5, 0.5]],
            "classes": ["ill", "well"],
        },
    }


def test_numbers_alone_have_no_probabilities() -> None:
    numbers = Prediction(np.array([1.5, np.nan]))
    body = json.loads(answered(DIALECT, DIALECT.decode(call(BODY)), numbers).body)
    assert body["predictions"] == [1.5, None]
    assert body["metadata"] == {"prediction_id": "p-7"}


def test_a_raw_answer_is_wrapped_where_the_request_was() -> None:
    plain = answered(RAW, RAW.decode(call(BODY)))
    assert plain.body == answered(DIALECT, DIALECT.decode(call(BODY))).body
    assert dict(plain.headers) == {
        b"x-vertex-ai-deployed-model-id": b"a@1",
        b"x-vertex-ai-model": b"risk",
    }
    told = json.loads(answered(RAW, RAW.decode(call(wrapped(BODY)))).body)
    assert told["contentType"] == "application/json"
    assert base64.b64decode(told["data"]) == plain.body


@pytest.mark.parametrize(
    ("dialect", "body", "error", "said"),
    [
        (DIALECT, {}, BadEncoding, "'instances' must be a list"),
        (DIALECT, {"instances": {"age": 1}}, BadEncoding, "'instances' must be a list"),
        (DIALECT, [1], BadEncoding, "JSON object"),
        (DIALECT, {"instances": [[1]]}, InvalidInput, "1 values"),
        (DIALECT, {"instances": [[1, "f"]] * 10}, TooLarge, "10 rows"),
        (DIALECT, {"instances": [], "parameters": 3}, BadEncoding, "'parameters'"),
        (RAW, {"httpBody": {}}, BadEncoding, "'httpBody' must have the body in base64"),
        (RAW, {"httpBody": {"data": "a"}}, BadEncoding, "'httpBody' must have"),
        (RAW, {"httpBody": {"data": "ä"}}, BadEncoding, "'httpBody' must have"),
        (RAW, {"httpBody": {"data": ""}}, BadEncoding, "empty"),
        (RAW, {"httpBody": 3}, BadEncoding, "'httpBody' must be an object"),
    ],
)
def test_what_is_of_another_form_is_refused(dialect: Any, body: Any, error: Any, said: str) -> None:
    with pytest.raises(error, match=said):
        dialect.decode(call(body))


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (400, "INVALID_ARGUMENT"),
        (404, "NOT_FOUND"),
        (413, "INVALID_ARGUMENT"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_errors_are_googles(status: int, word: str) -> None:
    for dialect in (DIALECT, RAW):
        reply = dialect.refuse(Refusal("no such thing", "code", status, "r"))
        assert reply is not None
        error = {"code": status, "message": "no such thing", "status": word}
        assert json.loads(reply.body) == {"error": error}
