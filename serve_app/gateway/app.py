"""The ASGI application: predictions by a shortcut, everything else by Starlette's routes."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from serve_app.engine.predict import Predictor
from serve_app.errors import ClientError, NotFound
from serve_app.gateway import errors
from serve_app.gateway.endpoints import Pages, Predictions, Settings
from serve_app.protocols import (
    azure_ml,
    invocations,
    native,
    oip_v2,
    seldon,
    tf_serving,
    torchserve,
    vertex,
)
from serve_app.protocols.dialect import Dialect


class _Bare(StringConvertor):
    """A part of a path without a verb behind it."""

    regex = "[^/:]+"


register_url_convertor("bare", _Bare())


class PredictionRoute(Route):
    """A path that predicts; gives what stands in its places and nothing else.

    Serve asks the first routes of an application for the name of each request's path.
    """

    def __init__(self, path: str, endpoint: Predictions) -> None:
        super().__init__(path, endpoint, methods=["POST"])
        self.path = self.path_format
        self._match = self.path_regex.match

    def parameters(self, path: str) -> dict[str, str] | None:
        """What stands in the places of endpoint and version, when the path is of this route."""
        found = self._match(path)
        return None if found is None else found.groupdict()

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is of this route."""
        if scope["type"] != "http":
            return Match.NONE, {}
        found = self.parameters(scope["path"])
        if found is None:
            return Match.NONE, {}
        match = Match.FULL if scope["method"] == "POST" else Match.PARTIAL
        return match, {"endpoint": self.endpoint, "path_params": found}


class GatewayApp:
    """Sends predictions straight to those who answer them, past everything that pages need."""

    def __init__(self, predictions: Sequence[PredictionRoute], pages: Starlette) -> None:
        self._predictions = tuple(predictions)
        self._pages = pages
        self.router = pages.router

    @property
    def routes(self) -> list[BaseRoute]:
        """All routes, in the order in which they are tried."""
        return self._pages.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            for route in self._predictions:
                found = route.parameters(path)
                if found is not None:
                    scope["path_params"] = found
                    await route.endpoint(scope, receive, send)
                    return
        await self._pages(scope, receive, send)


_ENDPOINT = "{endpoint:bare}"
_VERSION = _ENDPOINT + "/versions/{version:bare}"
_VERTEX = f"/v1/projects/{{project:bare}}/locations/{{location:bare}}/endpoints/{_ENDPOINT}"
DIALECTS: tuple[tuple[str, Dialect], ...] = (
    (f"/v1/models/{_ENDPOINT}:predict", native.DIALECT),
    (f"/v2/models/{_ENDPOINT}/infer", oip_v2.DIALECT),
    (f"/v1/models/{_VERSION}:predict", native.DIALECT),
    (f"/v2/models/{_VERSION}/infer", oip_v2.DIALECT),
    ("/invocations", invocations.DIALECT),
    (f"/endpoints/{_ENDPOINT}/invocations", invocations.DIALECT),
    ("/score", azure_ml.DIALECT),
    (f"/predictions/{_ENDPOINT}", torchserve.DIALECT),
    (f"/predictions/{_ENDPOINT}/{{version:bare}}", torchserve.DIALECT),
    ("/api/v1.0/predictions", seldon.DIALECT),
    (f"/seldon/{{namespace:bare}}/{_ENDPOINT}/api/v1.0/predictions", seldon.DIALECT),
    ("/v1/endpoints/{vertex:bare}/deployedModels/{deployed:bare}:predict", native.DIALECT),
    (f"{_VERTEX}:predict", vertex.DIALECT),
    (f"{_VERTEX}:rawPredict", vertex.RAW),
    (f"/v1/models/{_ENDPOINT}:classify", tf_serving.CLASSIFY),
    (f"/v1/models/{_ENDPOINT}:regress", tf_serving.REGRESS),
    (f"/v1/models/{_VERSION}:classify", tf_serving.CLASSIFY),
    (f"/v1/models/{_VERSION}:regress", tf_serving.REGRESS),
)
"""The paths that predict, those of which most is expected first.

A path that names no endpoint is answered by the one that headers name, or by the default one.
"""


def build(predictor: Predictor, settings: Settings) -> GatewayApp:
    """The gateway in front of a predictor."""
    predictions = [
        PredictionRoute(path, Predictions(predictor, dialect, settings))
        for path, dialect in DIALECTS
    ]
    pages = Pages(predictor, settings)
    starlette = Starlette(
        routes=[
            *predictions,
            Route("/v2/health/live", pages.live),
            Route("/v2/health/ready", pages.ready),
            Route("/v1/endpoints", pages.endpoints),
            Route("/v1/endpoints/{vertex:bare}/deployedModels/{deployed:bare}", pages.ping),
            Route("/ping", pages.ping),
            Route("/health", pages.ping),
            Route("/version", pages.version),
            Route("/v1/models", pages.models),
            Route("/v1/models/{endpoint:bare}:explain", pages.explain, methods=["POST"]),
            Route("/v1/models/{endpoint:bare}/metadata", pages.tf_metadata),
            Route("/v1/models/{endpoint:bare}/versions/{version:bare}", pages.tf_status),
            Route("/v1/models/{endpoint:bare}/versions/{version:bare}/metadata", pages.tf_metadata),
            Route("/v1/models/{endpoint:bare}", pages.tf_status),
            Route("/v2/models", pages.models),
            Route("/v2/repository/index", pages.index, methods=["POST"]),
            Route("/v2", pages.server),
            Route("/v2/", pages.server),
            Route("/v2/models/{endpoint}", pages.model),
            Route("/v2/models/{endpoint}/ready", pages.model_ready),
            Route("/v2/models/{endpoint}/versions/{version}", pages.model),
            Route("/v2/models/{endpoint}/versions/{version}/ready", pages.model_ready),
            Route("/openapi.json", pages.openapi),
            Route("/docs", pages.docs),
            Route("/", pages.home),
        ],
        exception_handlers={HTTPException: _unrouted, Exception: _failed},
    )
    return GatewayApp(predictions, starlette)


async def _unrouted(request: Request, error: Exception) -> Response:
    """No such path, or a method that it does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
    refused = _as_client_error(request, error)
    answer = errors.response(refused, request_id(request), status=error.status_code)
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


def _as_client_error(request: Request, error: HTTPException) -> ClientError:
    path = request.url.path[:200]
    if error.status_code == 404:
        return NotFound(f"there is nothing at {path!r}; /docs shows what there is")
    allowed = (error.headers or {}).get("Allow", "")
    return ClientError(f"{path!r} does not answer {request.method}; it answers {allowed}")


async def _failed(request: Request, error: Exception) -> Response:
    return errors.response(error, request_id(request))


def request_id(request: Request) -> str:
    """The id that the edge gave the request."""
    return request.headers.get("x-request-id", "")
