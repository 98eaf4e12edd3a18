"""tritonclient, unmodified and with its own defaults, over HTTP and over gRPC."""

import numpy as np
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

from serve_app.models.frames import to_columns

ROWS = 50
NAMES = ("age", "dose")


@pytest.fixture(params=["http", "grpc"])
def protocol(request):
    return getattr(tritonclient, request.param)


@pytest.fixture
def client(protocol, served):
    made = protocol.InferenceServerClient(getattr(served, protocol.__name__.rpartition(".")[2]))
    yield made
    made.close()


def inputs(protocol, frame, dtype=np.float64):
    """A tensor per column."""
    made = []
    for name in NAMES:
        array = frame[name].to_numpy(dtype)[:ROWS]
        one = protocol.InferInput(name, array.shape, "FP64" if dtype == np.float64 else "FP32")
        one.set_data_from_numpy(array)
        made.append(one)
    return made


def expected(served, version, frame):
    return served.models[version].predict(to_columns(frame.head(ROWS)))


def test_the_server_and_its_models_tell_of_themselves(protocol, client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("risk")
    assert client.is_model_ready("risk", "other@1")
    assert not client.is_model_ready("nobody")
    json = {"as_json": True} if protocol is tritonclient.grpc else {}
    server = client.get_server_metadata(**json)
    assert server["name"] == "triton"
    assert "binary_tensor_data" in server["extensions"]
    described = client.get_model_metadata("risk", **json)
    assert [tensor["name"] for tensor in described["inputs"]] == list(NAMES)
    assert {tensor["datatype"] for tensor in described["inputs"]} == {"FP64"}
    assert [tensor["name"] for tensor in described["outputs"]] == ["predict", "predict_proba"]


def test_a_prediction_is_that_of_the_model(protocol, client, served, frame):
    answer = client.infer("risk", inputs(protocol, frame))
    model = expected(served, "logistic@1", frame)
    assert [label.decode() for label in answer.as_numpy("predict")] == model.values.tolist()
    assert answer.as_numpy("predict_proba").tobytes() == model.probabilities.tobytes()


def test_raw_scores_come_to_who_names_them(protocol, client, served, frame):
    outputs = [protocol.InferRequestedOutput(name) for name in ("raw_scores", "predict")]
    answer = client.infer("risk", inputs(protocol, frame), outputs=outputs)
    model = served.models["logistic@1"].predict_with_scores(to_columns(frame.head(ROWS)))
    assert answer.as_numpy("raw_scores").tobytes() == model.scores.tobytes()
    assert [label.decode() for label in answer.as_numpy("predict")] == model.values.tolist()
    assert answer.as_numpy("predict_proba") is None
    with pytest.raises(InferenceServerException, match="line@1: this version has no raw scores"):
        client.infer("age", inputs(protocol, frame), outputs=outputs)


def test_one_version_is_asked_by_its_name(protocol, client, served, frame):
    answer = client.infer("risk", inputs(protocol, frame), model_version="other@1")
    model = expected(served, "other@1", frame)
    assert answer.as_numpy("predict_proba").tobytes() == model.probabilities.tobytes()


def test_a_matrix_is_in_the_order_of_the_schema(protocol, client, served, frame):
    matrix = np.ascontiguousarray(frame.head(ROWS).to_numpy())
    one = protocol.InferInput("input-0", matrix.shape, "FP64")
    one.set_data_from_numpy(matrix)
    answer = client.infer("age", [one])
    assert (
        answer.as_numpy("predict").tobytes() == expected(served, "line@1", frame).values.tobytes()
    )


def test_outputs_and_classes_are_those_that_are_asked_for(protocol, client, served, frame):
    wanted = [protocol.InferRequestedOutput("predict_proba", class_count=1)]
    answer = client.infer("risk", inputs(protocol, frame), outputs=wanted, request_id="call-1")
    model = expected(served, "logistic@1", frame)
    said = [text.decode().split(":") for text in answer.as_numpy("predict_proba").reshape(-1)]
    assert [label for _, _, label in said] == model.values.tolist()
    assert answer.as_numpy("predict") is None


def test_no_rows_are_answered_with_no_rows(protocol, client, frame):
    answer = client.infer("age", inputs(protocol, frame.head(0)))
    assert answer.as_numpy("predict").shape == (0,)


@pytest.mark.parametrize(
    ("model", "version", "said"),
    [("nobody", "", "no endpoint 'nobody'"), ("risk", "9", "no version '9'")],
)
def test_what_is_not_there_is_said(protocol, client, frame, model, version, said):
    with pytest.raises(InferenceServerException, match=said) as refused:
        client.infer(model, inputs(protocol, frame), model_version=version)
    if protocol is tritonclient.grpc:
        assert refused.value.status() == "StatusCode.NOT_FOUND"


def test_what_does_not_fit_is_said(protocol, client, frame):
    with pytest.raises(InferenceServerException, match="dose") as refused:
        client.infer("risk", inputs(protocol, frame)[:1])
    if protocol is tritonclient.grpc:
        assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
    with pytest.raises(InferenceServerException, match="'predict_logits'"):
        client.infer(
            "risk",
            inputs(protocol, frame),
            outputs=[protocol.InferRequestedOutput("predict_logits")],
        )


def test_json_tensors_are_answered_alike(served, frame):
    client = tritonclient.http.InferenceServerClient(served.http)
    made = []
    for name in NAMES:
        array = frame[name].to_numpy()[:ROWS]
        one = tritonclient.http.InferInput(name, array.shape, "FP64")
        one.set_data_from_numpy(array, binary_data=False)
        made.append(one)
    wanted = [tritonclient.http.InferRequestedOutput("predict_proba", binary_data=False)]
    answer = client.infer("risk", made, outputs=wanted)
    model = expected(served, "logistic@1", frame)
    assert answer.as_numpy("predict_proba").tobytes() == model.probabilities.tobytes()
    client.close()


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_bodies_may_be_compressed(served, frame, algorithm):
    client = tritonclient.http.InferenceServerClient(served.http)
    answer = client.infer(
        "risk",
        inputs(tritonclient.http, frame),
        request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )
    assert len(answer.as_numpy("predict")) == ROWS
    client.close()


async def test_the_asynchronous_client_is_answered(served, frame):
    import tritonclient.http.aio as protocol

    async with protocol.InferenceServerClient(served.http) as client:
        assert await client.is_server_ready()
        answer = await client.infer("age", inputs(protocol, frame))
    assert answer.as_numpy("predict").shape == (ROWS,)


def test_the_service_is_described_and_watched(served):
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
        ProtoReflectionDescriptorDatabase,
    )

    with grpc.insecure_channel(served.grpc) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert "inference.GRPCInferenceService" in database.get_services()
        alive = health_pb2_grpc.HealthStub(channel).Check(
            health_pb2.HealthCheckRequest(service="inference.GRPCInferenceService")
        )
    assert alive.status == health_pb2.HealthCheckResponse.SERVING


