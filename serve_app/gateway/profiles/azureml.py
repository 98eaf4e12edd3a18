"""Azure ML's inference server, usually on port 5001."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from serve_app import __version__
from serve_app.engine.stages import Stage
from serve_app.errors import NotFound
from serve_app.gateway.context import GatewayContext
from serve_app.gateway.openapi import azure as openapi_azure
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.protocols.dialects import azure_ml

PREDICTIONS = (DialectPath("/score", azure_ml.DIALECT, ("GET", "POST")),)


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """The description of `/score`."""
    return [Route("/swagger.json", _AzureMLPages(context).swagger)]


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    return [
        Route("/", _healthy),
        Route("/score", _allowed, methods=["OPTIONS"]),
        *pages(context),
    ]


class _AzureMLPages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def swagger(self, request: Request) -> Response:
        """`/score` as Swagger 2 or OpenAPI 3 describe it."""
        version = request.query_params.get("version", "2")
        if version not in openapi_azure.VERSIONS:
            known = ", ".join(openapi_azure.VERSIONS)
            msg = f"Swagger version [{version[:20]}] is not valid; there are {known}"
            return self._context.refused(request, NotFound(msg))

        def swagger(stage: Stage, versions: list[str]) -> object:  # noqa: ARG001
            spec = stage.spec
            return openapi_azure.document(spec.name, spec.signature, __version__, version)

        return self._context.of_endpoint(request, swagger)


async def _healthy(request: Request) -> Response:  # noqa: ARG001
    return PlainTextResponse("Healthy")


async def _allowed(request: Request) -> Response:  # noqa: ARG001
    return Response()


PROFILE = Profile(predictions=PREDICTIONS, pages=_pages, refuse=azure_ml.refuse)
