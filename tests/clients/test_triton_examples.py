"""What the examples and tests of Triton send to graphs, by its own client and by bare messages."""

import base64
import dataclasses
import itertools
import json

import grpc
import httpx
import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from onnx import TensorProto
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException, deserialize_bytes_tensor

from serve_app.engine.local import LocalModels
from serve_app.gateway.context import Settings
from tests.clients import running
from tests.graphs import identity, predictor_of, simple, simple_of

GRAPHS = {
    "simple": (simple(), None),
    "simple_int8": (simple_of(TensorProto.INT8), None),
    "simple_string": (simple_of(TensorProto.STRING), None),
    "simple_identity": (identity(TensorProto.STRING, [None, None]), None),
    "zero_float": (identity(TensorProto.FLOAT, [None, None]), None),
    "zero_float_open": (identity(TensorProto.FLOAT, [None, None, None]), None),
    "zero_three": (identity(TensorProto.FLOAT, [None, 8], inputs=3), None),
    "zero_text": (identity(TensorProto.STRING, [None, 1]), None),
}
SETTINGS = Settings(
    max_body_bytes=1_000_000,
    max_rows=1000,
    default_endpoint="simple",
    server_name="triton",
    predict_route="/predict",
    health_route="/health",
)
ONES = [1] * 16
COUNT = list(range(16))
SUM = [v + 1 for v in COUNT]
LESS = [v - 1 for v in COUNT]
SAGEMAKER = "application/vnd.sagemaker-triton.binary+json"
VERTEX = "application/vnd.vertex-ai-triton.binary+json"


