"""One of Ray's processes is started again alone, and everything else goes on.

The head, where it kept what it knew: nobody who asks sees it. The raylet, where the head lives on:
for Ray the machine is a node that came in the place of one that is lost. The head knows what was
deployed, so that Ray starts Serve's controller again and Serve its replicas; the dashboard and
HAProxy go on. All that ran below the raylet that ended is ended first, since it has its ports.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import psutil

from serve_app.cluster.environment import HAPROXY_CONFIG_VARIABLE
from serve_app.cluster.members import HEAD, RAYS_RAYLET, Listing, Member, Members, Origin
from serve_app.cluster.processes import end_all, runs
from serve_app.cluster.running import Running
from serve_app.cluster.supervision import END_PATIENCE_S
from serve_app.core.ports import Clock
from serve_app.errors import ServeError

HEAD_PATIENCE_S = 30.0
"""A head that is started alone must answer within this. Raylets wait 60 s for it."""
RAYLET_PATIENCE_S = 60.0
"""Serve's controller must be back within this on a raylet that is started alone."""
BEGIN_PAUSE_S = 1.0
"""So long after one was begun no other is: until then it may not be told by its command."""
ASK_TIMEOUT_S = 3.0
"""A machine on which everything starts at once answers late."""
_OF_THE_HEAD = "/api/cluster_status"
"""A page of the dashboard for which it asks the head."""
_NODE_ID, _NODE_ID_BYTES = "--node_id=", 28
_SOCKETS = ("--raylet_socket_name=", "--store_socket_name=")
_TITLES = ("ray::", "ray-dashboard-ServeHead")
"""Actors and workers; and that part of the dashboard which was a driver on the node."""
_PROGRAMS = (
    "dashboard/agent.py",
    "runtime_env/agent/main.py",
    "workers/setup_worker.py",
    "workers/default_worker.py",
)
"""What a raylet starts, before it has a title."""


class Alone(Protocol):
    """A way to start one process again, step by step."""

    name: str
    """What the process is called."""
    patience_s: float
    """Not back after so long, everything is started."""
    loses_replicas: bool
    """Whether Serve has to start what it serves again once this is back."""

    def mends(self, missing: str) -> bool:
        """Whether this is about to start what is missing."""
        ...

    def begin(self) -> subprocess.Popen[bytes] | None:
        """Start the process if it is to be started now; none where it is not.

        Raises:
            ServeError: what has its place cannot be ended.
            OSError: it cannot be started.
        """
        ...

    def is_back(self, running: Running) -> bool:
        """Whether whoever needs it has found it again."""
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """The processes of a machine that belong to a cluster, and those that are looked at."""

    members: Members
    listing: Listing
    clock: Clock


class HeadAlone:
    """Starts the head again, as often as it ends: its store may be away for a while."""

    name = HEAD
    patience_s = HEAD_PATIENCE_S
    loses_replicas = False

    def __init__(self, node: Node, origin: Origin) -> None:
        self._member = node.members.vital[HEAD]
        self._clock = node.clock
        self._origin = origin
        self._begun_s = float("-inf")

    def mends(self, missing: str) -> bool:
        """It is started until its time is over."""
        return missing == HEAD

    def begin(self) -> subprocess.Popen[bytes] | None:
        """Start it where none lives; raises OSError."""
        if self._member.lives() or self._clock() - self._begun_s < BEGIN_PAUSE_S:
            return None
        _end(self._member)
        begun = self._origin.start()
        self._begun_s = self._clock()
        return begun

    def is_back(self, running: Running) -> bool:
        """Whether it answers the dashboard."""
        with contextlib.suppress(ServeError):
            running.dashboard.get(_OF_THE_HEAD, timeout_s=ASK_TIMEOUT_S)
            return True
        return False


class RayletAlone:
    """Starts the raylet once, as another node; where that ends as well, all is started."""

    name = RAYS_RAYLET
    patience_s = RAYLET_PATIENCE_S
    loses_replicas = True

    def __init__(self, node: Node, origin: Origin) -> None:
        self._node = node
        self._member = node.members.vital[RAYS_RAYLET]
        self._origin = origin
        self._begun_s: float | None = None

    def mends(self, missing: str) -> bool:
        """Only before it was started, and until it can be told by its command."""
        since_s = 0.0 if self._begun_s is None else self._node.clock() - self._begun_s
        return missing == RAYS_RAYLET and since_s < BEGIN_PAUSE_S

    def begin(self) -> subprocess.Popen[bytes] | None:
        """Start it, after all that ran below the one before; raises ServeError, OSError."""
        if self._begun_s is not None:
            return None
        _end(self._member)
        end_all(lambda: _below(self._node.listing()), at_once=True)
        for path in _values(self._origin, _SOCKETS):
            # Or the next one cannot listen there.
            Path(path).unlink(missing_ok=True)
        self._node.members.controller.forget()
        successor = renewed(self._origin, secrets.token_hex(_NODE_ID_BYTES))
        _hand_on_haproxy(self._origin, successor)
        begun = successor.start()
        self._begun_s = self._node.clock()
        return begun

    def is_back(self, running: Running) -> bool:
        """Whether Serve's controller is, and tells the dashboard what is deployed."""
        if not self._node.members.controller.lives():
            return False
        with contextlib.suppress(ServeError):
            running.dashboard.serve_details(timeout_s=ASK_TIMEOUT_S)
            return True
        return False


def way_alone(node: Node, missing: str) -> Alone | None:
    """How to start what is missing alone; none where everything is to be started."""
    if missing == HEAD:
        head = node.members.head_that_returns
        return None if head is None else HeadAlone(node, head)
    raylet = node.members.vital[RAYS_RAYLET].origin
    # Without a controller there was nothing of Serve's that could come back by itself.
    is_served = node.members.controller.process is not None
    if raylet is None or not is_served or not any(_values(raylet, (_NODE_ID,))):
        return None
    return RayletAlone(node, raylet)


def renewed(origin: Origin, node_id: str) -> Origin:
    """How to start a raylet as another node: Ray takes none back that it knows to be lost."""
    (before,) = _values(origin, (_NODE_ID,))
    return replace(origin, command=tuple(word.replace(before, node_id) for word in origin.command))


def _hand_on_haproxy(before: Origin, after: Origin) -> None:
    """Give HAProxy's files to a node's successor, so that its HAProxy takes over the one that runs.

    Serve keeps them in a folder by the node. Where the successor found none, two would listen on
    the same ports, one of which learns of no replica any more.
    """
    config = before.environment.get(HAPROXY_CONFIG_VARIABLE)
    if config is None:
        return
    folder = Path(config).parent
    (former,), (fresh,) = _values(before, (_NODE_ID,)), _values(after, (_NODE_ID,))
    with contextlib.suppress(FileNotFoundError):
        (folder / former).rename(folder / fresh)


def _values(origin: Origin, options: tuple[str, ...]) -> list[str]:
    return [word.partition("=")[2] for word in origin.command if word.startswith(options)]


def _end(member: Member) -> None:
    """End a process that stands still: until it is gone, it has its ports."""
    if member.process is not None:
        with contextlib.suppress(psutil.Error):
            member.process.kill()
        psutil.wait_procs([member.process], timeout=END_PATIENCE_S)


def _below(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those of a cluster's processes that a raylet started, or that were drivers on its node."""
    return [one for one in processes if _is_below(one)]


def _is_below(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        if " ".join(process.cmdline()).startswith(_TITLES):
            return True
    return any(runs(process, program) for program in _PROGRAMS)
