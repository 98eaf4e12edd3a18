"""Who calls is known before any method of gRPC is looked for, as `access` does it for HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn
from urllib.parse import unquote

import grpc
from grpc_health.v1 import health

from serve_app.core.caller import ANONYMOUS, CREDENTIALS, Caller
from serve_app.errors import Overloaded, Unauthenticated
from serve_app.gateway.access import NOBODY, Gate, Shown
from serve_app.gateway.context import CALLER
from serve_app.protocols.oip import messages as oip_messages
from serve_app.security.budget import SourceUnknown

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
            try:
                caller = self._gate.caller(shown, source_of(context.peer()))
            except Unauthenticated as error:
                await self._abort(context, grpc.StatusCode.UNAUTHENTICATED, error.message)
            except Overloaded as error:
                await self._abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, error.message)
            if handler is None:
                await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
                raise AssertionError  # an abort does not return
            async for answer in _called(handler, requests, KnownContext(context, caller)):
                yield handler.response_serializer(answer)

        return grpc.stream_stream_rpc_method_handler(call)

    async def _abort(self, context: Any, code: grpc.StatusCode, words: str) -> NoReturn:
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


def source_of(peer: str) -> str:
    """The address of a peer as gRPC writes it: `ipv4:10.0.0.1:5555`, `ipv6:%5B::1%5D:5555`.

    Peers of sockets of this machine have none, and are one source together.
    """
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return ""
    return unquote(rest).rpartition(":")[0].strip("[]")


def _shown(details: grpc.HandlerCallDetails) -> Shown:
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
