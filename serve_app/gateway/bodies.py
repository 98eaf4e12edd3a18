"""Reads request bodies: within the limit, and only what this server can decode."""

from __future__ import annotations

import asyncio
import sys
import types
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import Message, Receive, Scope

from serve_app.core.begun import Ended, begun
from serve_app.core.offload import IN_PLACE, Offload
from serve_app.errors import BadEncoding, Overloaded, TooLarge, TooSlow, UnsupportedMedia
from serve_app.protocols.dialect import JSON_TYPES

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ENCODINGS = ("gzip", "deflate", "zstd", "identity")
MAX_MEMBERS = 1000
"""Of a compressed body; compressors in blocks make one per 64 KB."""
_PACKED_BYTES = 1024
_LEAST_WINDOW_BYTES, _MOST_WINDOW_BYTES = 256, 64 * 1024
_WINDOW_LOG = 23  # the most memory that content in zstd may ask for (RFC 9659)
PATIENCE_S = 15.0
"""So long nothing of a body may come, or less than `LEAST_BYTES` of a long one."""
LEAST_BYTES = 16 * 1024
IN_FLIGHT_BYTES = 256 * 1024 * 1024
"""So much of bodies that are not whole yet does a process keep."""
_EITHER_WRAPPER = zlib.MAX_WBITS | 32
_NO_WRAPPER = -zlib.MAX_WBITS


