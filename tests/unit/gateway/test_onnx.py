"""Graphs behind the gateway: asked by their own names, in their own types and shapes."""

import asyncio
import json
import socket

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import tritonclient.grpc.aio
import tritonclient.http
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from serve_app.gateway import rpc
from serve_app.gateway.context import Settings
from tests.graphs import identity, predictor_of, simple, simple_of
from tests.unit.gateway.harness import Client, Failing

RNG = np.random.default_rng(2)
X = RNG.normal(size=(40, 4)).astype(np.float32)
FRAME = pd.DataFrame(X, columns=list("abcd"))
THREE = np.where(X[:, 0] > 0.3, "hi", np.where(X[:, 1] > 0, "mid", "lo"))
A = np.arange(16, dtype=np.int32).reshape(1, 16)
B = np.ones((1, 16), dtype=np.int32)


def iris(estimator=None, embedded=False, **options):
    fitted = (estimator or LogisticRegression()).fit(X, THREE)
    types = [("float_input", FloatTensorType([None, 4]))]
    model = to_onnx(fitted, initial_types=types, target_opset=17, **options)
    if embedded:
        model.graph.node.append(helper.make_node("Tanh", ["float_input"], ["embedding"]))
        model.graph.output.append(
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [None, 4])
        )
    return model.SerializeToString()


MATRIX = {"options": {"zipmap": False}}
GRAPHS = {
    "simple": (simple(), None),
    "simple_string": (simple_of(TensorProto.STRING), None),
    "simple_identity": (identity(TensorProto.STRING, [None, None]), None),
    "image": (identity(TensorProto.FLOAT, [None, 2, 3, None]), None),
    "iris": (iris(**MATRIX), FRAME),
    "maps": (iris(), FRAME),
    "embedded": (iris(embedded=True, **MATRIX), FRAME),
    "svc": (iris(LinearSVC()), FRAME),
}


@pytest.fixture(scope="module")
def predictor_and_models():
    return predictor_of(GRAPHS, Failing, "memory://graphs-behind-the-gateway")


@pytest.fixture
def client(predictor_and_models):
    return Client(*predictor_and_models)


def tensor(protocol, name, array):
    kinds = {"int32": "INT32", "float32": "FP32", "object": "BYTES", "int64": "INT64"}
    one = protocol.InferInput(name, list(array.shape), kinds[str(array.dtype)])
    one.set_data_from_numpy(array)
    return one


@pytest.fixture(params=["json", "binary", "grpc"])
def infer(request, client, predictor_and_models):
    """Asks an endpoint by V2 in one of its forms: outputs by name."""

    def by_json(endpoint, inputs, outputs=()):
        kinds = {"int32": "INT32", "float32": "FP32", "object": "BYTES"}
        body = {
            "inputs": [
                {"name": n, "shape": a.shape, "datatype": kinds[str(a.dtype)], "data": a.tolist()}
                for n, a in inputs.items()
            ]
        }
        if outputs:
            body["outputs"] = [{"name": name} for name in outputs]
        answer = client.send("POST", f"/v2/models/{endpoint}/infer", json=body)
        assert answer.status_code == 200, answer.text
        return {
            one["name"]: np.array(one["data"]).reshape(one["shape"])
            for one in answer.json()["outputs"]
        }

    def by_bytes(endpoint, inputs, outputs=()):
        protocol = tritonclient.http
        body, length = protocol.InferenceServerClient.generate_request_body(
            [tensor(protocol, name, array) for name, array in inputs.items()],
            [protocol.InferRequestedOutput(name) for name in outputs] or None,
        )
        answer = client.send(
            "POST",
            f"/v2/models/{endpoint}/infer",
            content=body,
            headers={"Inference-Header-Content-Length": str(length)},
        )
        assert answer.status_code == 200, answer.text
        length = answer.headers["inference-header-content-length"]
        said = protocol.InferenceServerClient.parse_response_body(
            answer.content, header_length=int(length)
        )
        names = [one["name"] for one in said.get_response()["outputs"]]
        return {name: text(said.as_numpy(name)) for name in names}

    def by_grpc(endpoint, inputs, outputs=()):
        protocol = tritonclient.grpc
        predictor, _ = predictor_and_models
        return asyncio.run(
            asked(
                predictor,
                endpoint,
                [tensor(protocol, name, array) for name, array in inputs.items()],
                [protocol.InferRequestedOutput(name) for name in outputs] or None,
            )
        )

    return {"json": by_json, "binary": by_bytes, "grpc": by_grpc}[request.param]


