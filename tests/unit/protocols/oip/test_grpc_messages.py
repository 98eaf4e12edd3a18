"""What a gRPC client sends, typed or raw, and what stands in the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.oip.grpc_messages import decode, encode
from serve_app.protocols.oip.messages import message

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
        ("fp64", "fp64_contents", [0.1, 1e300]),
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
        inputs=[tensor("sex", "int16", [2]), tensor("age", "FP16", [2, 1])],
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


def response_to(request: Any, prediction: Prediction, signature: Signature | None = None) -> Any:
    """What Triton's own messages read out of an answer to a request."""
    payload = decode(request, NAMES, max_rows=9, signature=signature)
    response = Response(
        Request("risk", payload, "r-1"), "p-1", 7, Answer(prediction, ("a@1",)), ("a", "b")
    )
    return service_pb2.ModelInferResponse.FromString(encode(response).SerializeToString())


BOTH = Prediction(np.array(["b"]), np.array([[0.25, 0.75]]))
TYPED = tensor("age", "BOOL", [1], bool_contents=[True])


def raw_request(**fields: Any) -> Any:
    return REQUEST(inputs=[tensor("age", "BOOL", [1])], raw_input_contents=[b"\x01"], **fields)


def test_tritons_own_messages_have_the_same_fields() -> None:
    theirs = response_to(raw_request(id="call-1"), BOTH)
    assert (theirs.model_name, theirs.model_version, theirs.id) == ("risk", "a@1", "call-1")
    assert [(o.name, o.datatype, list(o.shape)) for o in theirs.outputs] == [
        ("predict", "BYTES", [1]),
        ("predict_proba", "FP64", [1, 2]),
    ]
    assert theirs.raw_output_contents[0] == b"\x01\x00\x00\x00b"
    assert np.frombuffer(theirs.raw_output_contents[1]).tolist() == [0.25, 0.75]
    assert not any(output.HasField("contents") for output in theirs.outputs)
    assert theirs.parameters["snapshot"].int64_param == 7
    assert theirs.parameters["prediction_id"].string_param == "p-1"
    sent = service_pb2.ModelInferRequest(model_name="risk", model_version="1", id="x")
    ours = REQUEST.FromString(sent.SerializeToString())
    assert (ours.model_name, ours.model_version, ours.id) == ("risk", "1", "x")


@pytest.mark.parametrize(
    ("values", "datatype", "field"),
    [
        (np.array(["ä", ""], dtype=object), "BYTES", "bytes_contents"),
        (np.array([3, -4]), "INT64", "int64_contents"),
        (np.array([True, False], dtype=object), "BOOL", "bool_contents"),
        (np.array([0.5, -1e300]), "FP64", "fp64_contents"),
    ],
)
def test_who_writes_typed_contents_is_answered_with_such(
    values: Any, datatype: str, field: str
) -> None:
    theirs = response_to(REQUEST(inputs=[TYPED]), Prediction(values))
    (output,) = theirs.outputs
    expected = [v.encode() for v in values] if datatype == "BYTES" else values.tolist()
    assert output.datatype == datatype
    assert list(getattr(output.contents, field)) == expected
    assert not theirs.raw_output_contents


def flag(value: bool) -> Any:
    return message("InferParameter")(bool_param=value)


OWN = Output("tensors", columns=(Column("OUTPUT0", "int32", shape=(2,)),))
GRAPH = Signature((Column("age", "bool"), Column("sex", "string")), OWN)
SUM = Prediction(
    np.array([None], dtype=object), tensors={"OUTPUT0": np.array([[1, 2]], dtype=np.int32)}
)


@pytest.mark.parametrize(
    ("fields", "raw"),
    [
        ({}, False),
        ({"outputs": [{"name": "OUTPUT0"}]}, True),
        ({"parameters": {"binary_data_output": flag(True)}}, True),
        ({"parameters": {"binary_data_output": flag(False)}}, False),
        ({"outputs": [{"name": "OUTPUT0", "parameters": {"binary_data": flag(False)}}]}, False),
        ({"outputs": [{"name": "OUTPUT0", "parameters": {"binary_data": flag(True)}}]}, True),
    ],
)
def test_a_graphs_own_outputs_are_raw_for_who_names_them_or_asks(fields: Any, raw: bool) -> None:
    theirs = response_to(REQUEST(inputs=[TYPED], **fields), SUM, GRAPH)
    (output,) = theirs.outputs
    assert (output.name, output.datatype, list(output.shape)) == ("OUTPUT0", "INT32", [1, 2])
    if raw:
        assert np.frombuffer(theirs.raw_output_contents[0], "<i4").tolist() == [1, 2]
    assert list(output.contents.int_contents) == ([] if raw else [1, 2])
    assert len(theirs.raw_output_contents) == raw


def test_outputs_that_every_endpoint_has_are_typed_for_who_writes_typed() -> None:
    request = REQUEST(inputs=[TYPED], outputs=[{"name": "predict_proba"}, {"name": "output-0"}])
    theirs = response_to(request, BOTH)
    assert [list(o.contents.fp64_contents) for o in theirs.outputs] == [[0.25, 0.75], []]
    assert list(theirs.outputs[1].contents.bytes_contents) == [b"b"]
