"""The Open Inference Protocol's gRPC service, in the gateway itself.

Serve's own gRPC proxy needs a header that says which application is meant as soon as there are
two, which unmodified clients do not send. Every gateway replica of a machine listens on the same
port, and the kernel shares connections among them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from serve_app import __version__, errors
from serve_app.core.flow import OWNER
from serve_app.core.messages import Payload
from serve_app.core.offload import LARGE_BYTES, LARGE_ROWS
from serve_app.core.ports import Ids
from serve_app.engine.predict import Predictor
from serve_app.engine.stages import Stage, Stages
from serve_app.engine.visible import require
from serve_app.gateway import errors as refusals
from serve_app.gateway.access import Gate
from serve_app.gateway.context import COUNTS, Settings
from serve_app.gateway.entrance import Entrance
from serve_app.gateway.manages import Manages
from serve_app.gateway.rpc_access import RpcAccess, caller_of, headers_of
from serve_app.gateway.rpc_health import Health
from serve_app.gateway.rpc_reading import ReadableServices, readable
from serve_app.gateway.rpc_repository import RepositoryMethods
from serve_app.protocols.oip import grpc_messages as oip_grpc
from serve_app.protocols.oip import messages as oip_messages
from serve_app.protocols.oip import outputs as oip_outputs
from serve_app.protocols.oip import triton as oip_triton
from serve_app.protocols.oip import v2 as oip_v2
from serve_app.protocols.oip import words as oip_words
from serve_app.protocols.oip.messages import message

CODES: dict[type[errors.ServeError], grpc.StatusCode] = {
    errors.ClientError: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotPermitted: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    # As gRPC itself says of a message that is too large.
    errors.TooLarge: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.ServeError: grpc.StatusCode.INTERNAL,
}
GRACE_S = 5.0
_ADDITIONAL_BYTES = 64 * 1024
MOST_STREAMS = 1000
"""So many calls are answered at once over one connection; clients hold those beyond."""
_KEEP_ALIVE = (
    # Balancers forget connections on which nothing moves, often after a minute.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # Clients may do the same; as it comes, a server hangs up on whoever pings twice in two hours.
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 9_000),
)
# Clients take 8 KiB of metadata, in which a byte that is not ASCII takes three.
_WORDS_BYTES = 2000
Method = Callable[[Any, Any], Awaitable[Any]]
Around = Callable[[str, Method], Method]
"""Puts something around what answers a method, by its name."""


def alone(_name: str, method: Method) -> Method:
    """The method as it is."""
    return method


class InferenceService:
    """Answers the six methods of the service, and those of Triton's that tell of models."""

    def __init__(
        self,
        predictor: Predictor,
        settings: Settings,
        *,
        ids: Ids,
        around: Around = alone,
        management: Manages | None = None,
    ) -> None:
        self.predictor = predictor
        self._around = around
        self._settings = settings
        self._entrance = Entrance(predictor, ids=ids)
        self._repository = RepositoryMethods(predictor, management, ids)
        self._phrase = oip_words.phrase(settings.server_name)

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a server calls, by method."""
        methods: dict[str, Method] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server,
            "ModelMetadata": self._model,
            "ModelInfer": self._infer,
            "ModelConfig": self._configuration,
            "ModelStatistics": self._statistics,
            **self._repository.methods(),
            "TraceSetting": self._trace,
            **{
                f"{kind}SharedMemory{name}": method
                for kind in ("System", "Cuda")
                for name, method in (
                    ("Status", _nothing(f"{kind}SharedMemoryStatus")),
                    ("Register", self._not_shared),
                    ("Unregister", _nothing(f"{kind}SharedMemoryUnregister")),
                )
            },
        }
        return grpc.method_handlers_generic_handler(
            oip_messages.SERVICE,
            {
                name: readable(
                    grpc.unary_unary_rpc_method_handler(
                        self._around(name, self._guarded(method)),
                        request_deserializer=message(f"{name}Request").FromString,
                        response_serializer=message(f"{name}Response").SerializeToString,
                    ),
                    self.predictor.counting.add_response,
                )
                for name, method in methods.items()
            },
        )

    def _guarded(self, method: Method) -> Method:
        """The method, whose errors become status codes and tell nothing of the inside."""
        counting = self.predictor.counting

        async def call(request: Any, context: Any) -> Any:
            try:
                answer = await method(request, context)
            except Exception as error:  # noqa: BLE001 - whatever it is becomes a status
                identity = self._entrance.request_id(headers_of(context))
                refusals.log(error, identity)
                code, words = grpc.StatusCode.INTERNAL, "internal error"
                if isinstance(error, errors.ServeError):
                    code, words = refusals.nearest(CODES, error), self._words(error, identity)
                counting.add_response("grpc", code.name)
                await context.abort(code, words)
            else:
                counting.add_response("grpc", grpc.StatusCode.OK.name)
                return answer

        return call

    def _words(self, error: errors.ServeError, request_id: str) -> str:
        """What is said of an error, short enough for a trailer."""
        refusal = self._phrase(refusals.refusal_of(error, 0, request_id))
        return refusal.message.encode()[:_WORDS_BYTES].decode("utf-8", "ignore")

    def _stages(self, context: Any) -> Stages:
        """The endpoints as they are now, as far as who calls may know of them."""
        return self.predictor.stages_for(caller_of(context))

    async def _live(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return message("ServerLiveResponse")(live=True)

    async def _ready(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return message("ServerReadyResponse")(ready=self.predictor.is_ready)

    async def _model_ready(self, request: Any, context: Any) -> Any:
        try:
            stage = self._stages(context).endpoint(request.name)
            named = stage.versions(request.version)[0] if request.version else None
        except (errors.NotFound, errors.NotReady):
            return message("ModelReadyResponse")(ready=False)
        ready = self.predictor.can_answer(stage, named)
        return message("ModelReadyResponse")(ready=ready)

    async def _server(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        return message("ServerMetadataResponse")(
            name=self._settings.server_name, version=__version__, extensions=oip_v2.EXTENSIONS
        )

    async def _model(self, request: Any, context: Any) -> Any:
        stage = self._stages(context).endpoint(request.name, request.version or None)
        versions = stage.versions(request.version or None)
        return oip_grpc.metadata(stage.spec.name, stage.spec.signature, versions)

    async def _configuration(self, request: Any, context: Any) -> Any:
        stage = self._stages(context).endpoint(request.name, request.version or None)
        versions = stage.versions(request.version or None)
        metadata = oip_outputs.metadata(stage.spec.name, stage.spec.signature, versions)
        configured = oip_triton.numbered(oip_triton.configuration(metadata))
        return message("ModelConfigResponse")(config=configured)

    async def _statistics(self, request: Any, context: Any) -> Any:
        stages, caller = self._stages(context), caller_of(context)
        if request.name:
            names = [stages.endpoint(request.name).spec.name]
            require(caller, COUNTS, names[0])
        else:
            names = [name for name in stages.endpoints if caller.grants.allow(COUNTS, name)]
        statistics = [
            oip_triton.statistics(
                name,
                stages.endpoint(name).versions(request.version or None),
                self.predictor.counting.counts(name),
            )
            for name in names
        ]
        return message("ModelStatisticsResponse")(model_stats=statistics)

    async def _trace(self, request: Any, context: Any) -> Any:
        if request.model_name:
            self._stages(context).endpoint(request.model_name)
        if any(one.value for one in request.settings.values()):
            raise errors.NotPermitted(oip_triton.NOT_TRACED)
        answer = message("TraceSettingResponse")()
        for name, value in oip_triton.TRACE_SETTINGS.items():
            answer.settings[name].value.extend([value] if isinstance(value, str) else value)
        return answer

    async def _not_shared(self, request: Any, context: Any) -> Any:  # noqa: ARG002
        raise errors.ClientError(oip_triton.NOT_SHARED)

    async def _infer(self, request: Any, context: Any) -> Any:
        if self.predictor.sharing is None:
            return await self._inferred(request, context)
        with self.predictor.sharing.turn(caller_of(context).name) as turn:
            turn.size_bytes = request.ByteSize()
            await turn.begin()
            return await self._inferred(request, context)

    async def _inferred(self, request: Any, context: Any) -> Any:
        admitted = self._entrance.admit(
            headers_of(context),
            request.model_name,
            request.model_version or None,
            timeout_s=context.time_remaining(),
            caller=caller_of(context),
        )
        OWNER.set(admitted.caller.name)
        payload = await self._decoded(request, admitted.stage)
        response = await self._entrance.predict(admitted, payload)
        if payload.rows < LARGE_ROWS:
            return oip_grpc.encode(response)
        return await self.predictor.offload.run(oip_grpc.encode, response)

    async def _decoded(self, request: Any, stage: Stage) -> Payload:
        rows, signature = self._settings.max_rows, stage.spec.signature
        if request.ByteSize() < LARGE_BYTES:
            return oip_grpc.decode(request, stage.names, max_rows=rows, signature=signature)
        return await self.predictor.offload.begin(
            oip_grpc.decode, request, stage.names, max_rows=rows, signature=signature
        )


def _nothing(name: str) -> Method:
    """A method whose answer is empty: no memory was shared, and none has to be given up."""

    async def answer(request: Any, context: Any) -> Any:  # noqa: ARG001
        return message(f"{name}Response")()

    return answer


@dataclass(frozen=True, slots=True)
class RpcServer:
    """A server with its health, as the health protocol of gRPC tells it."""

    server: grpc.aio.Server
    health: Health
    predictor: Predictor

    def follow_readiness(self) -> None:
        """Say by the health protocol whether requests can be taken now."""
        self.health.follow(is_ready=self.predictor.is_ready)

    async def stop(self, grace_s: float | None = GRACE_S) -> None:
        """Say that no more requests are taken, and end once those on their way are answered."""
        self.health.end()
        await self.server.stop(grace_s)


async def serve(
    service: InferenceService,
    address: str,
    max_body_bytes: int,
    gate: Gate | None = None,
    credentials: grpc.ServerCredentials | None = None,
) -> RpcServer:
    """Start a server that shares its port with others of this machine; TLS with `credentials`.

    Whom the `gate` does not know is refused whatever is called; without it everybody may call.

    Raises:
        ConfigError: somebody else has the port.
    """
    server = grpc.aio.server(
        interceptors=[] if gate is None else [RpcAccess(gate)],
        options=[
            ("grpc.so_reuseport", 1),
            ("grpc.max_receive_message_length", max_body_bytes + _ADDITIONAL_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_concurrent_streams", MOST_STREAMS),
            *_KEEP_ALIVE,
        ],
    )
    server.add_generic_rpc_handlers((service.handlers(),))
    names = (oip_messages.SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    alive = Health(("", oip_messages.SERVICE))
    services: Any = ReadableServices(server, service.predictor.counting.add_response)
    health_pb2_grpc.add_HealthServicer_to_server(alive, services)
    mirror = reflection.aio.ReflectionServicer(names, pool=oip_messages.POOL)
    add_reflection: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
    add_reflection(mirror, services)
    try:
        if credentials is None:
            server.add_insecure_port(address)
        else:
            server.add_secure_port(address, credentials)
    except RuntimeError as error:
        msg = f"the gRPC address {address} cannot be taken; set another `grpc_port`"
        raise errors.ConfigError(msg) from error
    rpc_server = RpcServer(server, alive, service.predictor)
    rpc_server.follow_readiness()
    await server.start()
    return rpc_server
