"""Who calls is known before any method of gRPC is looked for, as `access` does it for HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
from grpc_health.v1 import health

from serve_app.core.caller import ANONYMOUS, CREDENTIALS, Caller
from serve_app.errors import Overloaded, Unauthenticated
from serve_app.gateway.access import NOBODY, Gate, Shown
from serve_app.gateway.context import CALLER
from serve_app.protocols.oip import messages as oip_messages
from serve_app.security.budget import SourceUnknown
from serve_app.security.certificates import subject_of

PUBLIC = frozenset(
    {
        f"/{health.SERVICE_NAME}/Check",
        f"/{health.SERVICE_NAME}/Watch",
        f"/{oip_messages.SERVICE}/ServerLive",
        f"/{oip_messages.SERVICE}/ServerReady",
    }
)
"""What everybody may call: whether the process lives and could answer."""
Handler = Any
"""`grpc.RpcMethodHandler`, whose parts have types in its stubs alone."""
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]


class KnownContext:
    """The context of a call, and who calls."""

    def __init__(self, context: Any, caller: Caller) -> None:
        self._context = context
        self.caller = caller

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def invocation_metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """The metadata of the call without what its client proves itself with."""
        given = self._context.invocation_metadata() or ()
        return tuple((name, value) for name, value in given if name not in CREDENTIALS)


class RpcAccess(grpc.aio.ServerInterceptor):
    """Lets calls through whose sender is known, and says to the methods who it is."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def intercept_service(
        self, continuation: Continuation, details: grpc.HandlerCallDetails
    ) -> Handler:
        """The method that is called, or what refuses the call."""
        if details.method in PUBLIC:
            caller = NOBODY
        else:
            shown = _shown(details)
            if self._gate.certificates and (not shown or self._gate.must_show):
                # What a client showed in its handshake is known with the call itself.
                return self._by_certificate(await continuation(details), shown)
            try:
                caller = self._gate.caller(shown, None)
            except SourceUnknown:
                return self._by_source(await continuation(details), shown)
            except Unauthenticated as error:
                return self._refusing(grpc.StatusCode.UNAUTHENTICATED, error.message)
            except Overloaded as error:
                return self._refusing(grpc.StatusCode.RESOURCE_EXHAUSTED, error.message)
        return _known(await continuation(details), caller)

    def _by_source(self, handler: Handler | None, shown: Shown) -> Handler:
        """What looks at a credential that costs its source's budget, before it reads the call.

        Only within a call is it known from where it came. What is known after that is called.
        """

        async def call(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            known = await self._known_by(context, shown)
            if handler is None:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
                raise AssertionError  # an abort does not return
            async for answer in _called(handler, requests, known):
                yield handler.response_serializer(answer)

        return grpc.stream_stream_rpc_method_handler(call)

    def _by_certificate(self, handler: Handler | None, shown: Shown) -> Handler:
        """The method, before which it is looked who calls by the certificate that was shown."""
        if handler is not None and handler.unary_unary is not None:
            method = handler.unary_unary

            async def call(request: Any, context: Any) -> Any:
                return await method(request, await self._known_by(context, shown))

            return grpc.unary_unary_rpc_method_handler(
                call, handler.request_deserializer, handler.response_serializer
            )
        streams = None if handler is None else handler.stream_stream

        async def stream(requests: Any, context: Any) -> Any:
            known = await self._known_by(context, shown)
            if streams is None:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
                raise AssertionError  # an abort does not return
            async for answer in streams(requests, known):
                yield answer

        if handler is None or streams is None:
            return grpc.stream_stream_rpc_method_handler(stream)
        return grpc.stream_stream_rpc_method_handler(
            stream, handler.request_deserializer, handler.response_serializer
        )

    async def _known_by(self, context: Any, shown: Shown) -> KnownContext:
        """The context of a call with who calls; the call ends where nobody is known."""
        try:
            caller = self._gate.caller(shown, peer_of(context), _certificate(context))
        except Unauthenticated as error:
            code, words = grpc.StatusCode.UNAUTHENTICATED, error.message
        except Overloaded as error:
            code, words = grpc.StatusCode.RESOURCE_EXHAUSTED, error.message
        else:
            return KnownContext(context, caller)
        self._gate.refused("grpc", code.name)
        await context.abort(code, words)
        raise AssertionError  # an abort does not return

    def _refusing(self, code: grpc.StatusCode, words: str) -> Handler:
        """What ends a call of whichever form before anything of it is read."""
        self._gate.refused("grpc", code.name)

        async def refuse(requests: Any, context: Any) -> NoReturn:  # noqa: ARG001
            await context.abort(code, words)
            raise AssertionError  # an abort does not return

        return grpc.stream_stream_rpc_method_handler(refuse)


def _shown(details: grpc.HandlerCallDetails) -> Shown:
    """The metadata by which a client proves who it is."""
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in details.invocation_metadata or ()
        if name in CREDENTIALS
    ]


async def _called(
    handler: Handler, requests: AsyncIterator[bytes], context: Any
) -> AsyncIterator[Any]:
    """What a method answers to requests that nobody has read yet."""
    read = (handler.request_deserializer(raw) async for raw in requests)
    if handler.unary_unary is not None:
        async for request in read:
            yield await handler.unary_unary(request, context)
            return
    else:
        async for answer in handler.stream_stream(read, context):
            yield answer


def _certificate(context: Any) -> bytes | None:
    """The subject of the certificate that a client has shown; none where it has shown none."""
    shown = context.auth_context().get("x509_pem_cert")
    return subject_of(shown[0]) if shown else None


def _known(handler: Handler | None, caller: Caller) -> Handler | None:
    """The method, told who calls; the streams of gRPC's own services need not know it."""
    if handler is None or handler.unary_unary is None:
        return handler
    method = handler.unary_unary

    async def call(request: Any, context: Any) -> Any:
        known: Any = KnownContext(context, caller)
        return await method(request, known)

    return grpc.unary_unary_rpc_method_handler(
        call, handler.request_deserializer, handler.response_serializer
    )


def caller_of(context: Any) -> Caller:
    """Who calls, as the access layer knows; nobody where there is none."""
    caller: Caller = getattr(context, CALLER, ANONYMOUS)
    return caller


def peer_of(context: Any) -> str:
    """The address that a call comes from, without its port; empty where nobody knows."""
    kind, _, place = str(context.peer()).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return ""
    return place.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")


def headers_of(context: Any) -> dict[str, str]:
    """The metadata of a call that are text."""
    metadata = context.invocation_metadata() or ()
    return {name: value for name, value in metadata if isinstance(value, str)}
