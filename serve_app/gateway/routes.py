"""How paths find who answers: predictions by a shortcut, everything else by Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.errors import ClientError, NoSuchPath
from serve_app.gateway.site import Site


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

    Serve asks the first routes of an application for the name of each request's path.
    """

    def __init__(self, path: str, endpoint: ASGIApp, methods: Iterable[str] = ("POST",)) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.path = self.path_format
        self._match = self.path_regex.match
        self._methods = frozenset(methods)

    def parameters(self, path: str) -> dict[str, str] | None:
        """What stands in the places of endpoint and version, when the path is of this route."""
        found = self._match(path)
        return None if found is None else found.groupdict()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is of this route."""
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self.parameters(_path(scope))
        if found is None:
            return Match.NONE, {}
        match = Match.FULL if scope["method"] in self._methods else Match.PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": found}


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
        return self._apps.get(path[1 : path.find("/", 1)])

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for one of the applications."""
        found = self.find(_path(scope)) if scope["type"] == "http" else None
        return (Match.NONE, {}) if found is None else (Match.FULL, {"endpoint": found})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer below the first part of the path."""
        path = _path(scope)
        found = self.find(path)
        assert found is not None  # noqa: S101 - it matched
        scope["root_path"] = scope.get("root_path", "") + path[: path.find("/", 1)]
        await found(scope, receive, send)


class GatewayApp:
    """Sends predictions straight to those who answer them, past everything that pages need.

    `mounted` are applications of the same kind by the first part of their paths.
    """

    def __init__(
        self,
        predictions: Sequence[PredictionRoute],
        pages: Sequence[BaseRoute],
        site: Site,
        mounted: Mapping[str, GatewayApp] | None = None,
    ) -> None:
        self._predictions = tuple(predictions)
        self.mounted = dict(mounted or {})
        self._below = Mounted(self.mounted)
        self._pages = Starlette(
            routes=[self._below, *predictions, *pages],
            exception_handlers={HTTPException: _unrouted(site), Exception: _failed(site)},
        )
        self.router = self._pages.router

    @property
    def routes(self) -> list[BaseRoute]:
        """All routes, in the order in which they are tried."""
        return self._pages.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path = _path(scope)
            if self._below.find(path) is not None:
                await self._below.handle(scope, receive, send)
                return
            for route in self._predictions:
                found = route.parameters(path)
                if found is not None:
                    scope["path_params"] = found
                    await route.endpoint(scope, receive, send)
                    return
        await self._pages(scope, receive, send)


def _path(scope: Scope) -> str:
    """The path below what an application is mounted at."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


Handler = Callable[[Request, Exception], Awaitable[Response]]


def _unrouted(site: Site) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        """No such path, or a method that it does not have."""
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
        refused = _as_client_error(request, error)
        answer = site.refused(request, refused, status=error.status_code)
        for name, value in (error.headers or {}).items():
            answer.headers[name] = value
        return answer

    return answer


def _as_client_error(request: Request, error: HTTPException) -> ClientError:
    path = request.url.path[:200]
    if error.status_code == 404:
        return NoSuchPath(f"there is nothing at {path!r}; /docs shows what there is")
    allowed = (error.headers or {}).get("Allow", "")
    return ClientError(f"{path!r} does not answer {request.method}; it answers {allowed}")


def _failed(site: Site) -> Handler:
    async def answer(request: Request, error: Exception) -> Response:
        return site.refused(request, error)

    return answer
