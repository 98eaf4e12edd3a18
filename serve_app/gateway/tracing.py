"""A span for each sampled request, around what answers it, whatever the protocol."""

from __future__ import annotations

from typing import Any

import grpc
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue
from starlette.routing import BaseRoute
from starlette.types import Message, Receive, Scope, Send

from serve_app.gateway.routes import GatewayApp
from serve_app.gateway.rpc import Around, Method
from serve_app.gateway.rpc_access import headers_of
from serve_app.monitoring.telemetry.current import within
from serve_app.monitoring.telemetry.tracing import TRACEPARENT, Tracing, caller_of, remote
from serve_app.protocols.oip import messages as oip_messages

_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_PATH_CHARACTERS = 200
_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""What OpenTelemetry's conventions call errors of a server."""


class TracedGateway:
    """An ASGI application: the gateway, with a span around each request that is sampled."""

    def __init__(self, app: GatewayApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    @property
    def routes(self) -> list[BaseRoute]:
        """All routes, in the order in which they are tried; Serve names paths after them."""
        return self._app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        caller = caller_of(scope["headers"])
        if caller is None and not self._tracing.starts():
            await self._app(scope, receive, send)
        elif caller is not None and not self._tracing.follows(caller):
            # The log tells of a caller's trace, sampled or not.
            with within(NonRecordingSpan(caller)):
                await self._app(scope, receive, send)
        else:
            await self._answer(caller, scope, receive, send)

    async def _answer(
        self, caller: SpanContext | None, scope: Scope, receive: Receive, send: Send
    ) -> None:
        route = self._app.template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        named = "HTTP" if method == "_OTHER" else method
        name = named if route is None else f"{named} {route}"
        attributes = _attributes(scope, method, route)
        with self._tracing.span(name, SpanKind.SERVER, caller, attributes) as span:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note(span, message["status"])
                await send(message)

            await self._app(scope, receive, noted)


def _attributes(scope: Scope, method: str, route: str | None) -> dict[str, AttributeValue]:
    """What HTTP's conventions ask for. A query may hold the values of a row, and stays out."""
    attributes: dict[str, AttributeValue] = {
        "http.request.method": method,
        "url.path": scope["path"][:_PATH_CHARACTERS],
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
    }
    if route is not None:
        attributes["http.route"] = route
    server = scope.get("server")
    if server is not None:
        attributes["server.address"] = server[0]
        if server[1] is not None:
            attributes["server.port"] = server[1]
    return attributes


def _note(span: Span, status: int) -> None:
    """Note the status of an answer; what is wrong with a request is no error of the server."""
    span.set_attribute("http.response.status_code", status)
    if status >= 500:
        span.set_status(StatusCode.ERROR)
        if "error.type" not in (getattr(span, "attributes", None) or {}):
            span.set_attribute("error.type", str(status))


def traced_rpc(tracing: Tracing) -> Around:
    """Puts a span around each sampled call of a gRPC method."""

    def around(name: str, method: Method) -> Method:
        attributes: dict[str, AttributeValue] = {
            "rpc.system": "grpc",
            "rpc.service": oip_messages.SERVICE,
            "rpc.method": name,
        }

        async def call(request: Any, context: Any) -> Any:
            headers = headers_of(context)
            caller = remote(headers) if TRACEPARENT in headers else None
            if caller is None and not tracing.starts():
                return await method(request, context)
            if caller is not None and not tracing.follows(caller):
                with within(NonRecordingSpan(caller)):
                    return await method(request, context)
            full = f"{oip_messages.SERVICE}/{name}"
            span = tracing.begin(full, SpanKind.SERVER, caller, attributes)
            try:
                with within(span):
                    return await method(request, context)
            finally:
                _note_code(span, _code(context))
                span.end()

        return call

    return around


def _note_code(span: Span, code: grpc.StatusCode) -> None:
    span.set_attribute("rpc.grpc.status_code", code.value[0])
    if code in _FAULTS:
        span.set_status(StatusCode.ERROR, code.name)


def _code(context: Any) -> grpc.StatusCode:
    """The status that a call ends with; gRPC has the number of one that was set, or 0."""
    number = context.code()
    if isinstance(number, grpc.StatusCode):
        return number
    return next((code for code in grpc.StatusCode if code.value[0] == number), grpc.StatusCode.OK)
