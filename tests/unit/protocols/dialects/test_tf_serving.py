"""What TensorFlow Serving's clients send to classify and regress, and what they read."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

from serve_app.core.messages import MISSING, Answer, Payload, Prediction, Request, Response
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.dialect import Call
from serve_app.protocols.dialects.tf_serving import CLASSIFY, REGRESS, metadata, status

NAMES = ("age", "sex")


def decode(body: Any, *, max_rows: int = 9) -> Payload:
    return CLASSIFY.decode(Call(json.dumps(body).encode(), NAMES, max_rows))


def columns_of(payload: Payload) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in payload.columns.items()}


def response(prediction: Prediction, labels: tuple[Any, ...] = ()) -> Response:
    payload = Payload({}, len(prediction.values))
    return Response(Request("e", payload, "r"), "p", 1, Answer(prediction, ("a@1",)), labels)


def test_examples_are_rows_whose_values_may_stand_in_lists() -> None:
    payload = decode({"examples": [{"age": 1, "sex": ["m"]}, {"age": [2], "sex": None}]})
    assert columns_of(payload) == {"age": [1, 2], "sex": ["m", None]}
    assert payload.rows == 2


def test_the_context_is_part_of_every_example_that_does_not_say_otherwise() -> None:
    payload = decode({"context": {"sex": "f"}, "examples": [{"age": 1}, {"age": 2, "sex": "m"}]})
    assert columns_of(payload) == {"sex": ["f", "m"], "age": [1, 2]}


def test_what_an_example_lacks_is_missing() -> None:
    payload = decode({"examples": [{"age": 1, "sex": "m"}, {"age": 2}]})
    assert columns_of(payload)["sex"] == ["m", MISSING]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "'examples' must be a list of objects, got null"),
        ({"examples": {}}, "got an object"),
        ({"examples": [1]}, "must be a list of objects"),
        ({"examples": [{"age": [1, 2]}]}, "'age' has 2 values"),
        ({"examples": [{"age": []}]}, "'age' has 0 values"),
        ({"examples": [{"age": {"b64": "aGk="}}]}, "'age' must be a value"),
        ({"examples": [], "context": []}, "'context' must be an object"),
    ],
)
def test_bodies_of_another_shape_are_refused(body: Any, said: str) -> None:
    with pytest.raises(BadEncoding, match=re.escape(said)):
        decode(body)


def test_too_many_examples_are_refused() -> None:
    with pytest.raises(TooLarge):
        decode({"examples": [{"age": 1}] * 3}, max_rows=2)


def test_classes_stand_beside_their_probabilities() -> None:
    prediction = Prediction(np.array(["b"]), np.array([[0.25, 0.75]]))
    reply = CLASSIFY.encode(response(prediction, ("a", "b")))
    assert json.loads(reply.body) == {"results": [[["a", 0.25], ["b", 0.75]]]}


def test_numbers_are_results_by_themselves() -> None:
    reply = REGRESS.encode(response(Prediction(np.array([1, 2], np.int32))))
    assert reply.body == b'{"results":[1.0,2.0]}'


def test_what_an_endpoint_does_not_give_is_refused() -> None:
    with pytest.raises(InvalidInput, match=":regress"):
        CLASSIFY.encode(response(Prediction(np.array([1.0]))))
    with pytest.raises(InvalidInput, match=":classify"):
        REGRESS.encode(response(Prediction(np.array([0]), np.array([[1.0]])), (0,)))
    with pytest.raises(InvalidInput, match="one number per row"):
        REGRESS.encode(response(Prediction(np.ones((2, 2)))))


class TestMetadata:
    INPUTS = (Column("age", "int64"), Column("bmi", "float32"), Column("sex", "string"))

    def test_describes_a_signature(self) -> None:
        output = Output("classification", labels=("a", "b"), probabilities=True)
        body = metadata("risk", Signature(self.INPUTS, output), ["m@1", "n@2"])
        assert body["model_spec"] == {"name": "risk", "signature_name": "", "version": "m@1,n@2"}
        signatures = body["metadata"]["signature_def"]["signature_def"]
        described = signatures["serving_default"]
        types = {name: tensor["dtype"] for name, tensor in described["inputs"].items()}
        assert types == {"age": "DT_INT64", "bmi": "DT_FLOAT", "sex": "DT_STRING"}
        assert described["outputs"]["predictions"]["dtype"] == "DT_STRING"
        shares = signatures["predict_proba"]["outputs"]["probabilities"]
        sizes = [dim["size"] for dim in shares["tensor_shape"]["dim"]]
        assert sizes == ["-1", "2"]

    @pytest.mark.parametrize(
        ("output", "dtype", "sizes"),
        [
            (Output("regression"), "DT_DOUBLE", ["-1"]),
            (Output("regression", width=3), "DT_DOUBLE", ["-1", "3"]),
            (Output("classification", labels=(0, 1)), "DT_INT64", ["-1"]),
        ],
    )
    def test_describes_outputs(self, output: Output, dtype: str, sizes: list[str]) -> None:
        body = metadata("e", Signature(self.INPUTS, output), [])
        described = body["metadata"]["signature_def"]["signature_def"]["serving_default"]
        (tensor,) = described["outputs"].values()
        assert tensor["dtype"] == dtype
        assert [dim["size"] for dim in tensor["tensor_shape"]["dim"]] == sizes

    def test_says_which_versions_answer(self) -> None:
        body = status({"m@1": True})
        assert body["model_version_status"] == [
            {
                "version": "m@1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
