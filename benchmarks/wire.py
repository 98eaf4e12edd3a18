"""HTTP/1.1 as a load generator needs it: one request at a time on a kept connection."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

BODILESS = frozenset({204, 304})


class Disconnected(ConnectionError):
    """The server closed the connection; `silent` when not one byte of an answer had come."""

    def __init__(self, *, silent: bool) -> None:
        when = "before it answered" if silent else "in the middle of an answer"
        super().__init__(f"the server closed the connection {when}")
        self.silent = silent


class BadAnswer(ConnectionError):
    """What came is not an HTTP/1.1 answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `head` is its status line and headers as they came."""

    status: int
    head: bytes
    body: bytes
    kept: bool

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name."""
        return _header(self.head, self.head.lower(), name.lower().encode())


def build_request(
    method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> bytes:
    """The bytes of a request, with the length of its body and a host."""
    said = {name.lower(): value for name, value in (headers or {}).items()}
    said.setdefault("host", "localhost")
    if body or method in {"POST", "PUT", "PATCH"}:
        said["content-length"] = str(len(body))
    lines = [f"{method} {path} HTTP/1.1", *[f"{name}: {value}" for name, value in said.items()]]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection(asyncio.Protocol):
    """One connection; `used` counts the answers that came over it, `open` says if it stands."""

    def __init__(self) -> None:
        self.open = False
        self.used = 0
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._reader = _Reader(bodiless=False)

    async def exchange(self, request: bytes, timeout_s: float) -> Answer:
        """Send a request and return its answer.

        Raises:
            Disconnected: the server closed the connection first.
            BadAnswer: what came is not HTTP/1.1.
            TimeoutError: no answer within `timeout_s`; the connection is closed.
        """
        if self._transport is None or not self.open:
            raise Disconnected(silent=True)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._answer = answer
        self._reader = _Reader(bodiless=request.startswith(b"HEAD "))
        timer = loop.call_later(timeout_s, self._time_out)
        self._transport.write(request)
        try:
            return await answer
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            timer.cancel()
            self._answer = None

    def close(self) -> None:
        """Close the connection at once."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.open = True

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            self.close()
            return
        try:
            answer = self._reader.feed(data)
        except ValueError as error:
            self._fail(BadAnswer(f"not an HTTP/1.1 answer: {error}"))
            return
        if answer is not None:
            self._arrived(answer)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self._answer is None or self._answer.done():
            return
        answer = self._reader.end() if exc is None else None
        if answer is not None:
            self._arrived(answer)
        else:
            self._fail(Disconnected(silent=self._reader.silent))

    def _arrived(self, answer: Answer) -> None:
        self.used += 1
        if not answer.kept:
            self.close()
        assert self._answer is not None
        self._answer.set_result(answer)

    def _time_out(self) -> None:
        self._fail(TimeoutError("no answer in time"))

    def _fail(self, error: Exception) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class _Reader:
    """Puts one answer together from what arrives."""

    def __init__(self, *, bodiless: bool) -> None:
        self._bodiless = bodiless
        self._buffer = bytearray()
        self._head = b""
        self._lower = b""
        self._length: int | None = None
        self._chunks: _Chunks | None = None
        self.silent = True

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes; the answer, once it is whole.

        Raises:
            ValueError: they are not HTTP/1.1.
        """
        self.silent = False
        self._buffer += data
        if not self._head and not self._read_head():
            return None
        if self._chunks is not None:
            body = self._chunks.read(self._buffer)
        elif self._length is not None and len(self._buffer) >= self._length:
            body = bytes(self._buffer[: self._length])
        else:
            body = None
        return None if body is None else self._whole(body)

    def end(self) -> Answer | None:
        """The answer whose body ends with the connection, if this is such a one."""
        if not self._head or self._chunks is not None or self._length is not None:
            return None
        return self._whole(bytes(self._buffer))

    def _read_head(self) -> bool:
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self._buffer[: end + 2])
            del self._buffer[: end + 4]
            if not head.startswith(b"HTTP/1."):
                raise ValueError(repr(head[:40]))
            # Answers of 100 to 199 only announce the one that counts.
            if head[9:10] != b"1":
                break
        self._head, self._lower = head, head.lower()
        length = _header(head, self._lower, b"content-length")
        if self._bodiless or int(head[9:12]) in BODILESS:
            self._length = 0
        elif "chunked" in (_header(head, self._lower, b"transfer-encoding") or "").lower():
            self._chunks = _Chunks()
        elif length is not None:
            self._length = int(length)
        return True

    def _whole(self, body: bytes) -> Answer:
        said = (_header(self._head, self._lower, b"connection") or "").lower()
        ends = self._length is None and self._chunks is None
        old = self._head.startswith(b"HTTP/1.0") and said != "keep-alive"
        kept = not (ends or old or said == "close")
        return Answer(int(self._head[9:12]), self._head, body, kept)


class _Chunks:
    """Reads a chunked body, consuming what it has read."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._last = False

    def read(self, buffer: bytearray) -> bytes | None:
        """The body once it is whole; consumes the chunks that are."""
        while True:
            line = buffer.find(b"\r\n")
            if line < 0:
                return None
            if self._last:
                # Trailers, up to an empty line.
                del buffer[: line + 2]
                if line == 0:
                    return bytes(self._body)
                continue
            size = int(buffer[:line].partition(b";")[0], 16)
            if size == 0:
                self._last = True
                del buffer[: line + 2]
            elif len(buffer) < line + 2 + size + 2:
                return None
            else:
                self._body += buffer[line + 2 : line + 2 + size]
                del buffer[: line + 2 + size + 2]


def _header(head: bytes, lower: bytes, name: bytes) -> str | None:
    start = lower.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    return head[start : head.find(b"\r\n", start)].strip().decode("latin-1")
