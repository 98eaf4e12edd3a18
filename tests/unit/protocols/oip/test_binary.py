"""Tensors as bytes behind the JSON: what tritonclient sends and reads."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient import http
from tritonclient.utils import np_to_triton_dtype

from serve_app.core.messages import Answer, Payload, Prediction, Request, Response
from serve_app.core.signature import Column
from serve_app.errors import BadEncoding, InvalidInput, TooLarge
from serve_app.protocols.dialect import Call
from serve_app.protocols.oip import binary
from serve_app.protocols.oip.outputs import AnswerForm, RequestedOutput
from serve_app.protocols.oip.v2 import DIALECT

NAMES = ("age", "sex")
ROWS = 3


def sent(arrays: dict[str, Any], *, raw: bool = True, outputs: Any = None) -> Call:
    """What tritonclient makes of arrays."""
    inputs = []
    for name, array in arrays.items():
        one = http.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        one.set_data_from_numpy(array, binary_data=raw)
        inputs.append(one)
    body, length = http.InferenceServerClient.generate_request_body(inputs, outputs=outputs)
    headers = {} if length is None else {binary.HEADER: str(length)}
    return Call(body, tuple(arrays), 100, headers)


def decoded(call: Call) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in DIALECT.decode(call).columns.items()}


def framed(document: Any, behind: bytes, length: Any = None, **more: Any) -> Call:
    """A body of our own making, with whatever header."""
    head = document if isinstance(document, bytes) else json.dumps(document).encode()
    said = str(len(head)) if length is None else length
    return Call(head + behind, more.pop("names", NAMES), 100, {binary.HEADER: said}, **more)


def tensor(datatype: str, size: Any, shape: Any = (2,), **more: Any) -> dict[str, Any]:
    parameters = {"binary_data_size": size}
    return {
        "name": "age", "shape": list(shape), "datatype": datatype, "parameters": parameters, **more
    }  # fmt: skip


def refusal(call: Call) -> str:
    with pytest.raises(BadEncoding) as refused:
        DIALECT.decode(call)
    return refused.value.message


def response(prediction: Prediction, form: AnswerForm, labels: tuple[Any, ...] = ()) -> Response:
    payload = Payload({}, len(prediction.values), form=form)
    return Response(Request("e", payload, "r"), "p", 1, Answer(prediction, ("a@1",)), labels)


def read(answer: Response) -> http.InferResult:
    """What tritonclient reads of an answer."""
    reply = DIALECT.encode(answer)
    length = dict(reply.headers).get(binary.HEADER.encode())
    return http.InferenceServerClient.parse_response_body(
        reply.body, header_length=None if length is None else int(length)
    )


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32",
     "float64"],
)  # fmt: skip
def test_arrays_of_every_datatype_arrive_as_they_were(dtype: str, raw: bool) -> None:
    high = 1 if dtype == "bool" else 1.5 if dtype.startswith("f") else np.iinfo(dtype).max
    array = np.array([0, high, 1], dtype=dtype)
    assert decoded(sent({"age": array}, raw=raw)) == {"age": array.tolist()}


def test_halves_arrive_as_bytes_alone() -> None:
    array = np.array([0.5, 65504.0], dtype=np.float16)
    assert decoded(sent({"age": array})) == {"age": [0.5, 65504.0]}
    shortened = struct.pack("<HH", 0x3F80, 0xC000)
    assert decoded(framed({"inputs": [tensor("BF16", 4)]}, shortened)) == {"age": [1.0, -2.0]}


@given(st.lists(st.text(), min_size=ROWS, max_size=ROWS))
def test_texts_arrive_as_they_were(texts: list[str]) -> None:
    numbers = np.arange(ROWS, dtype=np.float32)
    array = np.array([text.encode() for text in texts], dtype=np.object_)
    assert decoded(sent({"age": numbers, "sex": array})) == {"age": [0, 1, 2], "sex": texts}


def test_a_matrix_of_bytes_is_in_the_order_of_the_schema() -> None:
    call = sent({"input-0": np.arange(6, dtype=np.float64).reshape(3, 2)})
    found = DIALECT.decode(Call(call.body, NAMES, 100, call.headers))
    assert {name: list(v) for name, v in found.columns.items()} == {
        "age": [0, 2, 4],
        "sex": [1, 3, 5],
    }


def test_no_rows_are_no_bytes() -> None:
    assert decoded(sent({"age": np.empty(0, np.float32)})) == {"age": []}


def test_bytes_and_json_stand_side_by_side() -> None:
    inputs = [
        tensor("FP32", 8),
        {"name": "sex", "shape": [2], "datatype": "BYTES", "data": ["m", "f"]},
    ]
    call = framed({"inputs": inputs}, struct.pack("<ff", 1.5, -2.0))
    assert decoded(call) == {"age": [1.5, -2.0], "sex": ["m", "f"]}


@pytest.mark.parametrize("length", ["", "x", "-1", "1e3", "99999999999", "7 ", "1000", "²"])
def test_a_length_that_is_none_or_lies_is_refused(length: str) -> None:
    call = framed({"inputs": [tensor("FP32", 8)]}, b"", length)
    assert "Inference-Header-Content-Length" in refusal(call)


def test_a_length_that_cuts_the_json_is_refused() -> None:
    assert "not JSON" in refusal(framed({"inputs": [tensor("FP32", 8)]}, b"12345678", "9"))


@pytest.mark.parametrize(
    ("inputs", "behind", "said"),
    [
        ([tensor("FP32", 8)], b"1234567", "7 bytes are left"),
        ([tensor("FP32", 8)], b"123456789", "1 bytes belong to no input"),
        ([tensor("FP32", 4)], b"1234", "2 values of FP32 take 8"),
        ([tensor("FP32", "8")], b"12345678", "must be a number of bytes"),
        ([tensor("FP32", True)], b"12345678", "must be a number of bytes"),
        ([tensor("FP32", -8)], b"12345678", "must be a number of bytes"),
        ([tensor("FP32", 8, data=[1, 2])], b"12345678", "both 'data' and 'binary_data_size'"),
        ([tensor("FP31", 8)], b"12345678", "no datatype 'FP31'"),
        ([tensor("BOOL", 2)], b"\x00\x02", "a byte of 0 or 1"),
        ([tensor("BYTES", 3)], b"\x01\x00\x00", "element 0 ends behind"),
        ([tensor("BYTES", 9)], b"\x01\x00\x00\x00a\xff\xff\xff\xff", "element 1 ends behind"),
        ([tensor("BYTES", 5)], b"\x01\x00\x00\x00a", "holds 1 texts"),
        ([tensor("BYTES", 5, (1,))], b"\x01\x00\x00\x00\xff", "element 0 is not UTF-8"),
        ([tensor("FP64", 2**62, (2**59,))], b"", "0 bytes are left"),
    ],
)
def test_bytes_that_are_not_what_they_are_said_to_be(
    inputs: list[Any], behind: bytes, said: str
) -> None:
    assert said in refusal(framed({"inputs": inputs}, behind))


def test_bytes_without_the_header_are_refused() -> None:
    body = json.dumps({"inputs": [tensor("FP32", 8)]}).encode()
    assert "no header Inference-Header-Content-Length" in refusal(Call(body, NAMES, 100))


class TestBytesAlone:
    COLUMNS = (Column("age", "float32"), Column("bmi", "float32"))

    def test_are_rows_in_the_order_of_the_schema(self) -> None:
        behind = np.arange(6, dtype="<f4").tobytes()
        payload = DIALECT.decode(framed(b"", behind, "0", columns=self.COLUMNS))
        assert [list(values) for values in payload.columns.values()] == [[0, 2, 4], [1, 3, 5]]
        assert payload.form == AnswerForm(as_bytes=True)

    def test_of_a_broken_row_are_refused(self) -> None:
        call = framed(b"", b"12345", "0", columns=self.COLUMNS)
        assert "a row of 2 FP32 takes 8" in refusal(call)

    def test_of_several_datatypes_are_refused(self) -> None:
        columns = (Column("age", "float32"), Column("sex", "string"))
        assert "BYTES, FP32" in refusal(framed(b"", b"1234", "0", columns=columns))

    def test_of_too_many_rows_are_refused(self) -> None:
        with pytest.raises(TooLarge):
            DIALECT.decode(framed(b"", b"12345678" * 101, "0", columns=self.COLUMNS))


PREDICTION = Prediction(np.array(["b", "a"]), np.array([[0.25, 0.75], [0.5, 0.5]], np.float32))


def test_answers_are_bytes_where_that_was_asked_of_all() -> None:
    found = read(response(PREDICTION, AnswerForm(as_bytes=True), ("a", "b")))
    assert found.as_numpy("predict").tolist() == [b"b", b"a"]
    assert found.as_numpy("predict_proba").tolist() == [[0.25, 0.75], [0.5, 0.5]]


def test_an_output_says_for_itself_whether_it_is_bytes() -> None:
    form = AnswerForm(
        (RequestedOutput("predict", False), RequestedOutput("predict_proba", True)), as_bytes=True
    )
    reply = DIALECT.encode(response(PREDICTION, form, ("a", "b")))
    length = int(dict(reply.headers)[b"inference-header-content-length"])
    labels, shares = json.loads(reply.body[:length])["outputs"]
    assert labels["data"] == ["b", "a"]
    assert "data" not in shares
    assert shares["parameters"] == {"binary_data_size": 32}
    assert np.frombuffer(reply.body[length:]).tolist() == [0.25, 0.75, 0.5, 0.5]
    assert reply.media_type == b"application/octet-stream"


def test_answers_without_bytes_have_no_header() -> None:
    reply = DIALECT.encode(response(PREDICTION, AnswerForm(), ("a", "b")))
    assert (reply.media_type, reply.headers) == (b"application/json", ())


@pytest.mark.parametrize(
    ("values", "datatype"),
    [
        (np.array([1, 2], np.int32), "INT64"),
        (np.array([1, 2], object), "INT64"),
        (np.array([True, False]), "BOOL"),
        (np.array([True, False], object), "BOOL"),
        (np.array([0.5, np.nan], np.float32), "FP64"),
        (np.array(["ä", ""], object), "BYTES"),
    ],
)
def test_every_kind_of_output_is_read_back(values: Any, datatype: str) -> None:
    found = read(response(Prediction(values), AnswerForm(as_bytes=True)))
    assert found.get_output("predict")["datatype"] == datatype
    back = found.as_numpy("predict").tolist()
    wanted = values.tolist()
    if datatype == "BYTES":
        wanted = [text.encode() for text in wanted]
    np.testing.assert_array_equal(back, wanted)


class TestClassification:
    def test_names_the_likeliest_classes(self) -> None:
        form = AnswerForm((RequestedOutput("predict_proba", True, 1),))
        found = read(response(PREDICTION, form, ("a", "b")))
        assert found.as_numpy("predict_proba").tolist() == [[b"0.750000:1:b"], [b"0.500000:0:a"]]

    def test_of_more_classes_than_there_are_names_all(self) -> None:
        form = AnswerForm((RequestedOutput("predict_proba", False, 9),))
        (output,) = json.loads(DIALECT.encode(response(PREDICTION, form, ("a", "b"))).body)[
            "outputs"
        ]
        assert output["shape"] == [2, 2]
        assert output["datatype"] == "BYTES"

    @pytest.mark.parametrize("values", [np.empty((0, 2)), np.empty(0)])
    def test_of_no_rows_names_none(self, values: Any) -> None:
        form = AnswerForm((RequestedOutput("predict", False, 1),))
        reply = DIALECT.encode(response(Prediction(values), form))
        (output,) = json.loads(reply.body)["outputs"]
        assert output["shape"] == [0, 1]
        assert output["data"] == []

    def test_of_labels_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="orders numbers"):
            DIALECT.encode(
                response(PREDICTION, AnswerForm((RequestedOutput("predict", None, 1),)), ("a", "b"))
            )

    @pytest.mark.parametrize("count", [-1, "1", 1.0, True])
    def test_takes_a_number_of_classes(self, count: Any) -> None:
        outputs = [{"name": "predict", "parameters": {"classification": count}}]
        inputs = [{"name": "age", "shape": [1], "datatype": "FP32", "data": [1]}]
        body = json.dumps({"inputs": inputs, "outputs": outputs}).encode()
        with pytest.raises(BadEncoding, match="must be a number of classes"):
            DIALECT.decode(Call(body, ("age",), 9))


def test_what_tritonclient_asks_by_itself_is_understood() -> None:
    arrays = {"age": np.ones(2, np.float32)}
    assert DIALECT.decode(sent(arrays)).form == AnswerForm(as_bytes=True)
    wanted = [http.InferRequestedOutput("predict_proba", binary_data=True, class_count=2)]
    form = DIALECT.decode(sent(arrays, outputs=wanted)).form
    assert form.wanted == (RequestedOutput("predict_proba", True, 2),)


def test_an_output_may_have_the_name_that_kserve_gives_it() -> None:
    found = read(
        response(PREDICTION, AnswerForm((RequestedOutput("output-0"),), as_bytes=True), ("a", "b"))
    )
    assert found.as_numpy("output-0").tolist() == [b"b", b"a"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(binary.DATATYPES)), st.integers(-1, 20), st.integers(0, 4)
        ),
        max_size=3,
    ),
    st.binary(max_size=40),
)
def test_whatever_bytes_come_only_client_errors_come_of_them(
    tensors: list[tuple[str, int, int]], behind: bytes
) -> None:
    inputs = [
        {**tensor(datatype, size, (rows,)), "name": f"c{number}"}
        for number, (datatype, size, rows) in enumerate(tensors)
    ]
    try:
        payload = DIALECT.decode(framed({"inputs": inputs}, behind))
    except (BadEncoding, InvalidInput):
        return
    assert {len(values) for values in payload.columns.values()} == {payload.rows}
