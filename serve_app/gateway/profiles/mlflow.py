"""MLflow's scoring server, usually on port 5000."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from serve_app import __version__
from serve_app.gateway.context import GatewayContext
from serve_app.gateway.profile import DialectPath, Profile
from serve_app.protocols.dialects import invocations


def _pages(context: GatewayContext) -> Sequence[BaseRoute]:
    own = _MLflowPages(context)
    return [
        Route("/ping", own.ping),
        Route("/health", own.ping),
        Route("/version", version),
    ]


class _MLflowPages:
    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def ping(self, request: Request) -> Response:
        """Endpoints can be asked."""
        return self._context.if_ready(request, Response("\n", media_type="application/json"))


async def version(request: Request) -> Response:  # noqa: ARG001
    """The version of this server, as MLflow's clients read it."""
    return PlainTextResponse(__version__)


PROFILE = Profile(
    predictions=(DialectPath("/invocations", invocations.MLFLOW),),
    pages=_pages,
    refuse=invocations.refuse_as_mlflow,
)
