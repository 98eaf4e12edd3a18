"""Requests in any protocol become spans in the trace of whoever asks."""

import asyncio
import dataclasses

import grpc
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from serve_app.core.snapshot import Snapshot
from serve_app.engine.assemble import Assembler
from serve_app.engine.predict import Predictor
from serve_app.errors import ModelFailed, NotReady
from serve_app.gateway.app import build
from serve_app.gateway.context import Settings
from serve_app.gateway.rpc import InferenceService
from serve_app.gateway.tracing import TracedGateway, traced_rpc
from serve_app.monitoring.counting import Counting
from serve_app.monitoring.telemetry.current import current
from serve_app.monitoring.telemetry.sampling import Sampling
from serve_app.monitoring.telemetry.traced import TracedModels, TracedRecords, schema_of
from serve_app.protocols.oip.messages import SERVICE, message
from tests.unit.gateway.harness import ROW
from tests.unit.monitoring.telemetry.spans import Spans

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
UNSAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-00"}


class Nobody:
    """Keeps no records."""

    def record(self, record):
        pass


@pytest.fixture
def spans():
    return Spans()


@pytest.fixture
def sparing():
    """Of what begins here nothing is sampled."""
    return Spans(Sampling(0.0))


@pytest.fixture
def ask(client):
    """Sends a request to the client's gateway, which traces into some spans."""

    def asked(spans, method, path, **more):
        predictor, app = _traced(client, spans)
        client.predictor, client.app = predictor, app
        return client.send(method, path, **more)

    return asked


def _traced(client, spans):
    former = client.predictor.stages
    models = TracedModels(client.models, spans.tracing)
    schema = schema_of(spans.tracing)
    predictor = Predictor(
        clock=lambda: 0.0,
        ids=lambda: "id-1",
        counting=Counting(),
        recorder=TracedRecords(Nobody()),
    )
    specs = {name: stage.spec for name, stage in former.endpoints.items()}
    assembler = Assembler(replicas=models, inline=models, clock=lambda: 0.0, schema=schema)
    predictor.swap(assembler.stages(Snapshot(4, "hash", specs, aliases=former.aliases)))
    gateway = build(predictor, Settings(max_body_bytes=10_000, max_rows=50))
    return predictor, TracedGateway(gateway, spans.tracing)


def test_a_prediction_is_a_span_with_one_for_each_step(ask, spans):
    answer = ask(
        spans, "POST", "/v1/models/age:predict", json={"instances": [ROW]}, headers=SAMPLED
    )
    assert answer.status_code == 200
    server, validate, asked = map(
        spans.named, ("POST /v1/models/{endpoint}:predict", "validate", "predict")
    )
    assert f"{server.context.trace_id:032x}" == TRACE
    assert f"{server.parent.span_id:016x}" == SPAN
    assert server.kind is SpanKind.SERVER
    assert server.status.status_code is StatusCode.UNSET
    attributes = dict(server.attributes)
    assert attributes.pop("server.address") == "gateway"
    assert attributes.pop("server.port", None) in {None, 80}
    assert attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/models/{endpoint}:predict",
        "http.response.status_code": 200,
        "url.path": "/v1/models/age:predict",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "serve_app.endpoint": "age",
        "serve_app.snapshot": 4,
        "serve_app.outcome": "answered",
        "serve_app.rows": 1,
        "serve_app.prediction_id": "id-1",
        "serve_app.variants": ("line@1",),
    }
    for step in (validate, asked):
        assert step.parent.span_id == server.context.span_id
        assert step.context.trace_id == server.context.trace_id
    assert asked.attributes["serve_app.version"] == "line@1"
    assert "61" not in str(attributes)


def test_an_ensemble_has_a_span_for_each_version(ask, spans):
    ask(spans, "POST", "/v1/models/both:predict", json={"instances": [ROW]})
    versions = [one.attributes["serve_app.version"] for one in spans.all() if one.name == "predict"]
    assert sorted(versions) == ["logistic@1", "other@1"]


