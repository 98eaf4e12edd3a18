"""TensorFlow Serving's REST API, usually on port 8501."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.engine.stages import Stage
from serve_app.errors import ClientError
from serve_app.gateway.context import GatewayContext
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.protocols.dialect import Dialect
from serve_app.protocols.dialects import tf_serving

MODEL = "/v1/models/{endpoint:bare}"
PLACES = (MODEL, MODEL + "/versions/{version:number}", MODEL + "/labels/{label:bare}")
_VERBS: tuple[tuple[str, Dialect], ...] = (
    ("predict", tf_serving.PREDICT),
    ("classify", tf_serving.CLASSIFY),
    ("regress", tf_serving.REGRESS),
)


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    pages = TFServingPages(context)
    return [
        *(Route(place, pages.status) for place in PLACES),
        *(Route(f"{place}/metadata", pages.metadata) for place in PLACES),
        Route("/v1/models", pages.unnamed),
        Route("/v1/{rest:path}", pages.malformed, methods=["GET", "POST", "PUT", "DELETE"]),
    ]


class TFServingPages:
    """Status and metadata."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def status(self, request: Request) -> Response:
        """The versions of an endpoint, and whether each could answer."""
        return self._context.of_endpoint(
            request,
            lambda stage, versions: tf_serving.status(self._context.states(stage, versions)),
        )

    async def metadata(self, request: Request) -> Response:
        """An endpoint's columns and outputs, as TensorFlow Serving describes signatures."""
        return self._context.of_endpoint(request, _metadata)

    async def unnamed(self, request: Request) -> Response:
        """TensorFlow Serving has no list of its models."""
        return self._context.refused(request, ClientError("Missing model name in request."))

    async def malformed(self, request: Request) -> Response:
        """What TensorFlow Serving calls every other path below /v1."""
        shown = f"{request.method} {request.url.path[:200]}"
        return self._context.refused(request, ClientError(f"Malformed request: {shown}"))


def _metadata(stage: Stage, versions: list[str]) -> Any:
    short = stage.shortened(versions)
    return tf_serving.metadata(stage.spec.name, stage.spec.signature, short)


PROFILE = Profile(
    predictions=tuple(
        DialectPath(f"{place}:{verb}", dialect) for verb, dialect in _VERBS for place in PLACES
    ),
    pages=_pages,
    refuse=tf_serving.refuse,
)
