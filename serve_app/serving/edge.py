"""What Serve puts around every HTTP server of the cluster, ahead of its own code."""

from functools import partial

from starlette.middleware import Middleware
from starlette.types import ASGIApp

from serve_app.config import CorsSettings
from serve_app.gateway.cors import open_to
from serve_app.gateway.middleware import Edge

_edges: list[Edge] = []


def middlewares() -> list[Middleware]:
    """Serve calls this in every proxy and gateway replica, by its import path."""
    return [Middleware(_edge)]


def open_edges_to(cors: CorsSettings) -> None:
    """Let pages of other origins ask at the HTTP server of this process.

    A replica's server starts before its arguments are known. What Serve itself answers, such as
    that a replica is full, is behind the edge, so that browsers hand that over too.
    """
    for edge in _edges:
        edge.put_inside(partial(open_to, settings=cors))


def _edge(app: ASGIApp) -> Edge:
    edge = Edge(app)
    _edges.append(edge)
    return edge
