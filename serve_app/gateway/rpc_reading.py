"""Bytes that are no message are refused in words; gRPC itself would log where its code stood."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.protobuf.message import DecodeError

Count = Callable[[str, str], None]
"""Counts an answer by protocol and status."""
Handler = Any
"""`grpc.RpcMethodHandler`, whose parts have types in its stubs alone."""
Method = Callable[[Any, Any], Awaitable[Any]]
Streaming = Callable[[AsyncIterator[Any], Any], AsyncIterator[Any]]
Refuse = Callable[[Any], Awaitable[NoReturn]]
"""Ends a call in the words below."""
WORDS = "the message cannot be read: it is cut short, or not of the type that this method takes"


class Unreadable:
    """Bytes that came in the place of a message."""


_UNREADABLE = Unreadable()


def readable(handler: Handler, count: Count) -> Handler:
    """The method of a service of `grpc.aio`, which is called with messages alone."""

    async def refuse(context: Any) -> NoReturn:
        count("grpc", grpc.StatusCode.INVALID_ARGUMENT.name)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, WORDS)
        raise AssertionError  # an abort does not return

    forms = _lenient(handler.request_deserializer), handler.response_serializer
    if handler.unary_unary is not None:
        called = _of_one(handler.unary_unary, refuse)
        return grpc.unary_unary_rpc_method_handler(called, *forms)
    if handler.unary_stream is not None:
        called = _of_one(handler.unary_stream, refuse)
        return grpc.unary_stream_rpc_method_handler(called, *forms)
    return grpc.stream_stream_rpc_method_handler(_of_many(handler.stream_stream, refuse), *forms)


def _of_one(method: Method, refuse: Refuse) -> Method:
    async def called(request: Any, context: Any) -> Any:
        if request is _UNREADABLE:
            await refuse(context)
        return await method(request, context)

    return called


def _of_many(method: Streaming, refuse: Refuse) -> Streaming:
    async def called(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async def messages() -> AsyncIterator[Any]:
            async for request in requests:
                if request is _UNREADABLE:
                    await refuse(context)
                yield request

        async for response in method(messages(), context):
            yield response

    return called


class ReadableServices:
    """Takes the methods of services for a server, as their generated code adds them."""

    def __init__(self, server: grpc.aio.Server, count: Count) -> None:
        self._server = server
        self._count = count

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Take none: what is added so is added with its service once more."""

    def add_registered_method_handlers(self, service: str, methods: dict[str, Handler]) -> None:
        """Take the methods of a service, by their names."""
        named = {name: readable(method, self._count) for name, method in methods.items()}
        generic = grpc.method_handlers_generic_handler(service, named)
        self._server.add_generic_rpc_handlers((generic,))


def _lenient(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def message_of(content: bytes) -> Any:
        try:
            return read(content)
        except DecodeError:
            return _UNREADABLE

    return message_of