async def asked(predictor, endpoint, inputs, outputs):
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = Settings(max_body_bytes=100_000, max_rows=50)
    service = rpc.InferenceService(predictor, settings, ids=lambda: "id")
    server = await rpc.serve(service, address, 100_000)
    try:
        async with tritonclient.grpc.aio.InferenceServerClient(address) as client:
            said = await client.infer(endpoint, inputs, outputs=outputs)
            names = [one.name for one in said.get_response().outputs]
            return {name: text(said.as_numpy(name)) for name in names}
    finally:
        await server.stop(None)


def text(array):
    if array.dtype.kind not in "OS":
        return array
    return np.array([v.decode() for v in array.reshape(-1)]).reshape(array.shape)


def test_tritons_simple_adds_and_subtracts(infer):
    said = infer("simple", {"INPUT0": A, "INPUT1": B})
    assert list(said) == ["OUTPUT0", "OUTPUT1"]
    assert said["OUTPUT0"].tolist() == (A + B).tolist()
    assert said["OUTPUT1"].tolist() == (A - B).tolist()
    rows = {"INPUT0": np.concatenate([A, A * 2, A * 3]), "INPUT1": np.repeat(B, 3, axis=0)}
    said = infer("simple", rows, ["OUTPUT1"])
    assert list(said) == ["OUTPUT1"]
    assert said["OUTPUT1"].tolist() == (rows["INPUT0"] - rows["INPUT1"]).tolist()


@pytest.mark.parametrize("endpoint", ["simple_string", "cached"])
def test_tritons_simple_string_does_so_in_text(infer, endpoint):
    words = {"INPUT0": A.astype(str).astype(object), "INPUT1": B.astype(str).astype(object)}
    for _ in range(2):
        said = infer(endpoint, words)
        assert said["OUTPUT0"].tolist() == (A + B).astype(str).tolist()
        assert said["OUTPUT1"].tolist() == (A - B).astype(str).tolist()


@pytest.mark.parametrize("width", [1, 5])
def test_tritons_identity_gives_back_rows_of_any_width(infer, width):
    words = np.array([[f"{row}ä{j}" for j in range(width)] for row in range(3)], dtype=object)
    assert infer("simple_identity", {"INPUT0": words})["OUTPUT0"].tolist() == words.tolist()


def test_tensors_of_four_dimensions_keep_their_shape(infer):
    array = RNG.normal(size=(2, 2, 3, 5)).astype(np.float32)
    assert infer("image", {"INPUT0": array})["OUTPUT0"].astype("f4").tolist() == array.tolist()


@pytest.mark.parametrize(("endpoint", "prefix"), [("iris", ""), ("maps", "output_")])
def test_a_matrix_is_asked_by_its_own_name_and_by_column(infer, endpoint, prefix):
    fitted = LogisticRegression().fit(X, THREE)
    names = [f"{prefix}label", f"{prefix}{'probability' if prefix else 'probabilities'}"]
    by_column = {name: X[:, j] for j, name in enumerate("abcd")}
    for inputs in ({"float_input": X}, by_column):
        said = infer(endpoint, inputs)
        assert list(said) == names
        assert said[names[0]].tolist() == fitted.predict(X).tolist()
        assert said[names[1]] == pytest.approx(fitted.predict_proba(X), abs=1e-5)
    said = infer(endpoint, by_column, [names[1], "predict"])
    assert list(said) == [names[1], "predict"]
    assert said["predict"].tolist() == fitted.predict(X).tolist()


def test_extra_outputs_stand_beside_label_and_probabilities(infer, client):
    said = infer("embedded", {"float_input": X})
    assert list(said) == ["label", "probabilities", "embedding"]
    assert said["embedding"] == pytest.approx(np.tanh(X), abs=1e-6)
    body = client.predict("embedded", *FRAME.head(2).to_dict("records")).json()
    assert body["predictions"] == LogisticRegression().fit(X, THREE).predict(X[:2]).tolist()
    assert list(body["outputs"]) == ["embedding"]
    assert np.array(body["outputs"]["embedding"]) == pytest.approx(np.tanh(X[:2]), abs=1e-6)


def test_decision_scores_are_asked_as_raw_scores(infer, client):
    fitted = LinearSVC().fit(X, THREE)
    said = infer("svc", {"float_input": X}, ["raw_scores", "predict"])
    assert said["raw_scores"] == pytest.approx(fitted.decision_function(X), abs=1e-4)
    assert said["predict"].tolist() == fitted.predict(X).tolist()
    assert "probabilities" not in client.predict("svc", FRAME.iloc[0].to_dict()).json()


