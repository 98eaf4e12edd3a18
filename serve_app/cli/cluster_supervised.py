"""`--supervise` of `serve-app cluster start` and `join`, and `supervise`: what brings them back."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from serve_app.cli import output

if TYPE_CHECKING:
    from serve_app.cluster.foreground import Keeper
    from serve_app.cluster.node import Cluster

Command = Callable[..., Any]
LOG = "supervisor.jsonl"
_LOG_BYTES = 1_000_000


def options(command: Command) -> Command:
    """What `start` may do so that the cluster comes back by itself."""
    supervised = click.option(
        "--supervise",
        "supervised",
        is_flag=True,
        help="Start the cluster again, with what is deployed, whenever Ray's head, raylet or "
        "dashboard ends: by a process beside it, or with --foreground by this one.",
    )
    resume = click.option(
        "--resume",
        is_flag=True,
        help="Deploy what was deployed last on a supervised cluster; --deploy where nothing was.",
    )
    return supervised(resume(command))


of_a_node = click.option(
    "--supervise",
    "supervised",
    is_flag=True,
    help="Join again whenever this machine's Ray ends, or has been given up by the head, as soon "
    "as the head answers: by a process beside it, or with --foreground by this one.",
)
"""What `join` may do so that the node comes back by itself."""


@click.command()
@output.option_state
def supervise(state: str) -> None:
    """Look after the cluster that runs, and bring it back whenever it ends, until it is stopped.

    Of a node that joined another cluster it lets the node join again. serve-app cluster start and
    join run this beside what they start, with --supervise.
    """
    from serve_app.cluster.node import Cluster
    from serve_app.cluster.supervisor import supervise as look_after

    here = Cluster(Path(state))
    if here.joined_address() is None:
        here.require()
    _log_to(Path(state) / LOG)
    signal.signal(signal.SIGTERM, _end)
    look_after(_supervisor(here, Path(state)))


def kept(state: Path) -> Path | None:
    """The file with what was deployed last; none where nothing was."""
    from serve_app.cluster.kept_config import KeptConfig

    last = KeptConfig(state)
    return None if last.read() is None else last.path


def looking_after(here: Cluster, state: Path) -> Callable[[], Keeper]:
    """Gives, once the cluster has begun, who looks after it."""
    return lambda: _supervisor(here, state)


def start(here: Cluster, state: Path) -> None:
    """Let a process of its own look after a node that runs, head or not, unless one does."""
    from serve_app.cluster.commands import start_supervisor
    from serve_app.cluster.options import read_options
    from serve_app.cluster.supervision import read_supervision

    if read_supervision(here.supervision) is None:
        home = read_options(here.started).home
        start_supervisor(state.resolve(), str(here.folder_of_node()), home)


def known(here: Cluster) -> dict[str, Any]:
    """What is known of who looks after a cluster, for people and programs; empty where nobody."""
    from serve_app.cluster.supervision import read_supervision

    one = read_supervision(here.supervision)
    if one is None:
        return {}
    words: list[str] = [one.phase]
    if one.phase != "watching" and one.last_why:
        words.append(f"since {one.last_why}")
    if one.trouble:
        words.append(one.trouble)
    shown: dict[str, Any] = {"supervisor": ": ".join(words), "restarts": one.restarts}
    if one.last_at_s is not None:
        shown["last_restart"] = (
            f"{output.shown_time(one.last_at_s)}, in {one.last_took_s:g} s: {one.last_why}"
        )
    return shown


def _supervisor(here: Cluster, state: Path) -> Keeper:
    from serve_app.cluster.kept_config import KeptConfig
    from serve_app.cluster.node_supervisor import NodeSupervisor
    from serve_app.cluster.supervisor import Supervisor
    from serve_app.serving.deploying.declaration import from_serve

    address = here.joined_address()
    if address is not None:
        return NodeSupervisor(here, address)
    return Supervisor(here, KeptConfig(state.resolve()), from_serve)


def _log_to(path: Path) -> None:
    from serve_app.monitoring.log import JsonLines

    handler = RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8")
    handler.setFormatter(JsonLines(component="supervisor"))
    logger = logging.getLogger("serve_app")
    logger.addHandler(handler)
    logger.setLevel(logging.WARNING)


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)
