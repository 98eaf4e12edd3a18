"""Seldon Core's first protocol: of its orchestrator, and of single microservices."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from serve_app.engine.stages import Stage
from serve_app.gateway import feedback
from serve_app.gateway.context import GatewayContext, json
from serve_app.gateway.feedback import FeedbackPath
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.gateway.profiles import oip
from serve_app.protocols.bodies import feedback_list
from serve_app.protocols.dialects import seldon

_GRAPH = "/{namespace:bare}/{endpoint:bare}"
PLACES = ("", _GRAPH, f"/seldon{_GRAPH}")
"""Where a graph stands: alone, or below `/seldon`, which is the prefix of the profile too."""
PREDICTIONS = tuple(
    DialectPath(f"{place}/api/{version}/predictions", seldon.DIALECT, ("GET", "POST"))
    for version in ("v1.0", "v0.1")
    for place in PLACES
)

_FEEDBACK = feedback.FeedbackDialect(
    lambda body, headers, _: feedback_list.one(seldon.decode_feedback(body, headers)),
    seldon.encode_feedback,
    seldon.DIALECT.media_types,
    seldon.DIALECT.refuse,
)


def pages(context: GatewayContext) -> Sequence[BaseRoute]:
    """Status, metadata and feedback of the graph."""
    own = _SeldonPages(context)
    taken = FeedbackPath(context, _FEEDBACK).taken
    return [
        *(
            Route(f"{place}/api/{version}/feedback", taken, methods=["GET", "POST"])
            for version in ("v1.0", "v0.1")
            for place in PLACES
        ),
        *(Route(f"{place}/api/v1.0/health/status", own.ready) for place in PLACES),
        *(Route(f"{place}/api/v1.0/metadata", own.metadata) for place in PLACES),
        Route("/api/v1.0/status/{endpoint:bare}", own.status),
        Route("/api/v1.0/metadata/{endpoint:bare}", own.metadata),
    ]


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    own = _SeldonPages(context)
    return [
        *pages(context),
        Route("/send-feedback", FeedbackPath(context, _FEEDBACK).taken, methods=["GET", "POST"]),
        Route("/health/ping", _pong),
        Route("/health/status", own.ready),
        Route("/live", own.live),
        Route("/ready", own.ready),
        Route("/metadata", own.metadata),
    ]


class _SeldonPages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def live(self, request: Request) -> Response:  # noqa: ARG002
        """The process answers."""
        return PlainTextResponse("live")

    async def ready(self, request: Request) -> Response:
        """Endpoints can be asked."""
        return self._context.if_ready(request, json({"status": "ok"}))

    async def status(self, request: Request) -> Response:
        """An endpoint could answer now."""

        def alive(stage: Stage, versions: list[str]) -> dict[str, str]:
            self._context.require_alive(request, stage, versions)
            return {"name": stage.spec.name}

        return self._context.of_endpoint(request, alive)

    async def metadata(self, request: Request) -> Response:
        """An endpoint's columns and outputs."""
        return self._context.of_endpoint(request, oip.metadata)


async def _pong(request: Request) -> Response:  # noqa: ARG001
    return PlainTextResponse("pong")


PROFILE = Profile(
    predictions=(*PREDICTIONS, DialectPath("/predict", seldon.DIALECT, ("GET", "POST"))),
    pages=_pages,
    refuse=seldon.DIALECT.refuse,
)
