"""The application of the admin port: paths below `/v1/admin`, JSON in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve_app.core.hosts import is_loopback, is_own, without_port
from serve_app.core.ports import Ids
from serve_app.errors import ClientError, NoSuchPath, NotPermitted, ServeError
from serve_app.gateway.admin import failures
from serve_app.gateway.admin.access import permitted_words, require
from serve_app.gateway.admin.actions import AdminActions
from serve_app.gateway.admin.audit import AuditedChanges
from serve_app.gateway.admin.pages import AdminPages
from serve_app.gateway.admin.paths import PATHS, PREFIX, AdminPath
from serve_app.gateway.context import headers_of, json
from serve_app.gateway.entrance import request_id_of
from serve_app.gateway.foreign_pages import refuse_foreign

Answer = Callable[[Request, AdminPath], Awaitable[Any]]


def build(
    actions: AdminActions,
    *,
    host: str,
    ids: Ids,
    audited: AuditedChanges | None = None,
    proofs: Sequence[str] = (),
) -> Starlette:
    """The admin API over what it can do; `host` is the address that it listens on.

    Changes are made once the log of `audited`, where there is one, has them; attempts that are
    refused are in it too. By `proofs` callers prove who they are, as its document tells.
    Requests whose `Host` is another name are refused while that is an address of this machine
    alone: pages of strangers could reach it through a name of theirs otherwise.
    """
    pages = AdminPages(actions, proofs)
    guard = _Guard(ids, audited, own_names_alone=is_loopback(host))
    app = Starlette(
        routes=[
            Route(
                path.whole,
                guard.answering(path, _answer(pages, path, audited)),
                methods=[path.method],
            )
            for path in PATHS
        ],
        exception_handlers={HTTPException: guard.unrouted},
    )
    # A redirect would be made of the `Host` header, past the guard.
    app.router.redirect_slashes = False
    return app


def _answer(pages: AdminPages, path: AdminPath, audited: AuditedChanges | None) -> Answer:
    answer: Answer = getattr(pages, path.handler)
    return answer if audited is None else audited.around(path, answer)


def _methods_at(request: Request) -> list[str]:
    """The methods that the path of a request has."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    path = request.scope["path"]
    methods = [one.methods or set() for one in routes if one.path_regex.match(path)]
    return sorted(set().union(*methods))


class _Guard:
    """Lets requests of this machine through, and makes errors answers."""

    def __init__(self, ids: Ids, audited: AuditedChanges | None, *, own_names_alone: bool) -> None:
        self._ids = ids
        self._audited = audited
        self._own_names_alone = own_names_alone

    def answering(
        self, path: AdminPath, answer: Answer
    ) -> Callable[[Request], Awaitable[Response]]:
        """The same as a handler of Starlette's."""

        async def handle(request: Request) -> Response:
            request_id = request_id_of(headers_of(request.scope), self._ids)
            try:
                await self._let_in(request, path)
                body = await permitted_words(request, answer(request, path))
                response = json(body, path.status)
                if path.status == 202:
                    response.headers["location"] = f"{PREFIX}/changes/{body['id']}"
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
                response = failures.response(error, request_id)
            response.headers["x-request-id"] = request_id
            response.headers["cache-control"] = "no-store"
            return response

        return handle

    async def _let_in(self, request: Request, path: AdminPath) -> None:
        """Return where who asks may do this, from where it asks; a refusal is written down."""
        try:
            self._check_host(request)
            if path.access == "change":
                refuse_foreign(headers_of(request.scope), ())
            require(request, path)
        except ServeError as error:
            if self._audited is not None:
                await self._audited.refused_path(request, path, error)
            raise

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """No such path, or a method that it does not have."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
        request_id = request_id_of(headers_of(request.scope), self._ids)
        shown = request.scope["path"][:200]
        if error.status_code == 405:
            refused = ClientError(f"{shown!r} does not answer {request.method}")
            response = failures.response(refused, request_id, status=405)
            response.headers["allow"] = ", ".join(_methods_at(request))
            return response
        message = f"there is nothing at {shown!r}; {PREFIX}/openapi.json says what there is"
        return failures.response(NoSuchPath(message), request_id)

    def _check_host(self, request: Request) -> None:
        # Starlette takes this server's own address for a name that it cannot read.
        name = without_port(headers_of(request.scope).get("host"))
        if self._own_names_alone and name is not None and not is_own(name):
            raise NotPermitted(
                f"this port answers to this machine's own names alone, and not to {name[:80]!r}"
            )
