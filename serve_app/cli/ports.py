"""The options that say which ports a cluster takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]
USUAL_HTTP = 8000
USUAL_DASHBOARD = 8265
USUAL_PROMETHEUS = 9090

http = click.option(
    "--http-port", default=USUAL_HTTP, show_default=True, help="Where clients send requests."
)
dashboard = click.option(
    "--dashboard-port", default=USUAL_DASHBOARD, show_default=True, help="The Ray dashboard."
)
internal = click.option(
    "--internal-ports",
    type=int,
    help="First of a row of 11 free ports for Ray, HAProxy and the admin API.  "
    "[default: the usual]",
)
prometheus = click.option(
    "--prometheus-port",
    default=USUAL_PROMETHEUS,
    show_default=True,
    help="Where `serve-app monitor up` starts Prometheus, and Ray's dashboard looks for it.",
)


def of_the_head(command: Command) -> Command:
    """The ports of a cluster that a command may start."""
    return http(dashboard(internal(prometheus(command))))
