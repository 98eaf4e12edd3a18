"""KServe's model server: its first protocol, and the Open Inference Protocol beside it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from serve_app.gateway import explanations
from serve_app.gateway.context import GatewayContext, json
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.gateway.profiles import oip
from serve_app.protocols.dialects import kserve_v1

MODEL = "/v1/models/{endpoint:bare}"


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    models = oip.OpenInferencePages(context)
    return [
        Route("/", _alive),
        Route("/v1/models", models.models),
        Route(MODEL, models.model_ready),
        *oip.pages(context),
    ]


async def _alive(request: Request) -> Response:  # noqa: ARG001
    """The process answers."""
    return json({"status": "alive"})


PREDICTIONS = (
    DialectPath(f"{MODEL}:predict", kserve_v1.DIALECT),
    explanations.path(f"{MODEL}:explain", kserve_v1.DIALECT),
)
PROFILE = Profile(
    predictions=(*PREDICTIONS, *oip.PREDICTIONS),
    pages=_pages,
    refuse=kserve_v1.refuse,
)
