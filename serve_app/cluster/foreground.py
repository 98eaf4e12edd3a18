"""A node that lives as long as one process does, as containers and service managers want it.

SIGTERM lets it answer on for a while, until load balancers have noticed; then HAProxy takes no
connection any more and finishes what it has taken; then everything is stopped. Whoever sends
SIGTERM again, or presses Ctrl-C, is not made to wait for the first of these.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

import psutil

from serve_app.cluster.node import Cluster
from serve_app.cluster.processes import lives
from serve_app.cluster.proxy_launcher import is_watcher
from serve_app.errors import Conflict, ServerFault

POLL_S = 0.2
PROXY = "haproxy"
logger = logging.getLogger("serve_app.cluster")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a cluster ends: seconds of answering on, then at most so many of finishing."""

    leave_s: float = 0.0
    drain_s: float = 30.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class Kind:
    """What a node is: the program with which it ends, what is said then, how it takes leave.

    `leave` hands over what it does to other nodes, where it stops by itself.
    """

    program: str
    ended: str
    leave: Callable[[], object] = lambda: None


HEAD = Kind(
    "gcs_server",
    "the head of this cluster ended by itself, so that everything else was stopped; was it short "
    "of memory?",
)


class Keeper(Protocol):
    """Looks after a cluster or a node of one, and brings it back."""

    @property
    def is_mending(self) -> bool:
        """Whether it is being brought back."""
        ...

    def step(self) -> bool:
        """Do what is to be done now; false once somebody else has stopped the cluster."""
        ...


class _StopError(BaseException):
    """Somebody wants the end while the cluster is still being started."""


class Signals:
    """SIGTERM and SIGINT as wishes: to end, and to end without waiting for load balancers."""

    def __init__(self) -> None:
        self.wish = False
        self.urgent = False
        self.interrupts = True

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take both signals until this is left."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, self._take) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def _take(self, number: int, _: FrameType | None) -> None:
        # Plain values alone: a lock could be held by what the signal came in between.
        self.urgent = self.wish or number == signal.SIGINT
        self.wish = True
        if self.interrupts:
            self.interrupts = False
            raise _StopError


def stay(
    cluster: Cluster,
    begin: Callable[[], object],
    ending: Ending,
    look_after: Callable[[], Keeper] | None = None,
    kind: Kind = HEAD,
) -> None:
    """Begin, stay until SIGTERM or SIGINT, let requests finish, and stop the node.

    `begin` starts the node and whatever else it needs. What is left of it is stopped in any
    case, also where `begin` fails or is interrupted by a signal. With `look_after`, who
    it gives once the node has begun brings it back where it ends.

    Raises:
        Conflict: a node of the state folder runs already, and is not this process's to end.
        ServerFault: it ended by itself.
    """
    if cluster.running() is not None or cluster.has_joined():
        msg = "a node of this state folder runs already; stop it, or give another --state"
        raise Conflict(msg)
    signals = Signals()
    with signals.taken():
        try:
            begin()
            if look_after is not None:
                _keep_until_wished(signals, look_after(), ending)
            else:
                vital = named(cluster.processes(), kind.program)
                signals.interrupts = False
                _until_wished(signals, vital, ending, kind)
            kind.leave()
            finish(cluster.processes, signals, ending)
        except _StopError:
            logger.info("stopped while starting")
        finally:
            signals.interrupts = False
            count = cluster.stop()
            logger.info("stopped", extra={"processes": count})


def _keep_until_wished(signals: Signals, keeper: Keeper, ending: Ending) -> None:
    going_on = True
    while going_on and not signals.wish:
        # Nothing answers then that could be let finish, and it may take long.
        signals.interrupts = keeper.is_mending
        going_on = keeper.step()
        signals.interrupts = False
        ending.sleep(POLL_S)


def _until_wished(
    signals: Signals, vital: Iterable[psutil.Process], ending: Ending, kind: Kind
) -> None:
    while not signals.wish:
        if not any(lives(one) for one in vital):
            raise ServerFault(kind.ended)
        ending.sleep(POLL_S)


def finish(
    processes: Callable[[], Iterable[psutil.Process]], signals: Signals, ending: Ending
) -> int:
    """Answer on for `leave_s`, then let HAProxy finish for at most `drain_s`.

    Gives how many HAProxies had not finished then.
    """
    logger.info("ending", extra={"leave_s": ending.leave_s, "drain_s": ending.drain_s})
    leave_until_s = ending.clock() + ending.leave_s
    while ending.clock() < leave_until_s and not signals.urgent:
        ending.sleep(POLL_S)
    for one in processes():
        with contextlib.suppress(psutil.Error):
            if is_watcher(one):
                # Or another HAProxy would listen in the place of each that ends.
                one.kill()
    proxies = named(processes(), PROXY)
    for one in proxies:
        with contextlib.suppress(psutil.Error):
            # It closes what listens and idle connections, and ends when the last answer is sent.
            one.send_signal(signal.SIGUSR1)
    drain_until_s = ending.clock() + ending.drain_s
    while (left := sum(lives(one) for one in proxies)) and ending.clock() < drain_until_s:
        ending.sleep(POLL_S)
    if left:
        logger.warning("requests were cut off", extra={"drain_s": ending.drain_s})
    return left


def named(processes: Iterable[psutil.Process], name: str) -> list[psutil.Process]:
    """Those of the processes that run a program of this name."""
    matching = []
    for one in processes:
        with contextlib.suppress(psutil.Error):
            if one.name() == name:
                matching.append(one)
    return matching
