"""HTTP connections with bounds on how long the head of a request may be, and may take.

HAProxy has such bounds; uvicorn has none of its own, and counts trailers as headers. Bodies have
their bounds in `gateway/bodies.py`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from serve_app.gateway.access import CLIENT_CERTIFICATE
from serve_app.security.certificates import subject_of

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _HTTPProtocol

    from serve_app.gateway.declined_upgrades import Parser, head_without_offer
else:
    _HTTPProtocol = object
    with suppress(ModuleNotFoundError):
        from serve_app.gateway.declined_upgrades import Parser, head_without_offer

HEAD_S = 15.0
"""So long may a client take for the head of a request, from its first byte or from connecting."""
HEAD_BYTES = 64 * 1024
"""So long may a head be, all headers together."""
_TOO_LONG = b"431 Request Header Fields Too Large"
_TOO_LATE = b"408 Request Timeout"


class Vouched:
    """An application that is told whose certificate this server has verified on a connection."""

    def __init__(self, app: Any, subject: bytes) -> None:
        self._app: ASGIApp = app
        self._subject = subject

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with the subject of the certificate."""
        scope[CLIENT_CERTIFICATE] = self._subject
        await self._app(scope, receive, send)


def _client_of(transport: asyncio.Transport) -> bytes | None:
    """The subject of the certificate that a client has shown; none where it has shown none."""
    secured = transport.get_extra_info("ssl_object")
    shown = None if secured is None else secured.getpeercert(binary_form=True)
    return None if shown is None else subject_of(shown)


class _Ignored(list[tuple[bytes, bytes]]):
    """Where headers go that nobody is to see."""

    def append(self, _header: tuple[bytes, bytes]) -> None:
        """Keep nothing."""


class Framed(_HTTPProtocol):
    """For uvicorn's protocol in C: a request's body is read whatever its head offers, alone.

    What stands around a body is neither a header nor endless: trailers would be headers where they
    come before the application looks, which proxies before this have not seen; and of them, or of
    a chunk's extensions, `HEAD_BYTES` may come at a time.
    """

    parser: Any
    """A `Parser`; none once the connection is lost."""
    _framing_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to read requests."""
        self.parser = Parser(self, self._declines)
        super().connection_made(transport)

    def on_headers_complete(self) -> None:
        """Begin the request by the headers that there are."""
        if self._declines():
            return
        super().on_headers_complete()
        self.headers = _Ignored()
        self._framing_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._framing_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take note that a request is whole."""
        if not self._declines():
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take what came, and count it while it is no part of a body that should come."""
        cycle: Any = self.cycle
        if cycle is not None and cycle.more_body:
            self._framing_bytes += len(data)
        super().data_received(data)
        while self.parser is not None and self.parser.left is not None:
            self._go_on(self.parser)
        if self._framing_bytes > HEAD_BYTES:
            self.transport.close()

    def _declines(self) -> bool:
        """Whether the head that was read offers another protocol, and is answered without it."""
        if not self.parser.should_upgrade() or self.parser.get_method() == b"CONNECT":
            return False
        return not self._should_upgrade()

    def _go_on(self, parser: Parser) -> None:
        """Read a request whose offer was declined once more, as if there had been none."""
        head = head_without_offer(
            parser.get_method(), self.url, parser.get_http_version(), self.headers
        )
        self.parser = Parser(self, self._declines)
        super().data_received(head + (parser.left or b""))


class Bounds(_HTTPProtocol):
    """Bounds for one of uvicorn's protocols: `HEAD_S` and `HEAD_BYTES`.

    A head is complete once uvicorn has begun a cycle for it.
    """

    _head_bytes = 0
    _since_s = 0.0
    _check: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head from now on."""
        super().connection_made(transport)
        subject = _client_of(transport)
        if subject is not None:
            self.app = Vouched(self.app, subject)
        self._since_s = self.loop.time()
        self._check = self.loop.call_later(HEAD_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._check is not None:
            self._check.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came, and count it while it is part of a head."""
        former: Any = self.cycle
        is_body = former is not None and former.more_body
        super().data_received(data)
        if self.cycle is not former or is_body:
            self._head_bytes = 0
            return
        if not self._head_bytes:
            self._since_s = self.loop.time()
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse(_TOO_LONG)

    def _look(self) -> None:
        """Close the connection if its head is due, and look again when the next one is."""
        waits = (self._head_bytes or self.cycle is None) and not self._answers()
        left_s = self._since_s + HEAD_S - self.loop.time() if waits else HEAD_S
        if left_s <= 0:
            self._refuse(_TOO_LATE)
        else:
            self._check = self.loop.call_later(left_s, self._look)

    def _answers(self) -> bool:
        """Whether an answer to an earlier request is on its way."""
        cycle: Any = self.cycle
        return cycle is not None and not cycle.response_complete

    def _refuse(self, status: bytes) -> None:
        if self.transport.is_closing():
            return
        # Who has sent nothing is answered nothing: it may be another's spare connection.
        if self._head_bytes and not self._answers():
            self.transport.write(
                b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
        self.transport.close()


if hasattr(AutoHTTPProtocol, "on_headers_complete"):

    class BoundedHTTP(Bounds, Framed, AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        """One HTTP connection, by the parser in C."""

else:

    class BoundedHTTP(Bounds, AutoHTTPProtocol):  # type: ignore[misc, valid-type, no-redef]
        """One HTTP connection, by the parser in Python where that in C is not installed."""
