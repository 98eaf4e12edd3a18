"""What a gRPC client sends, typed or raw, and what stands in the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.oip_grpc import decode, encode
from serve_app.protocols.oip_messages import message

NAMES = ("age", "sex")
REQUEST = message("ModelInferRequest")


def tensor(name: str, datatype: str, shape: list[int], **contents: Any) -> Any:
    one = message("InferInputTensor")(name=name, datatype=datatype, shape=shape)
    for field, values in contents.items():
        getattr(one.contents, field).extend(values)
    return one


def columns_of(request: Any, *, max_rows: int = 9) -> dict[str, list[Any]]:
    payload: Payload = decode(request, NAMES, max_rows=max_rows)
    return {name: list(values) for name, values in payload.columns.items()}


@pytest.mark.parametrize(
    ("datatype", "field", "values"),
    [
        ("BOOL", "bool_contents", [True, False]),
        ("INT8", "int_contents", [-128, 127]),
        ("INT32", "int_contents", [-(2**31), 2**31 - 1]),
        ("INT64", "int64_contents", [-(2**63), 2**63 - 1]),
        ("UINT8", "uint_contents", [0, 255]),
        ("UINT64", "uint64_contents", [0, 2**64 - 1]),
        ("FP32", "fp32_contents", [0.5, -2.0]),
        ("FP64", "fp64_contents", [0.1, 1e300]),
    ],
)
def test_typed_values_of_every_datatype_arrive(
    datatype: str, field: str, values: list[Any]
) -> None:
    request = REQUEST(inputs=[tensor("age", datatype, [2], **{field: values})])
    assert columns_of(request) == {"age": values}


def test_text_arrives_typed_and_raw() -> None:
    typed = tensor("sex", "BYTES", [2], bytes_contents=["ä".encode(), b""])
    assert columns_of(REQUEST(inputs=[typed])) == {"sex": ["ä", ""]}
    raw = b"\x02\x00\x00\x00\xc3\xa4\x00\x00\x00\x00"
    request = REQUEST(inputs=[tensor("sex", "BYTES", [2])], raw_input_contents=[raw])
    assert columns_of(request) == {"sex": ["ä", ""]}


def test_raw_tensors_come_in_the_order_of_the_inputs() -> None:
    request = REQUEST(
        inputs=[tensor("sex", "INT16", [2]), tensor("age", "FP16", [2, 1])],
        raw_input_contents=[np.array([1, 2], "<i2").tobytes(), np.array([3, 4], "<f2").tobytes()],
    )
    assert columns_of(request) == {"sex": [1, 2], "age": [3, 4]}


def test_parameters_are_keys_and_the_id_is_kept() -> None:
    request = REQUEST(id="call-1", inputs=[tensor("age", "BOOL", [1], bool_contents=[True])])
    request.parameters["patient"].string_param = "p-1"
    request.parameters["site"].int64_param = 7
    request.parameters["empty"].SetInParent()
    payload = decode(request, NAMES, max_rows=9)
    assert (payload.keys, payload.id) == ({"patient": "p-1", "site": 7}, "call-1")


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (REQUEST(), "no inputs"),
        (
            REQUEST(inputs=[tensor("age", "FP32", [1])], raw_input_contents=[b"1234", b"1234"]),
            "1 inputs and 2 raw_input_contents",
        ),
        (
            REQUEST(
                inputs=[tensor("age", "FP32", [1], fp32_contents=[1])], raw_input_contents=[b"1234"]
            ),
            "contents field must not be specified when using raw_input_contents",
        ),
        (REQUEST(inputs=[tensor("age", "FP32", [2], fp32_contents=[1])]), "1 values"),
        (REQUEST(inputs=[tensor("age", "FP32", [2], fp64_contents=[1, 2])]), "0 values"),
        (REQUEST(inputs=[tensor("age", "FP31", [1])]), "no datatype 'FP31'"),
        (REQUEST(inputs=[tensor("age", "FP16", [0])]), "no datatype 'FP16'"),
        (REQUEST(inputs=[tensor("age", "INT8", [1], int_contents=[128])]), "which is no INT8"),
        (REQUEST(inputs=[tensor("age", "UINT16", [1], uint_contents=[65536])]), "no UINT16"),
        (REQUEST(inputs=[tensor("age", "FP32", [-1])]), "'shape' must be"),
        (REQUEST(inputs=[tensor("age", "FP32", [])]), "'shape' must be"),
        (REQUEST(inputs=[tensor("sex", "BYTES", [1], bytes_contents=[b"\xff"])]), "not UTF-8"),
        (
            REQUEST(inputs=[tensor("age", "FP32", [2])], raw_input_contents=[b"1234"]),
            "2 values of FP32 take 8",
        ),
    ],
)
def test_what_does_not_fit_is_refused(request_: Any, said: str) -> None:
    with pytest.raises(BadEncoding, match=said):
        decode(request_, NAMES, max_rows=9)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(TooLarge):
        columns_of(REQUEST(inputs=[tensor("age", "BOOL", [2], bool_contents=[1, 0])]), max_rows=1)


def test_an_output_that_nobody_has_is_refused() -> None:
    one = tensor("age", "BOOL", [1], bool_contents=[True])
    output = message("InferRequestedOutputTensor")(name="logits")
    with pytest.raises(InvalidInput, match="logits"):
        decode(REQUEST(inputs=[one], outputs=[output]), NAMES, max_rows=9)


def test_tritons_own_messages_have_the_same_fields() -> None:
    answer = Answer(Prediction(np.array(["b"]), np.array([[0.25, 0.75]])), ("a@1",))
    request = REQUEST(id="call-1", inputs=[tensor("age", "BOOL", [1], bool_contents=[True])])
    payload = decode(request, NAMES, max_rows=9)
    response = Response(Request("risk", payload, "r-1"), "p-1", 7, answer, ("a", "b"))
    theirs = service_pb2.ModelInferResponse.FromString(encode(response).SerializeToString())
    assert (theirs.model_name, theirs.model_version, theirs.id) == ("risk", "a@1", "call-1")
    assert [(o.name, o.datatype, list(o.shape)) for o in theirs.outputs] == [
        ("predict", "BYTES", [1]),
        ("predict_proba", "FP64", [1, 2]),
    ]
    assert theirs.raw_output_contents[0] == b"\x01\x00\x00\x00b"
    assert np.frombuffer(theirs.raw_output_contents[1]).tolist() == [0.25, 0.75]
    assert theirs.parameters["snapshot"].int64_param == 7
    assert theirs.parameters["prediction_id"].string_param == "p-1"
    sent = service_pb2.ModelInferRequest(model_name="risk", model_version="1", id="x")
    ours = REQUEST.FromString(sent.SerializeToString())
    assert (ours.model_name, ours.model_version, ours.id) == ("risk", "1", "x")