@dataclasses.dataclass(frozen=True)
class Served:
    http: str
    grpc: str

    def post(self, path, content, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(f"http://{self.http}{path}", content=content, headers=named)


@pytest.fixture(scope="module")
def served():
    predictor, _ = predictor_of(GRAPHS, LocalModels, "memory://graphs-of-triton")
    numbers = itertools.count(1)
    with running.gateway(predictor, SETTINGS, lambda: f"id-{next(numbers)}") as (http, grpc):
        yield Served(http, grpc)


@pytest.fixture
def stub(served):
    with grpc.insecure_channel(served.grpc) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def typed(model, datatype, field, values, outputs=("OUTPUT0", "OUTPUT1")):
    """A request as the explicit-content examples write it."""
    request = service_pb2.ModelInferRequest(model_name=model)
    for name, data in zip(("INPUT0", "INPUT1"), values, strict=True):
        tensor = request.inputs.add(name=name, datatype=datatype, shape=[1, 16])
        getattr(tensor.contents, field).extend(data)
    for name in outputs:
        request.outputs.add(name=name)
    return request


@pytest.mark.parametrize(
    ("model", "datatype", "dtype"), [("simple", "INT32", "<i4"), ("simple_int8", "INT8", "i1")]
)
def test_explicit_integers_are_answered_raw_where_a_graphs_outputs_are_named(
    stub, model, datatype, dtype
):
    answer = stub.ModelInfer(typed(model, datatype, "int_contents", (COUNT, ONES)))
    said = [np.frombuffer(raw, dtype).tolist() for raw in answer.raw_output_contents]
    assert said == [SUM, LESS]


def test_explicit_texts_are_answered_raw_where_a_graphs_outputs_are_named(stub):
    texts = [[str(value).encode() for value in values] for values in (COUNT, ONES)]
    answer = stub.ModelInfer(typed("simple_string", "BYTES", "bytes_contents", texts))
    said = [deserialize_bytes_tensor(raw).tolist() for raw in answer.raw_output_contents]
    assert [[int(text) for text in texts] for texts in said] == [SUM, LESS]


def test_explicit_integers_are_answered_typed_where_no_output_is_named(stub):
    answer = stub.ModelInfer(typed("simple", "INT32", "int_contents", (COUNT, ONES), ()))
    assert [list(output.contents.int_contents) for output in answer.outputs] == [SUM, LESS]
    assert not answer.raw_output_contents


def test_contents_and_raw_contents_are_not_taken_together(stub):
    request = typed("simple", "INT32", "int_contents", (COUNT, ONES))
    request.raw_input_contents.append(np.array(COUNT[:8]).tobytes())
    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (
        "contents field must not be specified when using raw_input_contents for 'INPUT0' for "
        "model 'simple'"
    ) in refused.value.details()


@pytest.mark.parametrize(
    ("model", "version", "first"),
    [
        ("nobody", "", "Request for unknown model: 'nobody' is not found"),
        ("simple", "7", "Request for unknown model: 'simple' version 7 is not found"),
        ("simple", "wrong", "failed to get model version from specified version string 'wrong'"),
    ],
)
def test_what_is_unknown_is_said_in_tritons_first_words(served, model, version, first):
    for protocol in (tritonclient.grpc, tritonclient.http):
        place = served.grpc if protocol is tritonclient.grpc else served.http
        with protocol.InferenceServerClient(place) as client:
            both = [protocol.InferInput(f"INPUT{j}", [1, 16], "INT32") for j in (0, 1)]
            for one in both:
                one.set_data_from_numpy(np.array([COUNT], dtype=np.int32))
            for call in (
                lambda c: c.get_model_metadata(model, version),
                lambda c: c.get_model_config(model, version),
                lambda c, both=both: c.infer(model, both, model_version=version),
            ):
                with pytest.raises(InferenceServerException) as refused:
                    call(client)
                assert refused.value.message().startswith(first)


@pytest.mark.parametrize(
    ("given", "listed", "missing"),
    [
        ([], "", "'INPUT0','INPUT1','INPUT2'"),
        (["INPUT1"], "'INPUT1'", "'INPUT0','INPUT2'"),
    ],
)
def test_inputs_that_are_missing_are_named_as_triton_names_them(served, given, listed, missing):
    said = (
        f"expected 3 inputs but got {len(given)} inputs for model 'zero_three'. Got input(s) "
        f"[{listed}], but missing required input(s) [{missing}]. Please provide all required "
        "input(s)."
    )
    for protocol in (tritonclient.grpc, tritonclient.http):
        place = served.grpc if protocol is tritonclient.grpc else served.http
        made = []
        for name in given:
            one = protocol.InferInput(name, [1, 8], "FP32")
            one.set_data_from_numpy(np.zeros((1, 8), dtype=np.float32))
            made.append(one)
        if protocol is tritonclient.http and not given:
            continue
        with (
            protocol.InferenceServerClient(place) as client,
            pytest.raises(InferenceServerException) as refused,
        ):
            client.infer("zero_three", made)
        assert refused.value.message() == said


def test_texts_with_nulls_and_bytes_go_through_an_identity(served):
    for protocol in (tritonclient.grpc, tritonclient.http):
        place = served.grpc if protocol is tritonclient.grpc else served.http
        texts = np.array([[b"he\x00llo"] * 16], dtype=np.object_)
        blobs = np.array([[b"\x00\x01\x02\x03"] * 16], dtype=np.bytes_)
        with protocol.InferenceServerClient(place) as client:
            for array in (texts, blobs):
                one = protocol.InferInput("INPUT0", array.shape, "BYTES")
                one.set_data_from_numpy(array)
                answer = client.infer("simple_identity", [one])
                assert answer.as_numpy("OUTPUT0").tolist() == array.tolist()


def test_tracing_is_off_and_stays_so(served):
    for protocol in (tritonclient.grpc, tritonclient.http):
        place = served.grpc if protocol is tritonclient.grpc else served.http
        with protocol.InferenceServerClient(place) as client:
            for answer in (
                client.get_trace_settings(),
                client.get_trace_settings("simple"),
                client.update_trace_settings(),
            ):
                said = answer if isinstance(answer, dict) else answer.settings
                level = said["trace_level"]
                assert list(getattr(level, "value", level)) == ["OFF"]
            with pytest.raises(InferenceServerException, match="not traced"):
                client.update_trace_settings(settings={"trace_level": ["TIMESTAMPS"]})
            with pytest.raises(InferenceServerException, match="unknown model"):
                client.get_trace_settings("nobody")


def test_memory_is_not_shared_and_nothing_has_to_be_given_up(served):
    with tritonclient.grpc.InferenceServerClient(served.grpc) as client:
        for kind in ("system", "cuda"):
            status = getattr(client, f"get_{kind}_shared_memory_status")
            assert not status(as_json=True)
            getattr(client, f"unregister_{kind}_shared_memory")()
        with pytest.raises(InferenceServerException, match="memory is not shared"):
            client.register_system_shared_memory("a", "/a", 8)


def raw_body(served, model, content):
    return served.post(f"/v2/models/{model}/infer", content, inference_header_content_length="0")


@pytest.mark.parametrize(
    ("model", "content", "behind"),
    [
        ("zero_float", np.arange(8, dtype="<f4").tobytes(), np.arange(8, dtype="<f4").tobytes()),
        ("zero_text", b"427", b"\x03\x00\x00\x00427"),
        ("zero_text", b"", b"\x00\x00\x00\x00"),
    ],
)
def test_bytes_alone_are_the_one_input_of_a_graph(served, model, content, behind):
    answer = raw_body(served, model, content)
    assert answer.status_code == 200, answer.text
    assert answer.content[int(answer.headers["inference-header-content-length"]) :] == behind


@pytest.mark.parametrize(
    ("model", "content", "said"),
    [
        (
            "simple_identity",
            b"427",
            "For BYTE datatype raw input 'INPUT0', the model must have input shape [1]",
        ),
        (
            "zero_float_open",
            bytes(16),
            "can not be deduced because there are more than one variable-sized dimension",
        ),
        (
            "zero_three",
            bytes(96),
            "Raw request must only have 1 input (found 1) to be deduced but got 3 inputs in",
        ),
        ("zero_text", b"\xff", "not UTF-8"),
        ("zero_float", bytes(5), "5 bytes"),
    ],
)
def test_bytes_that_do_not_say_their_shape_are_refused(served, model, content, said):
    answer = raw_body(served, model, content)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def tensors(*inputs, **more):
    names = ("INPUT0", "INPUT1")
    made = [
        {"name": name, "shape": [1, 16], "datatype": "INT32", "data": data}
        for name, data in zip(names, inputs, strict=False)
    ]
    return {"inputs": made, **more}


def nested(value, depth):
    for _ in range(depth):
        value = [value]
    return value


def test_lists_may_be_deeper_than_the_shape_up_to_a_hundred(served):
    place = f"http://{served.http}/v2/models/simple_identity/infer"
    for depth, status in ((1, 200), (2, 200), (50, 200), (120, 400)):
        one = {"name": "INPUT0", "shape": [1, 1], "datatype": "BYTES", "data": nested("x", depth)}
        answer = httpx.post(place, json={"inputs": [one]})
        assert answer.status_code == status, answer.text
        if status == 200:
            assert answer.json()["outputs"][0]["data"] == ["x"]
        else:
            said = "JSON nesting depth exceeds maximum allowed limit (100)"
            assert said in answer.json()["error"]
    ragged = {"name": "INPUT0", "shape": [1, 2], "datatype": "BYTES", "data": [[["x"], ["y", "z"]]]}
    assert httpx.post(place, json={"inputs": [ragged]}).status_code == 400


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ([2**4, 2**60 + 2], "causes total element count to exceed maximum size of"),
        ([2**2, 2**60 + 2], "byte size overflow for input"),
    ],
)
def test_shapes_that_cannot_be_counted_are_refused_in_words(served, shape, said):
    one = {"name": "INPUT0", "shape": shape, "datatype": "FP32", "data": [1.0]}
    answer = httpx.post(f"http://{served.http}/v2/models/zero_float/infer", json={"inputs": [one]})
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_an_output_is_named_once(served):
    body = tensors(COUNT, ONES, outputs=[{"name": "OUTPUT0"}, {"name": "OUTPUT0"}])
    answer = httpx.post(f"http://{served.http}/v2/models/simple/infer", json=body)
    assert answer.status_code == 400
    assert "output 'OUTPUT0' already exists in request" in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "status"), [("", 200), ("{}", 200), ('{"ready": true}', 200), ('{"ready": [1]}', 400)]
)
def test_the_repository_is_listed_for_who_asks_rightly(served, body, status):
    answer = served.post("/v2/repository/index", body)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["error"].startswith("Invalid value for 'ready': expected a boolean")


