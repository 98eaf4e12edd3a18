"""What Serve calls of ours in its own processes, by import path, before its own code."""

import os

import ray.exceptions
from starlette.middleware import Middleware

from serve_app.config import CorsSettings
from serve_app.core.edge_token import read_edge_token
from serve_app.gateway.access import MAIN, Gate, protect
from serve_app.gateway.cors import open_to
from serve_app.gateway.middleware import Edge
from serve_app.serving.express import Express, Straight


class _OpenTo:
    """Who may ask at the HTTP server of this process, and which pages of other origins.

    Where there is an `express` application that is open, it answers instead of Serve.
    """

    cors: CorsSettings | None = None
    gate: Gate | None = None
    express: Express | None = None


def middlewares() -> list[Middleware]:
    """Serve calls this in every proxy and gateway replica, by its import path.

    A replica's server starts once its application is built. What Serve itself answers, such as
    that a replica is full, is behind this, so that browsers hand that over too.

    Raises:
        ServerFault: the token by which HAProxy is known cannot be read.
    """
    cors, gate, express = _OpenTo.cors, _OpenTo.gate, _OpenTo.express
    # The last one is asked first. Strangers learn nothing of Serve's own paths either.
    straight = [] if express is None else [Middleware(Straight, express=express)]
    known = [] if gate is None else [Middleware(protect, gate=gate, profile=MAIN)]
    shared = [] if cors is None else [Middleware(open_to, settings=cors)]
    return [*straight, *known, *shared, Middleware(Edge, token=read_edge_token(os.environ))]


def open_edge_to(
    cors: CorsSettings | None, gate: Gate | None = None, express: Express | None = None
) -> None:
    """Let those whom a gate knows ask at the server that this process starts from now on.

    Without a gate everybody may. Pages of other origins may where `cors` says so. What there
    is of `express` answers what Serve would answer with the same application.
    """
    _OpenTo.cors, _OpenTo.gate, _OpenTo.express = cors, gate, express


def plain_messages() -> None:
    """Let the controller write no colours into the messages that its API and Ray's pages show.

    Ray colours the first line of each error of another process as if for a terminal, and Serve
    hands that text on as the message of a deployment.
    """
    colours = ray.exceptions.colorama.Fore  # type: ignore[attr-defined]
    colours.CYAN = colours.RESET = ""
