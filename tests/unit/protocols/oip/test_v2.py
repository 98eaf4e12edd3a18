from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.messages import Answer, Failure, Payload, Prediction, Request, Response, Warned
from serve_app.core.signature import Column, Output, Signature
from serve_app.errors import BadEncoding, ClientError, InvalidInput, TooLarge
from serve_app.protocols.dialect import Call
from serve_app.protocols.oip.outputs import AnswerForm, RequestedOutput, metadata
from serve_app.protocols.oip.tensors import plain_columns, read_tensors
from serve_app.protocols.oip.v2 import DIALECT

NAMES = ("age", "sex")
PARTS = ["name", "shape", "datatype", "data", "parameters", "binary_data_size"]


def tensor(name: str, data: Any, datatype: str = "FP64", shape: Any = None) -> dict[str, Any]:
    shape = [len(data)] if shape is None else shape
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def decode(
    *inputs: Any, columns: tuple[str, ...] = NAMES, max_rows: int = 100, **more: Any
) -> Payload:
    body = orjson.dumps({"inputs": list(inputs), **more})
    return DIALECT.decode(Call(body, columns, max_rows))


def asking(*names: str, **more: Any) -> AnswerForm:
    return AnswerForm(tuple(RequestedOutput(name) for name in names), **more)


def columns_of(payload: Payload) -> dict[str, list[Any]]:
    return {name: list(values) for name, values in payload.columns.items()}


@pytest.mark.parametrize(
    ("datatype", "data"), [("fp64", [1.5]), ("Int8", [3]), ("bytes", ["f"]), ("bool", [True])]
)
def test_a_datatype_may_be_written_small_as_with_kserve(datatype: str, data: list[Any]) -> None:
    assert columns_of(decode(tensor("age", data, datatype), columns=("age",))) == {"age": data}


def refusal(*inputs: Any, **more: Any) -> str:
    with pytest.raises(BadEncoding) as refused:
        decode(*inputs, **more)
    return refused.value.message


def response(prediction: Prediction, labels: tuple[Any, ...] = (), **payload: Any) -> Response:
    return Response(
        request=Request("diagnosis", Payload({}, len(prediction.values), **payload), "req-1"),
        prediction_id="pred-1",
        snapshot_version=7,
        answer=Answer(prediction, ("a@1", "b@2")),
        labels=labels,
    )


def encoded(answer: Response) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(DIALECT.encode(answer).body)
    return body


class TestInputs:
    @pytest.mark.parametrize("shape", [[2], [2, 1]])
    def test_may_be_one_tensor_per_column_in_any_order(self, shape: list[int]) -> None:
        payload = decode(
            tensor("sex", ["f", None], "BYTES", shape), tensor("age", [1, 2], "INT64", shape)
        )
        assert columns_of(payload) == {"sex": ["f", None], "age": [1, 2]}
        assert payload.rows == 2

    @pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2], [3, 4], [5, 6]]])
    def test_may_be_one_matrix_in_the_order_of_the_schema(self, data: list[Any]) -> None:
        payload = decode(tensor("input-0", data, "FP32", [3, 2]))
        assert columns_of(payload) == {"age": [1, 3, 5], "sex": [2, 4, 6]}

    @pytest.mark.parametrize(
        ("data", "shape"), [([1, 2], [2]), ([1, 2], [2, 1]), ([[1], [2]], [2, 1])]
    )
    def test_of_a_single_column_may_have_any_name(self, data: list[Any], shape: list[int]) -> None:
        payload = decode(tensor("input-0", data, "INT8", shape), columns=("age",))
        assert columns_of(payload) == {"age": [1, 2]}

    @pytest.mark.parametrize("shape", [[0], [0, 1], [0, 2]])
    def test_may_hold_no_rows(self, shape: list[int]) -> None:
        payload = decode(tensor("age", [], shape=shape))
        assert payload.rows == 0
        assert all(not values for values in columns_of(payload).values())

    def test_keep_names_that_the_schema_does_not_know(self) -> None:
        assert "agee" in decode(tensor("agee", [1]), tensor("sex", ["m"], "BYTES")).columns

    def test_keep_integers_beyond_doubles_exact(self) -> None:
        payload = decode(tensor("age", [2**63 - 1], "INT64"), tensor("sex", [2**64 - 1], "UINT64"))
        assert columns_of(payload) == {"age": [2**63 - 1], "sex": [2**64 - 1]}

    def test_may_hold_the_tokens_that_json_does_not_have(self) -> None:
        body = json.dumps({"inputs": [tensor("x", [math.nan, math.inf])]}).encode()
        values = DIALECT.decode(Call(body, ("x",), 9)).columns["x"]
        assert [str(value) for value in values] == ["nan", "inf"]

    def test_come_with_parameters_an_id_and_wanted_outputs(self) -> None:
        payload = decode(
            tensor("age", [1]),
            tensor("sex", [1]),
            id="call-1",
            parameters={"patient_id": 7},
            outputs=[{"name": "predict_proba"}, {"name": "predict"}],
        )
        assert payload.id == "call-1"
        assert payload.keys == {"patient_id": 7}
        assert payload.form == AnswerForm(
            (RequestedOutput("predict_proba"), RequestedOutput("predict"))
        )

    def test_above_the_limit_are_refused(self) -> None:
        with pytest.raises(TooLarge, match="4 rows, above the limit of 3"):
            decode(tensor("age", [1, 2, 3, 4]), max_rows=3)

    @pytest.mark.parametrize(
        ("kind", "data", "values"),
        [
            ("base64", ["ZsO8cg==", None, ""], ["für", None, ""]),
            ("pd_json", ['"f"', "3", "null", "2.5"], ["f", 3, None, 2.5]),
            ("str", ["f", "m"], ["f", "m"]),
            ("pd", ["f", "m"], ["f", "m"]),
            (5, ["f"], ["f"]),
        ],
    )
    def test_may_be_written_by_the_codecs_of_mlserver(
        self, kind: Any, data: list[Any], values: list[Any]
    ) -> None:
        one = {**tensor("sex", data, "BYTES"), "parameters": {"content_type": kind}}
        assert columns_of(decode(one)) == {"sex": values}

    @pytest.mark.parametrize(
        ("kind", "data"), [("base64", "f*"), ("base64", "/w=="), ("pd_json", "{")]
    )
    def test_are_refused_when_they_are_not_coded_as_they_say(self, kind: str, data: str) -> None:
        one = {**tensor("sex", [data], "BYTES"), "parameters": {"content_type": kind}}
        assert f"is not {kind}, as its content_type says" in refusal(one)


