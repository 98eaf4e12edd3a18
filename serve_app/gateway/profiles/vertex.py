"""Vertex AI: its containers, with the paths of `AIP_*`, and its endpoints as its SDK asks them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.gateway.context import GatewayContext, Settings, json
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.gateway.profiles.redirects import Redirects
from serve_app.protocols.dialects import vertex
from serve_app.protocols.oip import tensor_bodies

DIALECT = tensor_bodies.WithTensors(vertex.DIALECT, tensor_bodies.VERTEX)
RAW = vertex.RawVertex(DIALECT)
_DEPLOYED = "/v1/endpoints/{vertex:bare}/deployedModels/{deployed:bare}"
_ENDPOINT = "/v1/projects/{project:bare}/locations/{location:bare}/endpoints/{endpoint:bare}"


def predictions(settings: Settings) -> tuple[DialectPath, ...]:
    """The paths that predict: Vertex's own, and the one that `AIP_PREDICT_ROUTE` names."""
    paths = [f"{_DEPLOYED}:predict", f"{_ENDPOINT}:predict"]
    if settings.predict_route is not None:
        paths.append(settings.predict_route)
    path = tuple(DialectPath(path, DIALECT, around=Redirects) for path in paths)
    return (*path, DialectPath(f"{_ENDPOINT}:rawPredict", RAW, around=Redirects))


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """Health, also where `AIP_HEALTH_ROUTE` says."""
    own = _VertexPages(context)
    health = context.settings.health_route
    return [Route(path, own.healthy) for path in (_DEPLOYED, health) if path is not None]


class _VertexPages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def healthy(self, request: Request) -> Response:
        """Endpoints can be asked."""
        return self._context.if_ready(request, json({"status": "Healthy"}))


def profile(settings: Settings) -> Profile:
    """The profile with the paths that the environment names."""
    return Profile(predictions=predictions(settings), pages=pages, refuse=vertex.DIALECT.refuse)
