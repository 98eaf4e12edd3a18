"""The ASGI application: one route table, the hot route first."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve_app.engine.predict import Predictor
from serve_app.errors import ClientError, NotFound
from serve_app.gateway import errors
from serve_app.gateway.endpoints import Pages, Predictions
from serve_app.protocols import native, oip_v2


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost."""

    max_body_bytes: int
    max_rows: int


def build(predictor: Predictor, limits: Limits) -> Starlette:
    """The gateway in front of a predictor."""
    native_json = Predictions(predictor, native.DIALECT, limits.max_body_bytes, limits.max_rows)
    oip = Predictions(predictor, oip_v2.DIALECT, limits.max_body_bytes, limits.max_rows)
    pages = Pages(predictor)
    return Starlette(
        routes=[
            Route("/v1/models/{endpoint}:predict", native_json, methods=["POST"]),
            Route("/v2/models/{endpoint}/infer", oip, methods=["POST"]),
            Route(
                "/v1/models/{endpoint}/versions/{version}:predict", native_json, methods=["POST"]
            ),
            Route("/v2/models/{endpoint}/versions/{version}/infer", oip, methods=["POST"]),
            Route("/v2/health/live", pages.live),
            Route("/v2/health/ready", pages.ready),
            Route("/v1/endpoints", pages.endpoints),
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


async def _unrouted(request: Request, error: Exception) -> Response:
    """No such path, or a method that it does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for no other class
    answer = errors.response(_as_client_error(request, error), request_id(request))
    answer.status_code = error.status_code
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