CELLS = st.none() | st.integers(-300, 300) | st.floats(-9, 9) | st.booleans() | st.text(max_size=2)
ANY_TENSOR = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["a", "b", "c", 5]),
        "shape": st.sampled_from([[2], [2, 1], [1], [1, 2], [True], [2.0], []]),
        "datatype": st.sampled_from(["FP64", "INT8", "UINT8", "INT64", "BOOL", "BYTES", "FP16"]),
        "data": st.lists(CELLS, min_size=1, max_size=2) | st.just("no"),
    },
    optional={"parameters": st.none() | st.just({"content_type": "base64"}), "more": st.none()},
)


@given(st.lists(ANY_TENSOR, max_size=4))
def test_the_quick_way_reads_nothing_else_than_the_one_that_looks_closely(
    inputs: list[dict[str, Any]],
) -> None:
    quick = plain_columns({"inputs": inputs})
    if quick is not None:
        found, rows = quick
        tensors = read_tensors({"inputs": inputs})
        assert {tensor.rows for tensor in tensors} == {rows}
        assert found == {tensor.name: tensor.values for tensor in tensors}


def test_most_requests_are_read_the_quick_way() -> None:
    inputs = [tensor("a", [1.5, None]), tensor("b", ["x", "y"], "BYTES"), tensor("c", [1, 2])]
    assert plain_columns({"inputs": inputs}) is not None
    inputs[2] = tensor("c", [1, 300], "INT8")
    assert plain_columns({"inputs": inputs}) is None


