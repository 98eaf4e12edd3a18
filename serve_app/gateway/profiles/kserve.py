"""KServe's model server: its first protocol, and the Open Inference Protocol beside it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.errors import NotFound
from serve_app.gateway.context import GatewayContext, json
from serve_app.gateway.profile import Profile, Spoken
from serve_app.gateway.profiles import oip
from serve_app.protocols.dialects import kserve_v1

MODEL = "/v1/models/{endpoint:bare}"


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    pages = Pages(context)
    models = oip.Pages(context)
    return [
        Route("/", pages.alive),
        Route("/v1/models", models.models),
        Route(MODEL, models.model_ready),
        Route(f"{MODEL}:explain", pages.explain, methods=["POST"]),
        *oip.pages(context),
    ]


class Pages:
    """Life and explanations, as KServe's clients ask for them."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def alive(self, request: Request) -> Response:  # noqa: ARG002
        """The process answers."""
        return json({"status": "alive"})

    async def explain(self, request: Request) -> Response:
        """There are no explanations yet."""
        name = request.path_params["endpoint"]
        msg = f"endpoint {name[:80]!r} has no explainer; use :predict"
        return self._context.refused(request, NotFound(msg))


PREDICTIONS = (Spoken(f"{MODEL}:predict", kserve_v1.DIALECT),)
PROFILE = Profile(
    predictions=(*PREDICTIONS, *oip.PREDICTIONS),
    pages=_pages,
    refuse=kserve_v1.refuse,
)
