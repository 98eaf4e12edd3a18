"""The path `/graphql`, as the GraphQL-over-HTTP specification describes it.

graphql-core is an optional dependency, and it is loaded with the first request: gateways that
nobody asks in GraphQL do without it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from serve_app.core.flow import OWNER
from serve_app.errors import NotAcceptable, NotFound
from serve_app.gateway import compression, errors
from serve_app.gateway.context import GatewayContext, caller_of, headers_of
from serve_app.gateway.graphql import errors as graphql_errors
from serve_app.gateway.graphql import page as graphql_page
from serve_app.gateway.graphql.request import GRAPHQL, JSON, accepted, read
from serve_app.gateway.in_turn import in_turn
from serve_app.protocols import error_body
from serve_app.protocols.dialect import Reply

if TYPE_CHECKING:
    from serve_app.gateway.graphql.execution import Documents

_PACKAGE = "graphql"
_EXECUTION = "serve_app.gateway.graphql.execution"


class GraphQL:
    """Answers GraphQL by GET and POST. An ASGI application."""

    def __init__(self, context: GatewayContext) -> None:
        self._predictor = context.predictor
        self._max_body_bytes = context.settings.max_body_bytes
        self._max_rows = context.settings.max_rows
        self._compress_above = context.settings.compress_above_bytes
        self._loaded: Documents | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request in its caller's turn."""
        if self._predictor.sharing is None:
            await self._answered(scope, receive, send)
            return
        with self._predictor.sharing.turn(caller_of(scope).name) as turn:
            await self._answered(scope, in_turn(turn, receive), send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        try:
            answer = await self._answer(scope, receive, headers)
        except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
            answer = _refused(error, headers)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, headers: dict[str, str]) -> Response:
        documents = self._loaded or await self._load()
        if documents is None:
            msg = (
                "GraphQL needs the package graphql-core, which is not installed on this server; "
                "its operator can install it with: pip install 'serve-app[graphql]'"
            )
            return _refused(NotFound(msg), headers, status=501)
        if graphql_page.wanted(scope["method"], scope["query_string"], headers):
            schema = await documents.schema_text(caller_of(scope))
            return HTMLResponse(graphql_page.page(schema), headers=graphql_page.HEADERS)
        media_type = accepted(headers.get("accept", ""))
        if media_type is None:
            msg = f"answers here are {GRAPHQL} or {JSON}, and the request accepts neither"
            return _refused(NotAcceptable(msg, accepted=[GRAPHQL, JSON]), headers)
        OWNER.set(caller_of(scope).name)
        request = await read(scope, receive, headers, self._max_body_bytes, self._predictor.offload)
        executed = await documents.execute(request, caller_of(scope))
        # Who reads `application/json` looks for errors in the answer and not at its status.
        status = executed.status if media_type == GRAPHQL else 200
        if executed.changes and scope["method"] != "POST":
            status = 405
        answer = self._written(_dumped(executed.body), status, media_type, headers)
        if status == 405:
            answer.headers["allow"] = "POST"
        return answer

    async def _load(self) -> Documents | None:
        """What executes documents; none where graphql-core is not installed."""
        try:
            # Importing takes a tenth of a second, which other requests need not wait.
            execution = await asyncio.to_thread(import_module, _EXECUTION)
        except ModuleNotFoundError as error:
            if error.name is not None and error.name.partition(".")[0] == _PACKAGE:
                return None
            raise
        loaded: Documents = execution.Documents(self._predictor, self._max_rows)
        self._loaded = loaded
        return loaded

    def _written(
        self, body: bytes, status: int, media_type: str, headers: Mapping[str, str]
    ) -> Response:
        more: tuple[tuple[bytes, bytes], ...] = ()
        if len(body) > self._compress_above and "accept-encoding" in headers:
            body, more = compression.negotiated(body, headers["accept-encoding"])
        marks = {name.decode(): value.decode() for name, value in more}
        return Response(body, status, marks, f"{media_type}; charset=utf-8")


def _refused(
    error: Exception, headers: Mapping[str, str], *, status: int | None = None
) -> Response:
    """The answer to a request that is refused before its document is looked at."""
    request_id = headers.get("x-request-id", "")
    body = _dumped({"errors": [graphql_errors.error_entry(error, request_id)]})
    media_type = (accepted(headers.get("accept", "")) or JSON).encode()
    return errors.response(
        error, request_id, status=status, refuse=lambda _: Reply(body, media_type)
    )


def _dumped(body: Any) -> bytes:
    return error_body.dump(body)
