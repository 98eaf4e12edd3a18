"""The page that Prometheus scrapes, on a port of its own: who predicts need not see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.exposition import CONTENT_TYPE, Exposition

PATH = "/metrics"


def metrics_page(samples: Callable[[], Iterable[Sample]]) -> Starlette:
    """An ASGI application of that one page, which reads `samples` anew each time."""
    exposition = Exposition()

    async def page(_request: Request) -> Response:
        return Response(exposition.text(samples()), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route(PATH, page)])