def test_metadata_are_those_of_the_graph(client):
    described = client.get("/v2/models/simple").json()
    assert described["inputs"] == [
        {"name": f"INPUT{j}", "datatype": "INT32", "shape": [-1, 16]} for j in (0, 1)
    ]
    assert described["outputs"] == [
        {"name": f"OUTPUT{j}", "datatype": "INT32", "shape": [-1, 16]} for j in (0, 1)
    ]
    described = client.get("/v2/models/iris").json()
    assert described["inputs"] == [{"name": "float_input", "datatype": "FP32", "shape": [-1, 4]}]
    assert described["outputs"] == [
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
    ]


def test_other_dialects_answer_by_the_names_of_outputs_or_refuse(client):
    row = {"INPUT0": A[0].tolist(), "INPUT1": B[0].tolist()}
    body = client.predict("simple", row, row).json()
    one = {"OUTPUT0": (A + B)[0].tolist(), "OUTPUT1": (A - B)[0].tolist()}
    assert body["predictions"] == [one, one]
    assert body["outputs"] == {name: [values, values] for name, values in one.items()}
    answer = client.send(
        "POST",
        "/endpoints/simple/invocations",
        json={"instances": [row]},
        headers={"accept": "text/csv"},
    )
    assert answer.status_code == 400
    assert "OUTPUT0, OUTPUT1" in answer.text
    answer = client.send("POST", "/endpoints/simple/invocations", json={"instances": [row]})
    assert answer.json()["predictions"] == [one]
    strict = client.send("POST", "/tfs/v1/models/simple:predict", json={"instances": [row]})
    assert strict.json() == {"predictions": [one]}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"INPUT0": A[0].tolist()}, "INPUT1"),
        ({"INPUT0": A[0].tolist(), "INPUT1": [1, 2]}, "a list of shape [16] of int32"),
        ({"INPUT0": A[0].tolist(), "INPUT1": [0.5] * 16}, "a list of shape [16] of int32"),
        ({"INPUT0": A[0].tolist(), "INPUT1": [2**40] * 16}, "a list of shape [16] of int32"),
        ({"INPUT0": A[0].tolist(), "INPUT1": 7}, "a list of shape [16] of int32"),
        ({"INPUT0": A[0].tolist(), "INPUT1": ["1"] * 16}, "a list of shape [16] of int32"),
        ({"INPUT0": A[0].tolist(), "INPUT1": [None] * 16}, "a list of shape [16] of int32"),
    ],
)
def test_what_is_no_such_tensor_is_refused(client, row, said):
    answer = client.predict("simple", row)
    assert answer.status_code in {400, 422}
    assert said in json.dumps(answer.json())


def test_a_tensor_of_another_shape_or_an_unknown_output_is_refused(client):
    one = {"name": "INPUT0", "shape": [1, 8], "datatype": "INT32", "data": [0] * 8}
    two = {"name": "INPUT1", "shape": [1, 16], "datatype": "INT32", "data": [0] * 16}
    answer = client.send("POST", "/v2/models/simple/infer", json={"inputs": [one, two]})
    assert answer.status_code == 400
    said = "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,8]"
    assert answer.json()["error"] == f"{said}: the graph takes [rows, 16]"
    whole = {**two, "name": "INPUT0"}
    body = {"inputs": [whole, two], "outputs": [{"name": "OUTPUT7"}]}
    answer = client.send("POST", "/v2/models/simple/infer", json=body)
    assert "OUTPUT0, OUTPUT1" in answer.text


def test_documentation_and_schemas_are_made_of_such_endpoints(client):
    document = client.get("/openapi.json").json()
    properties = document["components"]["schemas"]["simple.Row"]["properties"]
    assert properties["INPUT0"]["type"] == "array"
    assert client.get("/docs").status_code == 200


def test_raw_bytes_are_one_tensor(client):
    answer = client.send(
        "POST",
        "/v2/models/iris/infer",
        content=X[:2].tobytes(),
        headers={"Inference-Header-Content-Length": "0"},
    )
    length = int(answer.headers["inference-header-content-length"])
    names = [one["name"] for one in json.loads(answer.content[:length])["outputs"]]
    assert names == ["label", "probabilities"]


def test_right_values_come_from_the_runtime_itself():
    opened = onnxruntime.InferenceSession(simple())
    said = opened.run(None, {"INPUT0": A, "INPUT1": B})
    assert [one.tolist() for one in said] == [(A + B).tolist(), (A - B).tolist()]
    assert onnx.load_from_string(simple()).graph.input[0].name == "INPUT0"
