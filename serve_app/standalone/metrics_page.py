"""The page that Prometheus scrapes, on a port of its own: who predicts need not see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from serve_app.engine.visible import require_everywhere
from serve_app.errors import Forbidden
from serve_app.gateway import errors
from serve_app.gateway.context import COUNTS, caller_of
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.exposition import CONTENT_TYPE, Exposition

PATH = "/metrics"


def metrics_page(samples: Callable[[], Iterable[Sample]]) -> Starlette:
    """An ASGI application of that one page, which reads `samples` anew each time.

    It is for callers who may read the metrics of all endpoints.
    """
    exposition = Exposition()

    async def page(request: Request) -> Response:
        try:
            require_everywhere(caller_of(request.scope), COUNTS)
        except Forbidden as error:
            return errors.response(error, "")
        return Response(exposition.text(samples()), media_type=CONTENT_TYPE)

    return Starlette(routes=[Route(PATH, page)])
