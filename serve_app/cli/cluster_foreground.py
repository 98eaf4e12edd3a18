"""`--foreground` of `serve-app cluster start` and `join`: the node ends with this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output

if TYPE_CHECKING:
    from serve_app.cluster.foreground import Keeper
    from serve_app.cluster.node import Cluster, NodeOptions, Running

Command = Callable[..., Any]
DEPLOY_TIMEOUT_S = 180.0


_DEPLOY = click.option(
    "--deploy",
    "config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Deploy this config once the cluster runs, and wait until it is in effect.",
)
_FOREGROUND = click.option(
    "--foreground",
    is_flag=True,
    help="Stay until SIGTERM or Ctrl-C, finish what is on its way for --drain-s at most, and stop "
    "everything: for containers and service managers.",
)
_LEAVE_S = click.option(
    "--leave-s",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="With --foreground: how long to go on answering after SIGTERM, until load balancers have "
    "noticed.",
)


def options(command: Command) -> Command:
    """What `start` may do after it has started."""
    return _DEPLOY(_FOREGROUND(_LEAVE_S(command)))


def of_a_node(command: Command) -> Command:
    """What `join` may do after it has joined."""
    return _FOREGROUND(_LEAVE_S(command))


def deploy(config: Path, running: Running) -> None:
    """Check a config, deploy it, and return once it is in effect; raises as `serve-app deploy`."""
    from serve_app.cli.deploy import deploy_turn, serve_deploy, wait_visibly
    from serve_app.cli.validate import require_valid

    require_valid(config, running)
    with deploy_turn(running, config, timeout_s=DEPLOY_TIMEOUT_S):
        serve_deploy(config, running)
        wait_visibly(running, config, timeout_s=DEPLOY_TIMEOUT_S)


def stay(
    cluster: Cluster,
    node: NodeOptions,
    config: Path | None,
    leave_s: float,
    look_after: Callable[[], Keeper] | None = None,
) -> None:
    """Start, deploy, and stay until somebody wants the end; raises as each of them does."""
    from serve_app.cluster import foreground

    def begin() -> None:
        running = cluster.start(node)
        click.echo(f"HTTP           {running.http_url}")
        if config is not None:
            deploy(config, running)
            click.echo(f"deployed       {config}")

    ending = foreground.Ending(leave_s=leave_s, drain_s=node.drain_s)
    foreground.stay(cluster, begin, ending, look_after)
    click.echo("ended")


def stay_joined(
    cluster: Cluster,
    address: str,
    node: NodeOptions,
    leave_s: float,
    look_after: Callable[[], Keeper] | None = None,
) -> None:
    """Join, and stay until somebody wants the end, when other nodes take over; raises as `join`."""
    from serve_app.cluster import foreground
    from serve_app.cluster.draining import Patience

    def begin() -> None:
        cluster.join(address, node)
        click.echo(f"joined         {address}")

    def leave() -> None:
        left = cluster.hand_over(Patience(node.drain_s, click.echo))
        if left is not None:
            output.warn(f"this node ends without handing everything over: {left}")

    ended = "the Ray of this node ended by itself, so that everything else here was stopped"
    ending = foreground.Ending(leave_s=leave_s, drain_s=node.drain_s)
    kind = foreground.Kind("raylet", f"{ended}; --supervise lets it join again", leave)
    foreground.stay(cluster, begin, ending, look_after, kind)
    click.echo("ended")