def test_models_are_configured_counted_and_listed_as_triton_does(protocol, client, frame):
    json = {"as_json": True} if protocol is tritonclient.grpc else {}
    configured = client.get_model_config("risk", **json)
    configured = configured.get("config", configured)
    assert configured["name"] == "risk"
    assert configured["input"][0]["data_type"] == "TYPE_FP64"
    assert configured["output"][0]["data_type"] == "TYPE_STRING"
    client.infer("risk", inputs(protocol, frame))
    (counted,) = client.get_inference_statistics("risk", **json)["model_stats"]
    assert int(counted["inference_count"]) == ROWS
    assert int(counted["execution_count"]) == 1
    assert len(client.get_inference_statistics(**json)["model_stats"]) == 2
    listed = client.get_model_repository_index(**json)
    models = listed["models"] if protocol is tritonclient.grpc else listed
    assert [(one["name"], one["version"], one["state"]) for one in models] == [
        ("risk", "logistic@1", "READY"),
        ("risk", "other@1", "READY"),
        ("age", "line@1", "READY"),
    ]


def test_clients_load_what_is_there_and_unload_nothing(client):
    client.load_model("risk")
    with pytest.raises(InferenceServerException, match="nobody"):
        client.load_model("nobody")
    with pytest.raises(InferenceServerException, match="serve-app deploy"):
        client.unload_model("risk")


def test_the_messages_are_those_of_triton_where_both_have_them():
    from tritonclient.grpc import model_config_pb2, service_pb2

    from serve_app.protocols.oip import messages as oip_messages
    from serve_app.protocols.oip import triton as oip_triton

    theirs = {
        **service_pb2.DESCRIPTOR.message_types_by_name,
        **model_config_pb2.DESCRIPTOR.message_types_by_name,
    }
    nested = {
        "TraceSettingValue",
        "InferInputTensor",
        "InferOutputTensor",
        "InferRequestedOutputTensor",
    }
    compared = 0
    for name in oip_messages.NAMES - {"TensorMetadata", "ModelIndex", *nested}:
        known = theirs[name].fields_by_name
        for field in oip_messages.message(name).DESCRIPTOR.fields:
            if field.name in known:
                assert known[field.name].number == field.number, (name, field.name)
                compared += 1
    assert compared > 50
    numbers = dict(model_config_pb2.DataType.items())
    for datatype, number in oip_triton.DATA_TYPES.items():
        assert numbers["TYPE_" + datatype.replace("BYTES", "STRING")] == number