DOORS = {
    "/invocations": SAGEMAKER,
    "/endpoints/simple/invocations": SAGEMAKER,
    "/models/simple/invoke": SAGEMAKER,
    "/sagemaker/invocations": SAGEMAKER,
    "/sagemaker/models/simple/invoke": SAGEMAKER,
    "/predict": VERTEX,
    "/vertex/predict": VERTEX,
    "/vertex/v1/endpoints/7/deployedModels/8:predict": VERTEX,
    "/v1/projects/p/locations/l/endpoints/simple:predict": VERTEX,
    "/v1/projects/p/locations/l/endpoints/simple:rawPredict": VERTEX,
}
"""Paths of other systems, and the content type that Triton gives binary bodies there."""


@pytest.fixture(params=DOORS)
def door(request):
    return request.param


def by_client(binary_inputs, binary_outputs):
    """A body as tritonclient writes it, and the length of its JSON."""
    made, wanted = [], []
    for name, values in (("INPUT0", COUNT), ("INPUT1", ONES)):
        one = tritonclient.http.InferInput(name, [1, 16], "INT32")
        one.set_data_from_numpy(np.array([values], dtype=np.int32), binary_data=binary_inputs)
        made.append(one)
        binary_inputs = False
    for name in ("OUTPUT0", "OUTPUT1"):
        wanted.append(tritonclient.http.InferRequestedOutput(name, binary_data=binary_outputs))
        binary_outputs = False
    return tritonclient.http.InferenceServerClient.generate_request_body(made, outputs=wanted)


