"""Asks an ASGI application in this process, without a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Scope

_OTHERS = "backslashreplace"
"""How characters that headers cannot have are written."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request: where to, with what.

    `path` is decoded, `query` as it stands in the URL; names of headers have lower case.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: bytes = b""

    def scope(self) -> Scope:
        """The request as ASGI describes it."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "https",
            "path": self.path,
            "raw_path": None,
            "query_string": self.query,
            "root_path": "",
            "headers": [
                (name.encode("latin-1", _OTHERS), value.encode("latin-1", _OTHERS))
                for name, value in self.headers.items()
            ],
            "server": None,
            "client": None,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to a request."""

    status: int
    headers: Headers
    body: bytes


async def ask(app: ASGIApp, call: Call) -> Answer:
    """The answer of an application to one request; what it raises is raised."""
    status = 0
    headers: list[tuple[bytes, bytes]] = []
    parts: list[bytes] = []
    left = [call.body]

    async def receive() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            headers.extend(message["headers"])
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(call.scope(), receive, send)
    return Answer(status, Headers(raw=headers), b"".join(parts))
