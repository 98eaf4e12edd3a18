"""The application of the admin port: paths below `/v1/admin`, JSON in and out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve_app import __version__
from serve_app.core.hosts import is_own
from serve_app.core.ports import Ids
from serve_app.core.reference import number as parse_number
from serve_app.errors import BadEncoding, ClientError, InvalidInput, NotFound, NotPermitted
from serve_app.gateway import bodies, errors
from serve_app.gateway.admin import bodies as changes
from serve_app.gateway.admin import openapi
from serve_app.gateway.admin.actions import AdminActions, AliasChange
from serve_app.gateway.context import headers_of, json
from serve_app.gateway.entrance import request_id_of

PREFIX = "/v1/admin"
MAX_BODY_BYTES = 256 * 1024
MAX_EVENTS = 1000
_JSON = frozenset({"application/json"})
_CHANGE = frozenset({"by", "reason"})
Answer = Callable[[Request], Awaitable[Any]]


def build(actions: AdminActions, *, host: str, ids: Ids) -> Starlette:
    """The admin API over what it can do; `host` is the address that it listens on.

    Requests whose `Host` is another name are refused while that is an address of this machine
    alone: pages of strangers could reach it through a name of theirs otherwise.
    """
    api = _Api(actions)
    guard = _Guard(host if is_own(host) else None, ids)
    routes = [
        ("", {"GET": api.root}),
        ("/status", {"GET": api.status}),
        ("/applications", {"GET": api.applications}),
        ("/events", {"GET": api.events}),
        ("/endpoints/{endpoint}/weights", {"PUT": api.set_weights}),
        ("/models", {"GET": api.models}),
        ("/models/{model}/versions/{version}", {"GET": api.version}),
        ("/models/{model}/aliases", {"GET": api.aliases}),
        ("/models/{model}/aliases/{alias}", {"PUT": api.move_alias, "DELETE": api.remove_alias}),
        ("/openapi.json", {"GET": api.openapi}),
    ]
    return Starlette(
        routes=[
            Route(PREFIX + path, guard.answering(answer), methods=[method])
            for path, methods in routes
            for method, answer in methods.items()
        ],
        exception_handlers={HTTPException: guard.unrouted},
    )


class _Guard:
    """Lets requests of this machine through, and makes errors answers."""

    def __init__(self, own_host: str | None, ids: Ids) -> None:
        self._own_host = own_host
        self._ids = ids

    def answering(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        """The same as a handler of Starlette's."""

        async def handle(request: Request) -> Response:
            request_id = request_id_of(headers_of(request.scope), self._ids)
            try:
                self._check_host(request)
                response = json(await answer(request))
            except Exception as error:  # noqa: BLE001 - the edge: whatever it is becomes an answer
                response = errors.response(error, request_id)
            response.headers["x-request-id"] = request_id
            response.headers["cache-control"] = "no-store"
            return response

        return handle

    async def unrouted(self, request: Request, error: Exception) -> Response:
        """No such path, or a method that it does not have."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
        path = request.url.path[:200]
        message = f"there is nothing at {path!r}; {PREFIX}/openapi.json says what there is"
        if error.status_code == 405:
            message = f"{path!r} does not answer {request.method}"
        request_id = request_id_of(headers_of(request.scope), self._ids)
        return errors.response(ClientError(message), request_id, status=error.status_code)

    def _check_host(self, request: Request) -> None:
        if self._own_host is None:
            return
        name = request.url.hostname or ""
        if not is_own(name):
            raise NotPermitted(
                f"this port answers to this machine's own names alone, and not to {name[:80]!r}"
            )


class _Api:
    def __init__(self, actions: AdminActions) -> None:
        self._actions = actions

    async def root(self, request: Request) -> Any:  # noqa: ARG002
        return {"name": "serve-app admin API", "version": __version__, "docs": "openapi.json"}

    async def openapi(self, request: Request) -> Any:  # noqa: ARG002
        return openapi.document(PREFIX, __version__)

    async def status(self, request: Request) -> Any:  # noqa: ARG002
        return await self._actions.status()

    async def applications(self, request: Request) -> Any:  # noqa: ARG002
        return await self._actions.applications()

    async def set_weights(self, request: Request) -> Any:
        document = await _document(request, _CHANGE | {"weights"})
        endpoint = request.path_params["endpoint"]
        return await self._actions.set_weights(
            endpoint, changes.weights(document), changes.change(document)
        )

    async def models(self, request: Request) -> Any:  # noqa: ARG002
        return {"models": await self._actions.models()}

    async def version(self, request: Request) -> Any:
        model, text = request.path_params["model"], request.path_params["version"]
        number = parse_number(text)
        if number is None:
            raise NotFound(f"{text[:40]!r} is no number of a version")
        return await self._actions.version(model, number)

    async def aliases(self, request: Request) -> Any:
        return {"moves": await self._actions.aliases(request.path_params["model"])}

    async def move_alias(self, request: Request) -> Any:
        document = await _document(request, _CHANGE | {"version", "expected"})
        return await self._move(request, changes.alias_change(document), document)

    async def remove_alias(self, request: Request) -> Any:
        document = await _document(request, _CHANGE | {"expected"})
        return await self._move(request, changes.alias_removal(document), document)

    async def _move(self, request: Request, move: AliasChange, document: dict[str, Any]) -> Any:
        named = request.path_params
        change = changes.change(document)
        return await self._actions.move_alias(named["model"], named["alias"], move, change)

    async def events(self, request: Request) -> Any:
        query = request.query_params
        text = query.get("limit", "100")
        limit = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
        if not 1 <= limit <= MAX_EVENTS:
            raise InvalidInput(f"'limit' must be a number from 1 to {MAX_EVENTS}")
        events = await self._actions.events(limit, query.get("kind"), query.get("subject"))
        return {"events": [asdict(event) for event in events]}


async def _document(request: Request, known: frozenset[str]) -> dict[str, Any]:
    """The body of a change.

    Its content type must be that of JSON: no page of a stranger can send that unasked.
    """
    body = await bodies.read(
        request.receive,
        headers_of(request.scope),
        max_bytes=MAX_BODY_BYTES,
        accepted=_JSON,
    )
    if not body:
        raise BadEncoding("the body must be a JSON object")
    return changes.members(body, known)