def read(answer, length=None):
    assert answer.status_code == 200, answer.text
    said = tritonclient.http.InferenceServerClient.parse_response_body(
        answer.content, header_length=length
    )
    return [said.as_numpy(name)[0].tolist() for name in ("OUTPUT0", "OUTPUT1")]


def test_v2_bodies_are_answered_at_other_doors_in_tritons_very_form(served, door):
    answer = served.post(door, by_client(False, False)[0], content_type="application/json")
    assert answer.json() == {
        "model_name": "simple",
        "model_version": "1",
        "outputs": [
            {"name": "OUTPUT0", "datatype": "INT32", "shape": [1, 16], "data": SUM},
            {"name": "OUTPUT1", "datatype": "INT32", "shape": [1, 16], "data": LESS},
        ],
    }
    assert answer.headers["content-type"] == "application/json"
    with_id = {**tensors(COUNT, ONES), "id": "call-7"}
    assert httpx.post(f"http://{served.http}{door}", json=with_id).json()["id"] == "call-7"


def test_binary_bodies_say_their_length_in_the_content_type_both_ways(served, door):
    kind = DOORS[door]
    body, length = by_client(True, True)
    answer = served.post(door, body, content_type=f"{kind};json-header-size={length}")
    said, _, size = answer.headers["content-type"].partition(";json-header-size=")
    assert said == kind
    assert read(answer, int(size)) == [SUM, LESS]
    assert answer.headers["inference-header-content-length"] == size
    body, length = by_client(True, False)
    answer = served.post(
        door, body, content_type="application/octet-stream",
        inference_header_content_length=str(length),
    )  # fmt: skip
    assert read(answer) == [SUM, LESS]


@pytest.mark.parametrize(
    "broken",
    [
        "additional-string/{kind};json-header-size={length}",
        "{kind};json-header-size=additional-string{length}",
        "{kind};json-header-size=-123",
        "{kind};json-header-size=12345",
        "{kind};json-header-size=99999999999",
        "{kind};json-header-size=",
        "{kind};something=12",
        "{kind}",
    ],
)
def test_a_content_type_that_does_not_say_the_length_is_refused(served, door, broken):
    body, length = by_client(True, False)
    kind = broken.format(kind=DOORS[door], length=length)
    answer = served.post(door, body, content_type=kind)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "json-header-size" in (error if isinstance(error, str) else error["message"])


def test_what_is_wrong_with_tensors_is_said_in_the_words_of_the_door(served, door):
    answer = httpx.post(f"http://{served.http}{door}", json=tensors(COUNT[:3], ONES))
    assert answer.status_code == 400
    error = answer.json()["error"]
    said = error if isinstance(error, str) else error["message"]
    assert "'INPUT0' has 3 values, but its shape [1, 16] needs 16" in said
    if door.startswith("/sagemaker"):
        assert answer.headers["x-amzn-errortype"] == "ValidationError"


