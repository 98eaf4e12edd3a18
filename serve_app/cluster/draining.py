"""A node hands its replicas over to others before it goes.

Ray places nothing new on a node that drains, and Serve starts the replicas of such a node
elsewhere first and ends them here after. They are processes of this machine, so that nothing has
to be asked of the head, whose dashboard other machines do not reach, to see when they are gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import psutil

from serve_app.cluster.commands import script
from serve_app.cluster.head_watch import connect
from serve_app.cluster.proxies import past_proxies

REPLICA = "ray::ServeReplica:"
POLL_S = 0.2
COMMAND_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 3.0
_NODE_ID = re.compile(r"--node_id=([0-9a-f]+)$")
_SHOWN_CHARACTERS = 300

Processes = Callable[[], Iterable[psutil.Process]]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a node may take to hand over its replicas, and who hears how far it is."""

    timeout_s: float
    tell: Tell
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def hand_over(
    processes: Processes, address: str, environment: Mapping[str, str], patience: Patience
) -> str | None:
    """Return once no replica is left on the node that these processes are.

    `address` is that of the cluster's head, host:port. Gives why some are left, in words, and
    nothing where none is.
    """
    node_id = _node_id(processes())
    if node_id is None:
        return None
    patience.tell("handing over replicas to other nodes")
    refusal = _drain(address, node_id, environment, patience.timeout_s)
    if refusal is not None:
        return refusal
    deadline_s = patience.clock() + patience.timeout_s
    while left := _replicas(processes()):
        if patience.clock() > deadline_s:
            return f"no other node took over {', '.join(left)} within {patience.timeout_s:g} s"
        patience.tell(f"handing over {', '.join(left)}")
        patience.sleep(POLL_S)
    return None


def _drain(
    address: str, node_id: str, environment: Mapping[str, str], timeout_s: float
) -> str | None:
    """Let Ray drain a node; why it does not, in words."""
    try:
        # Ray itself would wait much longer for a head that is gone.
        connect(address, CONNECT_TIMEOUT_S)
    except (OSError, ValueError) as error:
        return f"the head at {address} does not answer ({error})"
    host, _, _ = address.rpartition(":")
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments
            [
                script("ray"), "drain-node", "--address", address, "--node-id", node_id,
                "--reason", "DRAIN_NODE_REASON_PREEMPTION",
                "--reason-message", "serve-app cluster stop",
                "--deadline-remaining-seconds", str(round(timeout_s)),
            ],
            env={**os.environ, **environment, **past_proxies(os.environ, host)},
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"the head at {address} did not answer within {COMMAND_TIMEOUT_S:g} s"
    if done.returncode != 0:
        return f"Ray refused: {' '.join((done.stderr or done.stdout).split())[-_SHOWN_CHARACTERS:]}"
    return None


def _node_id(processes: Iterable[psutil.Process]) -> str | None:
    """Ray's name of the node whose raylet is among these processes."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            if process.name() == "raylet":
                matches = map(_NODE_ID.match, process.cmdline())
                return next((match[1] for match in matches if match), None)
    return None


def _replicas(processes: Iterable[psutil.Process]) -> list[str]:
    """The replicas among processes, as application:deployment, by the titles Ray gives them."""
    names = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            title = " ".join(process.cmdline())
            if title.startswith(REPLICA):
                names.append(title.removeprefix(REPLICA).split(".")[0].strip())
    return sorted(names)