def test_a_variant_that_fails_is_seen_beside_the_one_that_answered(ask, spans, client):
    client.models.errors["logistic@1"] = ModelFailed("Secret")
    row = {**ROW, "patient_id": "Secret-7"}
    answer = ask(spans, "POST", "/v1/models/risk:predict", json={"instances": [row]})
    assert answer.json()["fallback"] is True
    failed, answered = (one for one in spans.all() if one.name == "predict")
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes["error.type"] == "model_failed"
    assert answered.status.status_code is StatusCode.UNSET
    server = spans.named("POST /v1/models/{endpoint}:predict")
    assert server.attributes["serve_app.failed_variants"] == ("logistic@1",)
    assert server.attributes["serve_app.variants"] == ("other@1",)
    assert "Secret" not in spans.text()
    assert "Traceback" not in spans.text()


def test_a_fault_of_ours_is_an_error_and_one_of_the_client_is_none(ask, spans, client):
    client.models.errors["line@1"] = NotReady("Secret")
    ask(spans, "POST", "/v1/models/age:predict", json={"instances": [ROW]})
    ask(spans, "POST", "/v1/models/age:predict", json={"instances": [{"age": "Secret"}]})
    unavailable, invalid = (one for one in spans.all() if one.kind is SpanKind.SERVER)
    assert unavailable.attributes["http.response.status_code"] == 503
    assert unavailable.attributes["error.type"] == "not_ready"
    assert unavailable.status.status_code is StatusCode.ERROR
    assert invalid.attributes["http.response.status_code"] == 400
    assert invalid.attributes["error.type"] == "invalid_input"
    assert invalid.status.status_code is StatusCode.UNSET
    assert "Secret" not in spans.text()


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/models/age", "GET /v1/models/{endpoint}"),
        ("GET", "/kserve/v1/models/age", "GET /kserve/v1/models/{endpoint}"),
        ("GET", "/kserve/nothing/here", "GET"),
        ("GET", "/nothing?age=Secret", "GET"),
        ("BREW", "/v1/models", "HTTP /v1/models"),
    ],
)
def test_spans_are_named_after_routes_and_never_after_paths(ask, spans, method, path, name):
    ask(spans, method, path)
    (span,) = spans.all()
    assert span.name == name
    assert "Secret" not in spans.text()
    if method == "BREW":
        assert span.attributes["http.request.method"] == "_OTHER"


def test_a_malformed_traceparent_is_as_none(ask, spans, sparing):
    malformed = {"traceparent": f"00-{'0' * 32}-{SPAN}-01"}
    ask(sparing, "GET", "/v1/models", headers=malformed)
    assert not sparing.all()
    ask(spans, "GET", "/v1/models", headers=malformed)
    (span,) = spans.all()
    assert span.parent is None


def test_callers_decide_upon_their_traces(ask, spans, sparing):
    ask(sparing, "GET", "/v1/models")
    ask(sparing, "GET", "/v1/models", headers=UNSAMPLED)
    ask(spans, "GET", "/v1/models", headers=UNSAMPLED)
    assert not sparing.all()
    assert not spans.all()
    ask(sparing, "GET", "/v1/models", headers=SAMPLED)
    assert len(sparing.all()) == 1


def test_the_log_knows_a_callers_trace_that_is_not_sampled(ask, sparing, client):
    seen = []
    answer = client.models.ask

    async def watched(*arguments):
        seen.append(current())
        return await answer(*arguments)

    client.models.ask = watched
    ask(sparing, "POST", "/v1/models/age:predict", json={"instances": [ROW]}, headers=UNSAMPLED)
    assert f"{seen[0].get_span_context().trace_id:032x}" == TRACE
    assert not sparing.all()


def test_a_gateway_that_traces_has_the_routes_of_one_that_does_not(client, spans):
    _, app = _traced(client, spans)
    paths = [getattr(route, "path", None) for route in app.routes]
    assert paths == [getattr(route, "path", None) for route in client.app.routes]


class Aborted(Exception):
    """A call that was aborted."""


