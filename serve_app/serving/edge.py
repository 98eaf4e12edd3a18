"""What Serve calls of ours in its own processes, by import path, before its own code."""

import ray.exceptions
from starlette.middleware import Middleware

from serve_app.gateway.middleware import Edge


def middlewares() -> list[Middleware]:
    """What stands around every HTTP server of the cluster, in proxies and gateway replicas."""
    return [Middleware(Edge)]


def plain_messages() -> None:
    """Let the controller write no colours into the messages that its API and Ray's pages show.

    Ray colours the first line of each error of another process as if for a terminal, and Serve
    hands that text on as the message of a deployment.
    """
    colours = ray.exceptions.colorama.Fore  # type: ignore[attr-defined]
    colours.CYAN = colours.RESET = ""