def test_the_usual_bodies_are_answered_as_usual(served, door):
    body = {"instances": [{"INPUT0": COUNT, "INPUT1": ONES}]}
    answer = httpx.post(f"http://{served.http}{door}", json=body).json()
    rows = answer if isinstance(answer, list) else answer["predictions"]
    assert rows == [{"OUTPUT0": SUM, "OUTPUT1": LESS}]
    octets = served.post(door, b"123", content_type="application/octet-stream")
    assert octets.status_code == 415


REDIRECTED = [door for door, kind in DOORS.items() if kind == VERTEX]


@pytest.fixture(params=REDIRECTED)
def vertex(request, served):
    def ask(to, content=b"", **headers):
        headers = {"x_vertex_ai_triton_redirect": to, **headers}
        return served.post(request.param, content, **headers)

    return ask


def test_a_redirect_asks_another_model(vertex):
    body, length = by_client(True, True)
    kind = {"content_type": f"{VERTEX};json-header-size={length}"}
    for path in ("v2/models/simple/infer", "/v2/models/simple/versions/1/infer"):
        answer = vertex(path, body, **kind)
        size = int(answer.headers["inference-header-content-length"])
        assert answer.headers["content-type"] == f"{VERTEX};json-header-size={size}"
        assert read(answer, size) == [SUM, LESS]
    texts = {"name": "INPUT0", "shape": [1, 1], "datatype": "BYTES", "data": ["ä"]}
    answer = vertex("v2/models/simple%5Fidentity/infer", httpx.Request(
        "POST", "http://x", json={"inputs": [texts]}).content)  # fmt: skip
    assert answer.json()["outputs"][0]["data"] == ["ä"]


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("v2", "name", "triton"),
        ("v2/health/ready", "ready", True),
        ("v2/health/live", "live", True),
        ("v2/models/simple", "name", "simple"),
        ("v2/models/simple/versions/1", "name", "simple"),
        ("v2/models/simple/ready", "ready", True),
        ("v2/models/simple/config", "max_batch_size", 0),
        ("v2/models/simple/stats", "model_stats", None),
        ("v2/models/stats", "model_stats", None),
    ],
)
def test_a_redirect_reads_what_triton_tells(vertex, path, key, value):
    answer = vertex(path, b"{}")
    assert answer.status_code == 200, answer.text
    assert value in {None, str(answer.json()[key])} or answer.json()[key] == value
    assert vertex("v2/repository/index").json()[0]["state"] == "READY"
    assert vertex("v2/systemsharedmemory/status").json() == []


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("v2/models/nobody/infer", 404, "Request for unknown model: 'nobody' is not found"),
        ("v2/repository/models/simple/load", 403, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/repository/models/simple/unload", 403, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/systemsharedmemory/region/a/register", 403, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/cudasharedmemory/unregister", 403, "X-Vertex-Ai-Triton-Redirect"),
        ("v1/endpoints", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("//v2/models/simple", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/models/../../v1/status", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/models/..%2f..%2fv1/infer", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/models/%2e%2e/infer", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/models/simple/infer?x=1", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("http://elsewhere/v2/models/simple", 400, "X-Vertex-Ai-Triton-Redirect"),
        ("v2/models/simple%0d%0a/infer", 400, "X-Vertex-Ai-Triton-Redirect"),
    ],
)
def test_a_redirect_goes_nowhere_else(vertex, path, status, said):
    answer = vertex(path, b"{}")
    assert answer.status_code == status
    assert said in answer.json()["error"]


def test_googles_wrapped_bodies_may_hold_tensors(served):
    body, length = by_client(True, True)
    kind = f"{VERTEX};json-header-size={length}"
    wrapped = {"httpBody": {"contentType": kind, "data": base64.b64encode(body).decode()}}
    answer = httpx.post(
        f"http://{served.http}/v1/projects/p/locations/l/endpoints/simple:rawPredict", json=wrapped
    )
    said = json.loads(answer.content)
    size = int(said["contentType"].partition("=")[2])
    content = base64.b64decode(said["data"])
    read_back = tritonclient.http.InferenceServerClient.parse_response_body(
        content, header_length=size
    )
    assert read_back.as_numpy("OUTPUT0")[0].tolist() == SUM