@dataclasses.dataclass
class Context:
    """A call of gRPC's."""

    metadata: tuple = ()
    status: int = 0

    def invocation_metadata(self):
        return self.metadata

    def time_remaining(self):
        return None

    def code(self):
        return self.status

    async def abort(self, code, words):
        self.status = code.value[0]
        raise Aborted(words)


def called(client, spans, name, request, headers=None):
    predictor, _ = _traced(client, spans)
    settings = Settings(max_body_bytes=10_000, max_rows=50)
    service = InferenceService(predictor, settings, ids=lambda: "r-1")
    method = {"ServerLive": service._live, "ModelInfer": service._infer}[name]
    around = traced_rpc(spans.tracing)(name, service._guarded(method))
    return asyncio.run(around(request, Context(tuple((headers or {}).items()))))


def infer(model):
    request = message("ModelInferRequest")(model_name=model)
    for column in ("age", "dose"):
        one = request.inputs.add(name=column, datatype="FP64", shape=[1])
        one.contents.fp64_contents.append(1.0)
    return request


def test_a_call_by_grpc_is_a_span_in_its_callers_trace(client, spans):
    called(client, spans, "ModelInfer", infer("age"), SAMPLED)
    server = spans.named(f"{SERVICE}/ModelInfer")
    assert f"{server.context.trace_id:032x}" == TRACE
    assert server.kind is SpanKind.SERVER
    assert server.attributes["rpc.system"] == "grpc"
    assert server.attributes["rpc.service"] == SERVICE
    assert server.attributes["rpc.method"] == "ModelInfer"
    assert server.attributes["rpc.grpc.status_code"] == grpc.StatusCode.OK.value[0]
    assert server.attributes["serve_app.endpoint"] == "age"
    assert spans.named("predict").parent.span_id == server.context.span_id


@pytest.mark.parametrize(
    ("model", "error", "code", "status"),
    [
        ("nobody", None, grpc.StatusCode.NOT_FOUND, StatusCode.UNSET),
        ("age", ModelFailed("Secret"), grpc.StatusCode.INTERNAL, StatusCode.ERROR),
        ("age", NotReady("Secret"), grpc.StatusCode.UNAVAILABLE, StatusCode.ERROR),
    ],
)
def test_how_a_call_by_grpc_ended(client, spans, model, error, code, status):
    if error is not None:
        client.models.errors["line@1"] = error
    with pytest.raises(Aborted):
        called(client, spans, "ModelInfer", infer(model))
    server = spans.named(f"{SERVICE}/ModelInfer")
    assert server.attributes["rpc.grpc.status_code"] == code.value[0]
    assert server.status.status_code is status
    assert "Secret" not in spans.text()


def test_calls_by_grpc_that_are_not_sampled_make_no_spans(client, sparing):
    for headers in ({}, UNSAMPLED, {"traceparent": "nonsense"}):
        called(client, sparing, "ServerLive", message("ServerLiveRequest")(), headers)
    assert not sparing.all()


async def test_the_status_is_that_of_a_real_server(client, spans):
    predictor, _ = _traced(client, spans)
    settings = Settings(max_body_bytes=10_000, max_rows=50)
    around = traced_rpc(spans.tracing)
    service = InferenceService(predictor, settings, ids=lambda: "r-1", around=around)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((service.handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            method = channel.unary_unary(
                f"/{SERVICE}/ModelInfer",
                request_serializer=message("ModelInferRequest").SerializeToString,
                response_deserializer=message("ModelInferResponse").FromString,
            )
            await method(infer("age"), metadata=tuple(SAMPLED.items()))
            with pytest.raises(grpc.aio.AioRpcError):
                await method(infer("nobody"))
    finally:
        await server.stop(None)
    answered, refused = (one for one in spans.all() if one.kind is SpanKind.SERVER)
    assert answered.attributes["rpc.grpc.status_code"] == 0
    assert f"{answered.context.trace_id:032x}" == TRACE
    assert refused.attributes["rpc.grpc.status_code"] == grpc.StatusCode.NOT_FOUND.value[0]
