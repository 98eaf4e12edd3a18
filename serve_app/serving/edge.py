"""What Serve puts around every HTTP server of the cluster, ahead of its own code."""

from starlette.middleware import Middleware

from serve_app.gateway.middleware import Edge


def middlewares() -> list[Middleware]:
    """Serve calls this in every proxy and gateway replica, by its import path."""
    return [Middleware(Edge)]