class TestRefusals:
    @pytest.mark.parametrize("body", [b"{}", b'{"inputs": []}', b'{"inputs": {}}'])
    def test_a_body_without_inputs(self, body: bytes) -> None:
        with pytest.raises(BadEncoding, match="no list 'inputs'"):
            DIALECT.decode(Call(body, NAMES, 9))

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("name", 5, "must have a string 'name'"),
            ("name", None, "must have a string 'name'"),
            ("shape", None, "'shape' must be"),
            ("shape", [], "'shape' must be"),
            ("shape", [1, 1, 1], "'shape' must be"),
            ("shape", [-1], "'shape' must be"),
            ("shape", [True], "'shape' must be"),
            ("shape", [1.0], "'shape' must be"),
            ("shape", [2], "has 1 values, but its shape [2] needs 2"),
            ("shape", [10**18, 10**18], "causes total element count to exceed maximum size of"),
            ("shape", [2**62, 4], "causes total element count to exceed maximum size of"),
            ("shape", [0, 2**62, 4], "causes total element count to exceed maximum size of"),
            ("shape", [2**60, 4], "byte size overflow for input"),
            ("shape", [2**63], "must be [rows]"),
            ("datatype", "float64", "the datatype 'float64' is not spoken here; use BOOL"),
            ("datatype", "fp16", "the datatype 'FP16' is not spoken here as JSON"),
            ("datatype", "FP16", "the datatype 'FP16' is not spoken here as JSON"),
            ("datatype", None, "the datatype null is not spoken here"),
            ("datatype", [], "the datatype a list of 0 is not spoken here"),
            ("data", None, "must have a list 'data', or a parameter"),
            ("data", "abc", "must have a list 'data'"),
            ("data", [[1.0], [2.0]], "has 2 values, but its shape [1] needs 1"),
            ("data", [[[1.0], 2.0]], "has 2 values, but its shape [1] needs 1"),
        ],
    )
    def test_a_tensor_whose_parts_do_not_fit(self, key: str, value: Any, said: str) -> None:
        assert said in refusal({**tensor("age", [1.0]), key: value})

    @pytest.mark.parametrize(
        ("datatype", "value"),
        [
            ("BOOL", 1),
            ("BYTES", 1),
            ("FP32", "1"),
            ("FP64", True),
            ("INT64", 1.5),
            ("INT64", 2**63),
            ("INT8", 128),
            ("INT8", -129),
            ("UINT8", -1),
            ("UINT16", 2**16),
            ("UINT64", 1e30),
        ],
    )
    def test_a_value_that_is_not_of_the_datatype(self, datatype: str, value: Any) -> None:
        assert (
            f"data[1] is {value!r}".lower()
            in refusal(tensor("age", [None, value], datatype)).lower()
        )

    def test_a_matrix_of_another_width(self) -> None:
        assert "shape [rows, 2]" in refusal(tensor("x", [1, 2, 3], shape=[1, 3]))

    @pytest.mark.parametrize(
        "data", [[[1, 2], [3]], [[1, 2], 3], [[1, 2], [3, 4, 5]], [[1, 2]], [1, 2, [3, 4]]]
    )
    def test_ragged_data(self, data: list[Any]) -> None:
        refusal(tensor("x", data, shape=[2, 2]))

    def test_columns_of_different_lengths(self) -> None:
        said = refusal(tensor("age", [1]), tensor("sex", [1, 2]))
        assert "'sex' has 2 rows, but 'age' has 1" in said

    def test_a_name_that_stands_twice(self) -> None:
        assert "'age' stands twice" in refusal(tensor("age", [1]), tensor("age", [1]))

    @pytest.mark.parametrize("outputs", ["x", "", {}, 0, [1], [{"name": "predict"}] * 2])
    def test_outputs_that_are_no_list_of_names(self, outputs: Any) -> None:
        refusal(tensor("x", [1, 2], shape=[1, 2]), outputs=outputs)

    @pytest.mark.parametrize("name", ["probability", None, [], {"a": 1}])
    def test_outputs_that_there_are_not(self, name: Any) -> None:
        with pytest.raises(InvalidInput, match="endpoints give predict and, where"):
            decode(tensor("x", [1, 2], shape=[1, 2]), outputs=[{"name": name}])

    def test_an_input_that_is_no_object(self) -> None:
        assert "inputs[1] must be an object, got 5" in refusal(tensor("age", [1]), 5)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(PARTS), inner),
        )
    )
    def test_whatever_comes_only_client_errors_come_of_it(self, inputs: Any) -> None:
        with pytest.raises(ClientError):
            DIALECT.decode(Call(json.dumps({"inputs": inputs}).encode(), NAMES, 9))

    @pytest.mark.parametrize("shape", [[True], [1, True], [1.0], "1", {"0": 1}, [1, 2]])
    @pytest.mark.parametrize("parameters", [None, {}])
    def test_a_shape_that_is_no_list_of_sizes(self, shape: Any, parameters: Any) -> None:
        one = {**tensor("age", [1], shape=shape), "parameters": parameters}
        refusal(one, columns=("age",))

    @pytest.mark.parametrize("parameters", [5, True, "binary_data_size", [], "x"])
    def test_parameters_that_are_no_object_say_nothing(self, parameters: Any) -> None:
        payload = decode({**tensor("age", [1]), "parameters": parameters}, columns=("age",))
        assert columns_of(payload) == {"age": [1]}


