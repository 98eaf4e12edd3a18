"""A request that offers to go on in another protocol is answered in the one that it came in.

Java's `HttpClient` offers HTTP/2 so with every request to a plain port. A server may pass over that
(RFC 9110, 7.8), but for httptools what offers it has no body, and what follows is lost.
"""

from __future__ import annotations

from collections.abc import Callable

import httptools

_OF_UPGRADES = frozenset({b"http2-settings", b"upgrade"})
"""Headers, and the options of `Connection` that name them."""
Declines = Callable[[], bool]


class Parser(httptools.HttpRequestParser):
    """Reads requests for a protocol of uvicorn's, and keeps what follows an offer it `declines`."""

    def __init__(self, protocol: object, declines: Declines) -> None:
        super().__init__(protocol)
        # As uvicorn sets it: what is pipelined behind a last request is read, and not answered.
        self.set_dangerous_leniencies(lenient_data_after_close=True)
        self._declines = declines
        self.left: bytes | None = None
        """What came behind a head whose offer was declined; this parser is of no more use then."""

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]
        """Read what came.

        Raises:
            HttpParserUpgrade: the connection goes on in another protocol.
        """
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self._declines():
                raise
            self.left = data[upgrade.args[0] :]


def head_without_offer(
    method: bytes, url: bytes, version: str, headers: list[tuple[bytes, bytes]]
) -> bytes:
    """The head of a request as it would be without an offer of another protocol."""
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode("ascii"))]
    for name, value in headers:
        if name == b"connection":
            options = [one for one in value.split(b",") if not _is_of_upgrades(one)]
            if options:
                lines.append(b"connection:" + b",".join(options))
        elif name not in _OF_UPGRADES:
            lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])


def _is_of_upgrades(option: bytes) -> bool:
    return option.strip().lower() in _OF_UPGRADES
