"""gRPC reflection: what grpcurl and its like do, who have no .proto of ours."""

import grpc
import numpy as np
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from serve_app.models.frames import to_columns

SERVICE = "inference.GRPCInferenceService"
ROWS = 20


@pytest.fixture
def channel(served):
    with grpc.insecure_channel(served.grpc) as made:
        yield made


@pytest.fixture
def database(channel):
    return ProtoReflectionDescriptorDatabase(channel)


@pytest.fixture
def service(database):
    return DescriptorPool(database).FindServiceByName(SERVICE)


@pytest.fixture
def ask(channel, service):
    """Calls a method with a message in JSON's words, as `grpcurl -d` does."""

    def called(method, body):
        described = service.FindMethodByName(method)
        call = channel.unary_unary(
            f"/{SERVICE}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(described.output_type).FromString,
        )
        return call(ParseDict(body, GetMessageClass(described.input_type)()), timeout=20)

    return called


def test_all_services_are_listed(database):
    assert set(database.get_services()) == {
        SERVICE,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_a_service_is_described_with_its_methods_and_messages(service):
    assert set(service.methods_by_name) >= {
        "ServerLive",
        "ServerReady",
        "ModelReady",
        "ServerMetadata",
        "ModelMetadata",
        "ModelInfer",
    }
    infer = service.methods_by_name["ModelInfer"]
    fields = {field.name: field.number for field in infer.input_type.fields}
    assert fields["raw_input_contents"] == 7
    assert infer.output_type.full_name == "inference.ModelInferResponse"


def test_what_is_described_can_be_called(ask, served, frame):
    assert ask("ServerReady", {}).ready is True
    described = MessageToDict(ask("ModelMetadata", {"name": "risk"}))
    assert [tensor["name"] for tensor in described["inputs"]] == ["age", "dose"]
    head = frame.head(ROWS)
    answer = ask(
        "ModelInfer",
        {
            "model_name": "risk",
            "inputs": [
                {
                    "name": name,
                    "datatype": "FP64",
                    "shape": [str(ROWS)],
                    "contents": {"fp64_contents": head[name].tolist()},
                }
                for name in head
            ],
            "outputs": [{"name": "predict_proba"}],
        },
    )
    model = served.models["logistic@1"].predict(to_columns(head))
    (found,) = answer.outputs
    values = np.array(found.contents.fp64_contents).reshape(ROWS, -1)
    assert np.array_equal(values, model.probabilities)


def test_an_unknown_symbol_is_not_found(database):
    with pytest.raises(KeyError):
        database.FindFileContainingSymbol("inference.Nobody")