class TestAnswers:
    def test_hold_labels_and_probabilities_as_tensors(self) -> None:
        prediction = Prediction(
            np.array(["b", "a"]), np.array([[0.1, 0.9], [0.8, 0.2]], dtype=np.float32)
        )
        body = encoded(response(prediction, ("a", "b")))
        assert body == {
            "model_name": "diagnosis",
            "model_version": "a@1,b@2",
            "id": "req-1",
            "outputs": [
                {"name": "predict", "shape": [2], "datatype": "BYTES", "data": ["b", "a"]},
                {
                    "name": "predict_proba",
                    "shape": [2, 2],
                    "datatype": "FP64",
                    "data": [0.1, 0.9, 0.8, 0.2],
                },
            ],
            "parameters": {
                "prediction_id": "pred-1",
                "request_id": "req-1",
                "snapshot": 7,
                "classes": '["a","b"]',
            },
        }

    def test_hold_only_the_outputs_that_were_asked_for_in_that_order(self) -> None:
        prediction = Prediction(np.array([1]), np.array([[0.1, 0.9]]))
        asked = response(prediction, (0, 1), form=asking("predict_proba"))
        assert [output["name"] for output in encoded(asked)["outputs"]] == ["predict_proba"]
        asked = response(prediction, (0, 1), form=asking("predict_proba", "predict"))
        names = [output["name"] for output in encoded(asked)["outputs"]]
        assert names == ["predict_proba", "predict"]

    def test_refuse_probabilities_of_a_model_that_gives_none(self) -> None:
        asked = response(Prediction(np.array([1.0])), form=asking("predict_proba"))
        with pytest.raises(InvalidInput, match="no output 'predict_proba'; it has predict"):
            DIALECT.encode(asked)

    def test_echo_the_callers_id(self) -> None:
        assert encoded(response(Prediction(np.array([1])), id="call-1"))["id"] == "call-1"

    def test_have_only_scalars_for_parameters(self) -> None:
        plain = response(Prediction(np.array([1])))
        answer = replace(plain.answer, fallback=True, left_out=(Failure("c@1", "not_ready"),))
        warned = Warned(0, "age", "range", "130", "0 to 120")
        parameters = encoded(plain._replace(answer=answer, warnings=(warned,)))["parameters"]
        assert all(isinstance(value, (str, int, float, bool)) for value in parameters.values())
        assert parameters["fallback"] is True
        assert json.loads(parameters["left_out"]) == [{"variant": "c@1", "code": "not_ready"}]
        assert json.loads(parameters["warnings"])[0]["column"] == "age"

    @pytest.mark.parametrize(
        ("values", "datatype", "data"),
        [
            (np.array([1, 2], dtype=np.int32), "INT64", [1, 2]),
            (np.array([1.5], dtype=np.float32), "FP64", [1.5]),
            (np.array([np.nan, 1.0]), "FP64", [None, 1.0]),
            (np.array([True]), "BOOL", [True]),
            (np.array(["a"], dtype=object), "BYTES", ["a"]),
            (np.array([1, 2], dtype=object), "INT64", [1, 2]),
            (np.array([True], dtype=object), "BOOL", [True]),
            (np.array([0.5], dtype=object), "FP64", [0.5]),
        ],
    )
    def test_name_the_datatype_of_every_dtype(
        self, values: Any, datatype: str, data: list[Any]
    ) -> None:
        (output,) = encoded(response(Prediction(values)))["outputs"]
        assert output["datatype"] == datatype
        assert output["data"] == data

    def test_of_several_numbers_per_row_have_two_dimensions(self) -> None:
        (output,) = encoded(response(Prediction(np.array([[1.0, 2.0], [3.0, 4.0]]).T)))["outputs"]
        assert output["shape"] == [2, 2]
        assert output["data"] == [1.0, 3.0, 2.0, 4.0]


class TestMetadata:
    INPUTS = (Column("age", "int64"), Column("bmi", "float32"), Column("sex", "string"))

    def test_describes_inputs_and_outputs_of_a_classifier(self) -> None:
        output = Output("classification", labels=("a", "b"), probabilities=True)
        described = metadata("diagnosis", Signature(self.INPUTS, output), ["a@1"])
        assert described == {
            "name": "diagnosis",
            "versions": ["a@1"],
            "platform": "serve-app",
            "inputs": [
                {"name": "age", "datatype": "INT64", "shape": [-1]},
                {"name": "bmi", "datatype": "FP32", "shape": [-1]},
                {"name": "sex", "datatype": "BYTES", "shape": [-1]},
            ],
            "outputs": [
                {"name": "predict", "datatype": "BYTES", "shape": [-1]},
                {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 2]},
            ],
        }

    def test_describes_several_numbers_per_row(self) -> None:
        signature = Signature(self.INPUTS, Output("regression", width=3))
        (output,) = metadata("prices", signature, [])["outputs"]
        assert output == {"name": "predict", "datatype": "FP64", "shape": [-1, 3]}

    @pytest.mark.parametrize("labels", [(0, 1), ("a", "b"), (False, True)])
    @pytest.mark.parametrize("dtype", [None, object])
    def test_promises_the_datatypes_that_answers_have(
        self, labels: tuple[Any, ...], dtype: Any
    ) -> None:
        output = Output("classification", labels=labels, probabilities=True)
        described = metadata("x", Signature(self.INPUTS, output), [])["outputs"]
        answer = Prediction(np.array(labels, dtype=dtype), np.full((2, 2), 0.5, dtype=np.float32))
        given = encoded(response(answer, labels))["outputs"]
        assert [o["datatype"] for o in given] == [o["datatype"] for o in described]
