"""What Serve puts around every HTTP server of the cluster, ahead of its own code."""

from starlette.middleware import Middleware

from serve_app.config import CorsSettings
from serve_app.gateway.cors import open_to
from serve_app.gateway.middleware import Edge


class _Pages:
    """Which pages of other origins may ask at the HTTP server of this process."""

    cors: CorsSettings | None = None


def middlewares() -> list[Middleware]:
    """Serve calls this in every proxy and gateway replica, by its import path.

    A replica's server starts once its application is built. What Serve itself answers, such as
    that a replica is full, is behind this, so that browsers hand that over too.
    """
    cors = _Pages.cors
    shared = [] if cors is None else [Middleware(open_to, settings=cors)]
    return [*shared, Middleware(Edge)]


def open_edge_to(cors: CorsSettings | None) -> None:
    """Let pages of other origins ask at the server that this process starts from now on."""
    _Pages.cors = cors
