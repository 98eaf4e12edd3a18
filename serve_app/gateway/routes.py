"""How paths find who answers: predictions by a shortcut, everything else by Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve_app.errors import ClientError, NoSuchPath
from serve_app.gateway import browsers
from serve_app.gateway.context import GatewayContext
from serve_app.protocols.dialect import in_common_words

_CLASSES = ("0xx", "1xx", "2xx", "3xx", "4xx", "5xx")


Counted = Callable[[Scope, Receive, Send], Awaitable[int]]
"""An ASGI application that gives the status of its answer."""


class _Bare(StringConvertor):
    """A part of a path without a verb behind it."""

    regex = "[^/:]+"


class _Number(StringConvertor):
    """A number, kept as it was written."""

    regex = "[0-9]+"


register_url_convertor("bare", _Bare())
register_url_convertor("number", _Number())


class PredictionRoute(Route):
    """A path that predicts; gives what stands in its places and nothing else.

    Serve asks the first routes of an application for the name of each request's path. A
    `counted` endpoint is awaited for the status of its answer.
    """

    def __init__(
        self,
        path: str,
        endpoint: ASGIApp,
        methods: Iterable[str] = ("POST",),
        counted: Counted | None = None,
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.counted = counted
        self.path = self.path_format
        self._match = self.path_regex.match
        self._methods = frozenset(methods)

    def parameters(self, path: str) -> dict[str, str] | None:
        """What stands in the places of endpoint and version, when the path is of this route."""
        matched = self._match(path)
        return None if matched is None else matched.groupdict()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is of this route."""
        if scope["type"] != "http":
            return Match.NONE, {}
        matched = self.parameters(_path(scope))
        if matched is None:
            return Match.NONE, {}
        match = Match.FULL if scope["method"] in self._methods else Match.PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": matched}


class Mounted(BaseRoute):
    """Applications by the first part of their paths, found by one look into a table.

    Serve asks every route of an application in turn for the name of a request's path: this one
    stands first and answers for all that it holds.
    """

    path = "/{profile}"

    def __init__(self, apps: Mapping[str, GatewayApp]) -> None:
        self._apps = apps

    def find(self, path: str) -> GatewayApp | None:
        """The application that a path leads to."""
        return self._apps.get(_first_part(path)[1:])

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for one of the applications."""
        matched = self.find(_path(scope)) if scope["type"] == "http" else None
        return (Match.NONE, {}) if matched is None else (Match.FULL, {"endpoint": matched})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer below the first part of the path."""
        path = _path(scope)
        matched = self.find(path)
        assert matched is not None  # noqa: S101 - it matched
        scope["root_path"] = scope.get("root_path", "") + _first_part(path)
        await matched.answer(scope, receive, send)


class GatewayApp:
    """Sends predictions straight to those who answer them, past everything that pages need.

    `mounted` are applications of the same kind by the first part of their paths.
    """

    def __init__(
        self,
        predictions: Sequence[PredictionRoute],
        pages: Sequence[BaseRoute],
        context: GatewayContext,
        mounted: Mapping[str, GatewayApp] | None = None,
    ) -> None:
        self._counting = context.predictor.counting
        self._predictions = tuple(predictions)
        self.mounted = dict(mounted or {})
        self._below = Mounted(self.mounted)
        self._pages = Starlette(
            routes=[self._below, *predictions, *pages],
            exception_handlers={HTTPException: _unrouted(context), Exception: _failed(context)},
        )
        self.router = self._pages.router
        # Load balancers and many clients that send do not follow redirects, and the address of
        # one is wrong behind whoever ends TLS.
        self.router.redirect_slashes = False
        self.router.default = self._other_slash

    @property
    def routes(self) -> list[BaseRoute]:
        """All routes, in the order in which they are tried."""
        return self._pages.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and count the answer by the class of its status."""
        counting = self._counting
        route = self._prediction(scope)
        if route is not None and route.counted is not None:
            status = await route.counted(scope, receive, send)
            counting.add_response("http", _CLASSES[status // 100])
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                counting.add_response("http", _CLASSES[message["status"] // 100])
            await send(message)

        await self.answer(scope, receive, counted)

    def template(self, scope: Scope) -> str | None:
        """The path of the route that a request is of, with names in its places; None without one.

        Not for every request: all routes are tried in turn.
        """
        path = _path(scope)
        below = self._below.find(path)
        if below is not None:
            first = _first_part(path)
            inner = below.template({**scope, "root_path": scope.get("root_path", "") + first})
            return None if inner is None else f"{first}{inner}"
        for route in self.routes:
            if route.matches(scope)[0] is not Match.NONE:
                return getattr(route, "path_format", None)
        return None

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request that somebody else counts."""
        route = self._prediction(scope)
        if route is not None:
            await route.endpoint(scope, receive, send)
        elif scope["type"] == "http" and self._below.find(_path(scope)) is not None:
            await self._below.handle(scope, receive, send)
        else:
            await self._pages(scope, receive, send)

    def _prediction(self, scope: Scope) -> PredictionRoute | None:
        """The route of a prediction, with what its path names in the scope; none for all else."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return None
        path = _path(scope)
        if self._below.find(path) is not None:
            return None
        for route in self._predictions:
            parameters = route.parameters(path)
            if parameters is not None:
                scope["path_params"] = parameters
                return route
        return None

    async def _other_slash(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a path that differs from a known one by the slash at its end as that one."""
        if scope["type"] == "http":
            path = _path(scope)
            other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
            there = {**scope, "path": scope.get("root_path", "") + other}
            if any(route.matches(there)[0] is not Match.NONE for route in self.routes):
                await self.answer(there, receive, send)
                return
        await self.router.not_found(scope, receive, send)


def _path(scope: Scope) -> str:
    """The path below what an application is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


def _first_part(path: str) -> str:
    """A path up to its second slash."""
    end = path.find("/", 1)
    return path if end < 0 else path[:end]


Handler = Callable[[Request, Exception], Awaitable[Response]]


def _unrouted(context: GatewayContext) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        """No such path, or a method that it does not have."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
        if error.status_code == 404 and _from_browser(request):
            return _page(request, context)
        refused = _as_client_error(request, error)
        answer = context.refused(request, refused, status=error.status_code)
        for name, value in (error.headers or {}).items():
            answer.headers[name] = value
        return answer

    return answer


def _from_browser(request: Request) -> bool:
    return request.method in {"GET", "HEAD"} and browsers.wants_page(request.headers)


def _page(request: Request, context: GatewayContext) -> Response:
    """What people see of a path that does not exist."""
    # A strict profile on a port of its own has no documentation.
    has_docs = context.refuse is in_common_words or bool(request.scope.get("root_path"))
    page = browsers.not_found(request.url.path[:200], has_docs=has_docs)
    return HTMLResponse(page, 404, headers=browsers.HEADERS)


def _as_client_error(request: Request, error: HTTPException) -> ClientError:
    path = request.url.path[:200]
    if error.status_code == 404:
        return NoSuchPath(f"there is nothing at {path!r}; /docs shows what there is")
    allowed = (error.headers or {}).get("Allow", "")
    return ClientError(f"{path!r} does not answer {request.method}; it answers {allowed}")


def _failed(context: GatewayContext) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        return context.refused(request, error)

    return answer
