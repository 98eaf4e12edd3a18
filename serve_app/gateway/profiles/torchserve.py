"""TorchServe's inference API, usually on port 8080, and what may be read of its other two.

The management API lies on a port of its own (8081): both have a `/models`. So do metrics (8082).
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serve_app.engine.stages import Stage
from serve_app.errors import NotFound
from serve_app.gateway import native_pages
from serve_app.gateway.context import GatewayContext, json
from serve_app.gateway.profile import SENT, DialectPath, Profile
from serve_app.gateway.profiles import kserve, oip
from serve_app.gateway.profiles.torchserve_management import ModelManagement
from serve_app.protocols.dialects import torchserve, torchserve_metrics

PLACES = ("{endpoint:bare}", "{endpoint:bare}/{version:bare}")
PREDICTIONS = tuple(
    DialectPath(f"/predictions/{place}", torchserve.DIALECT, ("GET", *SENT)) for place in PLACES
)


class NamedInQuery:
    """Takes the endpoint from the query's `model_name`, where there is one."""

    def __init__(self, app: ASGIApp, context: GatewayContext) -> None:  # noqa: ARG002
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to its endpoint."""
        named = Request(scope).query_params.get("model_name")
        if named:
            scope["path_params"] = {**scope["path_params"], "endpoint": named}
        await self._app(scope, receive, send)


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """Health, explanations, and the description of the API."""
    inference = Inference(context)
    return [
        Route("/", inference.api, methods=["OPTIONS"]),
        Route("/ping", inference.ping),
        *(
            Route(f"/predictions/{place}", inference.model_api, methods=["OPTIONS"])
            for place in PLACES
        ),
        *(
            Route(f"/explanations/{place}", inference.explain, methods=["GET", *SENT])
            for place in PLACES
        ),
    ]


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    return [Route("/api-description", Inference(context).api), *pages(context)]


def _management(context: GatewayContext) -> Sequence[BaseRoute]:
    management = ModelManagement(context)
    inference = Inference(context)
    return [
        Route("/", inference.api, methods=["OPTIONS"]),
        Route("/ping", inference.ping),
        Route("/models", management.models),
        Route("/models/{endpoint:bare}", management.model),
        Route("/models/{endpoint:bare}/all", management.model),
        Route("/models/{endpoint:bare}/{version:bare}", management.model),
        Route("/models", management.register, methods=["POST"]),
        Route("/models/{endpoint:bare}", management.scale, methods=["PUT"]),
        Route("/models/{endpoint:bare}", management.unregister, methods=["DELETE"]),
        Route("/models/{endpoint:bare}/{version:bare}", management.scale, methods=["PUT"]),
        Route("/models/{endpoint:bare}/{version:bare}", management.unregister, methods=["DELETE"]),
        Route(
            "/models/{endpoint:bare}/{version:bare}/set-default",
            management.set_default,
            methods=["PUT"],
        ),
    ]


def _metrics(context: GatewayContext) -> Sequence[BaseRoute]:
    labels = {"hostname": socket.gethostname(), "uuid": context.settings.replica}

    async def metrics(request: Request) -> Response:
        """What was asked of this replica."""
        counting = context.predictor.counting
        names = [stage.spec.name for stage in context.counted_for(request)]
        counts = ((name, counting.counts(name)) for name in names)
        wanted = request.query_params.getlist("name[]")
        text = torchserve_metrics.exposed(counts, labels, wanted)
        return Response(text, media_type=torchserve_metrics.MEDIA_TYPE)

    api = Inference(context).api
    return [Route("/", api, methods=["OPTIONS"]), Route("/metrics", metrics)]


class Inference:
    """Health, explanations and the description of the API."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def api(self, request: Request) -> Response:
        """The OpenAPI document of the endpoints as they are now."""
        return json(native_pages.visible_document(self._context, request))

    async def model_api(self, request: Request) -> Response:
        """The same document, where there is such an endpoint and version."""
        return self._context.of_endpoint(
            request, lambda *_: native_pages.visible_document(self._context, request)
        )

    async def ping(self, request: Request) -> Response:
        """Endpoints can be asked."""
        return self._context.if_ready(request, json({"status": "Healthy"}))

    async def explain(self, request: Request) -> Response:
        """Explanations are had at a path of this server's own."""

        def unexplained(stage: Stage, versions: list[str]) -> object:  # noqa: ARG001
            name = stage.spec.name
            msg = f"explanations are not given here: the main port has /v1/models/{name}:explain"
            raise NotFound(msg)

        return self._context.of_endpoint(request, unexplained)


PROFILE = Profile(
    predictions=(
        *PREDICTIONS,
        DialectPath("/models/{endpoint:bare}/invoke", torchserve.DIALECT, SENT),
        DialectPath("/invocations", torchserve.DIALECT, SENT, NamedInQuery),
        DialectPath("/{endpoint:bare}/predict", torchserve.DIALECT, SENT),
        DialectPath("/{endpoint:bare}/{version:bare}/predict", torchserve.DIALECT, SENT),
        *kserve.PREDICTIONS,
        *oip.PREDICTIONS,
    ),
    pages=_pages,
    refuse=torchserve.refuse,
)
MANAGEMENT = Profile(predictions=(), pages=_management, refuse=torchserve.refuse)
METRICS = Profile(predictions=(), pages=_metrics, refuse=torchserve.refuse)
