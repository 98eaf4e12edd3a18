"""Answers of uvicorn that leave in one write: two system calls fewer, and one awakening behind."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from starlette.types import Message, Send

if TYPE_CHECKING:
    from collections.abc import Awaitable

_HTTPTOOLS = "uvicorn.protocols.http.httptools_impl"
_NO_NAME = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"A-Z]')
_NO_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_OK = b"HTTP/1.1 200 OK\r\n"
_LENGTH = b"content-length"
_OF_THE_CONNECTION = frozenset({b"connection", b"transfer-encoding"})


class _Done:
    """What is awaited where nothing is left to wait for; no coroutine is made for it."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_DONE = _Done()


class _Held:
    """Stands in for a transport for a moment, and keeps what is written."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Keep some bytes."""
        self.written.append(data)

    def flush(self) -> None:
        """Write all that was kept at once."""
        if self.written:
            self._transport.write(b"".join(self.written))
            self.written.clear()

    def close(self) -> None:
        """Write what was kept, then close."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def in_one_write(send: Send) -> Send:
    """The same `send`, which hands the head and the body of a short answer over together.

    uvicorn writes them apart: two system calls, and two awakenings of the proxy behind, for
    every answer. Of any other server `send` comes back as it is.
    """
    cycle: Any = getattr(send, "__self__", None)
    if not hasattr(cycle, "transport"):
        return send
    start: list[Message] = []

    def joined(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            start.append(message)
            return _DONE
        if not start:
            return send(message)
        first = start.pop()
        if not message.get("more_body", False):
            if _is_of_httptools(cycle) and _written(cycle, first, message.get("body", b"")):
                return _DONE
            return _together(cycle, send, first, message)
        return _apart(send, first, message)

    return joined


def _is_of_httptools(cycle: Any) -> bool:
    # Whoever has such a cycle has imported it; elsewhere, as in functions of clouds, nobody may.
    module = sys.modules.get(_HTTPTOOLS)
    return module is not None and type(cycle) is module.RequestResponseCycle


async def _apart(send: Send, first: Message, message: Message) -> None:
    await send(first)
    await send(message)


async def _together(cycle: Any, send: Send, first: Message, message: Message) -> None:
    transport = cycle.transport
    held = cycle.transport = _Held(transport)
    try:
        await send(first)
        await send(message)
    finally:
        cycle.transport = transport
        held.flush()


def _written(cycle: Any, first: Message, body: bytes) -> bool:
    """Write a whole answer as uvicorn would; false, and nothing written, where it is not plain.

    Plain are answers 200 of a known length over a connection that stays, which are nearly all.
    uvicorn looks at each header of each answer by itself, which takes longer than all else of it.
    """
    if first["status"] != 200 or not _is_plain(cycle):
        return False
    headers = [*cycle.default_headers, *first.get("headers", ())]
    names = [name for name, _ in headers]
    if (
        not _OF_THE_CONNECTION.isdisjoint(names)
        or names.count(_LENGTH) != 1
        or headers[names.index(_LENGTH)][1] != b"%d" % len(body)
        or _NO_NAME.search(b"".join(names))
        or _NO_VALUE.search(b"".join([value for _, value in headers]))
    ):
        return False
    lines = [b"%b: %b\r\n" % pair for pair in headers]
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.chunked_encoding = False
    cycle.transport.write(b"".join([_OK, *lines, b"\r\n", body]))
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


def _is_plain(cycle: Any) -> bool:
    """Whether an answer is expected, and nothing is to be done beside writing it."""
    return bool(
        cycle.keep_alive
        and not cycle.disconnected
        and not cycle.response_started
        and not cycle.flow.write_paused
        and not cycle.access_log
        and cycle.scope["method"] != "HEAD"
    )