class InFlight:
    """Counts the bytes of bodies that are not whole yet, of all connections together."""

    def __init__(self, limit_bytes: int = IN_FLIGHT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self.kept_bytes = 0

    def keep(self, size: int) -> None:
        """Count so many bytes more.

        Raises:
            Overloaded: they would be too many.
        """
        if self.kept_bytes + size > self._limit_bytes:
            raise Overloaded("too many bodies are on their way at once; try again")
        self.kept_bytes += size

    def release(self, size: int) -> None:
        """Count them no more."""
        self.kept_bytes -= size


OF_THIS_PROCESS = InFlight()
"""Memory is the process's own, whichever port a body comes through."""


async def read(
    receive: Receive,
    headers: Mapping[str, str],
    *,
    max_bytes: int,
    accepted: frozenset[str] = JSON_TYPES,
    offload: Offload = IN_PLACE,
) -> bytes:
    """The whole body, decompressed; memory never holds more of it than the limit, twice.

    What may take long to decompress is handed to `offload`.

    Raises:
        TooLarge: more than `max_bytes`, declared, sent or decompressed.
        UnsupportedMedia: a content type, charset or encoding that is not spoken here.
        BadEncoding: the client went away before the end, or it cannot be decompressed.
        TooSlow: nothing came for `PATIENCE_S` seconds, or hardly anything.
        Overloaded: too many long bodies are on their way.
    """
    content_type = headers.get("content-type", "")
    if content_type not in accepted:
        _check_type(content_type, accepted)
    encoding = headers.get("content-encoding")
    if encoding is not None:
        encoding = _known(encoding)
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    message = await _first(receive)
    body: bytes = message.get("body", b"")
    if message.get("more_body", False) or message["type"] == "http.disconnect":
        body = await _rest(receive, message, max_bytes, OF_THIS_PROCESS)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if encoding is None:
        return body
    if len(body) <= _PACKED_BYTES:
        return _decompressed(body, encoding, max_bytes)
    return await offload.begin(_decompressed, body, encoding, max_bytes)


async def _first(receive: Receive) -> Message:
    """The first message of a body; the clock is set only where that is not here already.

    Raises:
        TooSlow: nothing came for `PATIENCE_S` seconds.
    """
    coming: Awaitable[Message] = receive()
    if isinstance(coming, types.CoroutineType):
        first = begun(coming)
        if isinstance(first, Ended):
            message: Message = first.value
            return message
        coming = first
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await coming
    except TimeoutError:
        raise _too_slow() from None


def of_query(scope: Scope) -> Receive:
    """The query of a request in the place of its body, since both are forms."""

    async def receive() -> Message:
        return {"type": "http.request", "body": scope["query_string"], "more_body": False}

    return receive


async def _rest(receive: Receive, message: Message, limit: int, in_flight: InFlight) -> bytes:
    """The whole body, the first part of which is a message that was received."""
    chunks: list[bytes] = []
    size = kept = since = 0
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + PATIENCE_S
    try:
        while True:
            if message["type"] == "http.disconnect":
                raise BadEncoding("the body ended before its declared length")
            chunk: bytes = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            if not message.get("more_body", False):
                return b"".join(chunks)
            in_flight.keep(len(chunk))
            kept += len(chunk)
            since += len(chunk)
            if since >= LEAST_BYTES:
                since, deadline_s = 0, loop.time() + PATIENCE_S
            async with asyncio.timeout_at(deadline_s):
                message = await receive()
    except TimeoutError:
        raise _too_slow() from None
    finally:
        in_flight.release(kept)


def _known(encoding: str) -> str | None:
    name = encoding.strip().lower().removeprefix("x-")
    if name in {"", "identity"}:
        return None
    if name not in ENCODINGS:
        msg = (
            f"the content encoding {name[:40]!r} is not spoken here; send the body plain or as "
            f"{', '.join(ENCODINGS[:-1])}"
        )
        raise UnsupportedMedia(msg, accepted=list(ENCODINGS))
    return name


def _decompressed(body: bytes, encoding: str, max_bytes: int) -> bytes:
    try:
        if encoding == "zstd":
            return _unpacked(body, _zstd, max_bytes)
        try:
            return _unpacked(body, lambda: zlib.decompressobj(_EITHER_WRAPPER), max_bytes)
        except zlib.error:
            # Some clients send deflate without the wrapper that the name stands for.
            if encoding != "deflate":
                raise
            return _unpacked(body, lambda: zlib.decompressobj(_NO_WRAPPER), max_bytes)
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        msg = f"the body is not {encoding}, as its content encoding says"
        raise BadEncoding(msg) from error


def _zstd() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


def _unpacked(body: bytes, decompressor: Callable[[], Any], max_bytes: int) -> bytes:
    """All members of a compressed body, one after the other, within the limits."""
    unpacked = bytearray()
    content = memoryview(body)
    for _ in range(MAX_MEMBERS):
        content = _without_member(content, decompressor(), unpacked, max_bytes)
        # Files are filled up with zeros behind their last member.
        if not content or (not content[0] and not bytes(content).strip(b"\0")):
            return bytes(unpacked)
    msg = f"the compressed body has more than {MAX_MEMBERS} members; compress it as a whole"
    raise BadEncoding(msg, max_members=MAX_MEMBERS)


def _without_member(
    content: memoryview, decompressor: Any, unpacked: bytearray, max_bytes: int
) -> memoryview:
    """What is behind the first member, which is added to what was unpacked before.

    It is fed in windows that grow, since what a decompressor does not need of one is copied.
    """
    at, window = 0, _LEAST_WINDOW_BYTES
    while at < len(content):
        fed = content[at : at + window]
        unpacked += decompressor.decompress(fed, max_bytes + 1 - len(unpacked))
        if len(unpacked) > max_bytes:
            raise _too_large(max_bytes)
        at += len(fed)
        if decompressor.eof:
            return content[at - len(decompressor.unused_data) :]
        window = min(2 * window, _MOST_WINDOW_BYTES)
    raise BadEncoding("the compressed body ends before its end")


def _check_type(content_type: str, accepted: frozenset[str]) -> None:
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    if "*/*" not in accepted and kind not in accepted and not kind.endswith("+json"):
        msg = f"the content type {kind[:80]!r} is not spoken here; send application/json"
        raise UnsupportedMedia(msg, accepted=sorted(accepted - {""}))
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        charset = value.strip().strip('"').lower()
        if name.strip().lower() == "charset" and charset not in {"utf-8", "utf8", "us-ascii"}:
            msg = f"the charset {charset[:40]!r} is not spoken here; send UTF-8"
            raise UnsupportedMedia(msg, accepted=["utf-8"])


def _too_large(max_bytes: int) -> TooLarge:
    msg = f"the body is above the limit of {max_bytes} bytes; send fewer rows per request"
    return TooLarge(msg, max_bytes=max_bytes)


def _too_slow() -> TooSlow:
    msg = f"the body did not arrive: less than {LEAST_BYTES} bytes in {PATIENCE_S:g} s"
    return TooSlow(msg, patience_s=PATIENCE_S)
