"""What every request passes before and after its endpoint: pure ASGI, no buffering."""

from __future__ import annotations

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.core.edge_token import (
    CLAIM_PREFIXES,
    CLAIMS,
    EDGE_HEADER,
    SCHEME_HEADER,
    SOURCE_HEADER,
    EdgeToken,
)
from serve_app.core.ports import Ids
from serve_app.gateway.entrance import is_request_id
from serve_app.gateway.one_write import in_one_write

REQUEST_ID = b"x-request-id"
# Headers that Ray Serve obeys: a stranger could switch off time limits with them.
UNTRUSTED = frozenset(
    {
        b"x-request-timeout-seconds",
        b"x-request-disconnect-disabled",
        b"serve_multiplexed_model_id",
        b"serve-multiplexed-model-id",
        b"x-session-id",
        EDGE_HEADER.encode(),
    }
)
_EDGE = EDGE_HEADER.encode()
_SOURCE = SOURCE_HEADER.encode()
_SCHEME = SCHEME_HEADER.encode()
_CLAIMS = tuple(one.encode() for one in (*CLAIM_PREFIXES, *CLAIMS))
# Nothing here depends on noticing a disconnect: work is bounded by its deadline. Without
# it, Serve awaits the application directly instead of starting two tasks per request.
UNWATCHED = (b"x-request-disconnect-disabled", b"?1")


class Edge:
    """Takes away the headers that only the inside may set, and bad request ids.

    What a request claims of its own origin stays where `token` was shown with it, which HAProxy
    alone can do; then `scope["client"]` and `scope["scheme"]` are those of the client. HAProxy
    shows it behind all that it vouches for. Servers count trailers, which nobody before them looks
    at, as headers: what is claimed behind the token is one. Answers leave in one write where the
    server lets them.
    """

    def __init__(self, app: ASGIApp, *, token: EdgeToken | None = None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with clean headers."""
        if scope["type"] == "http":
            scope["headers"] = self._cleaned(scope)
            send = in_one_write(send)
        await self._app(scope, receive, send)

    def _cleaned(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        kept = []
        claims = []
        shown = None
        for pair in scope["headers"]:
            name, value = pair
            if name in UNTRUSTED:
                if name == _EDGE and shown is None:
                    shown = value
            elif name.startswith(_CLAIMS):
                if shown is None:
                    claims.append(pair)
            elif name != REQUEST_ID or is_request_id(value):
                kept.append(pair)
        if shown is not None and self._token is not None and self._token.matches(shown):
            kept += claims
            _take_origin(scope, claims)
        kept.append(UNWATCHED)
        return kept


def _take_origin(scope: Scope, claims: list[tuple[bytes, bytes]]) -> None:
    """Let a scope say from where its request came to HAProxy."""
    for name, value in claims:
        if name == _SOURCE:
            scope["client"] = (value.decode("latin-1"), 0)
        elif name == _SCHEME:
            scope["scheme"] = value.decode("latin-1")


class RequestIds:
    """Gives a request without an id a new one, and every answer the id of its request.

    Ray Serve does this itself; the gateway needs it where it runs without Ray.
    """

    def __init__(self, app: ASGIApp, *, ids: Ids) -> None:
        self._app = app
        self._ids = ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with an id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        given = next((value for name, value in headers if name == REQUEST_ID), None)
        request_id = given or self._ids().encode()
        if given is None:
            scope["headers"] = [*headers, (REQUEST_ID, request_id)]

        # No coroutine of its own, which would be one more for each part of every answer.
        def identified(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (REQUEST_ID, request_id)]
            return send(message)

        await self._app(scope, receive, identified)
