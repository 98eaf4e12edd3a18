"""From requests of management calls to who wants what."""

from __future__ import annotations

from starlette.requests import Request

from serve_app.gateway.context import caller_of, headers_of
from serve_app.gateway.foreign_pages import refuse_foreign
from serve_app.gateway.wish import Attempt, Wish


def wish_of(request: Request, endpoint: str, by: str) -> Wish:
    """What a request wants of an endpoint; `by` says in whose words.

    Raises:
        NotPermitted: a page of another origin sends it.
    """
    refuse_foreign(headers_of(request.scope), ())
    client = request.client
    attempt = Attempt(
        caller_of(request.scope),
        request.headers.get("x-request-id", ""),
        "" if client is None else client.host,
    )
    return Wish(attempt, endpoint, by)
