"""How the gRPC service says what is wrong."""

import asyncio

import grpc
import pytest

from serve_app.errors import BadEncoding
from serve_app.gateway.context import Settings
from serve_app.gateway.rpc import InferenceService
from serve_app.protocols.oip.messages import message


class Aborted(Exception):
    """What a call was aborted with."""


class Context:
    """A call that remembers how it ends."""

    def invocation_metadata(self):
        return ()

    def time_remaining(self):
        return None

    async def abort(self, code, said):
        raise Aborted(code, said)


def service(client, name="serve-app"):
    settings = Settings(max_body_bytes=10_000, max_rows=50, server_name=name)
    return InferenceService(client.predictor, settings, ids=lambda: "r-1")


def refused(method, request):
    with pytest.raises(Aborted) as aborted:
        asyncio.run(method(request, Context()))
    return aborted.value.args


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("serve-app", ("nobody", ""), "Request for unknown model: 'nobody' is not found: "),
        ("triton", ("risk", "7"), "Request for unknown model: 'risk' version 7 is not found: "),
        ("triton", ("risk", "v7"), "failed to get model version from specified version string"),
        ("mlserver", ("nobody", "v0"), "Model nobody with version v0 not found"),
        ("mlserver", ("risk", "7"), "Model risk with version 7 not found"),
    ],
)
@pytest.mark.parametrize("kind", ["ModelInfer", "ModelMetadata", "ModelConfig"])
def test_what_is_unknown_is_said_in_the_words_of_the_named_server(client, name, asked, said, kind):
    served = service(client, name)
    method = {
        "ModelInfer": served._infer, "ModelMetadata": served._model,
        "ModelConfig": served._configuration,
    }[kind]  # fmt: skip
    model, version = asked
    if kind == "ModelInfer":
        request = message("ModelInferRequest")(model_name=model, model_version=version)
        for column in ("age", "dose"):
            one = request.inputs.add(name=column, datatype="FP64", shape=[1])
            one.contents.fp64_contents.append(1.0)
    else:
        request = message(f"{kind}Request")(name=model, version=version)
    code, words = refused(served._guarded(method), request)
    assert code == grpc.StatusCode.NOT_FOUND
    assert words.startswith(said)


@pytest.mark.parametrize(
    ("text", "said"), [("a\udcffb", "a?b"), ("ä" * 5000, "ä" * 1000), ("fine", "fine")]
)
def test_any_text_fits_into_a_trailer(client, text, said):
    async def failing(request, context):
        raise BadEncoding(text, seen=10**30)

    code, words = refused(service(client)._guarded(failing), None)
    assert (code, words) == (grpc.StatusCode.INVALID_ARGUMENT, said)


def test_no_memory_is_shared(client):
    methods = service(client).handlers()._method_handlers
    for kind in ("System", "Cuda"):
        for name in ("Status", "Unregister"):
            answer = methods[f"/inference.GRPCInferenceService/{kind}SharedMemory{name}"]
            said = asyncio.run(answer.unary_unary(None, Context()))
            assert said.SerializeToString() == b""
        register = methods[f"/inference.GRPCInferenceService/{kind}SharedMemoryRegister"]
        code, words = refused(register.unary_unary, None)
        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert "memory is not shared" in words
