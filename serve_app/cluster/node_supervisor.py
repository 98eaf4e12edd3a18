"""Lets a node join its cluster again when its Ray has ended, or Ray has given it up.

Ray gives up a node that its head does not reach for half a minute, and then its raylet ends by
itself; nobody starts it again, as nobody does where it dies. So one process beside the node looks
twice a second whether its raylet lives, waits until the head answers, and starts the node anew.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import psutil

from serve_app.cluster.backoff import Backoff
from serve_app.cluster.head_watch import Connect, connect
from serve_app.cluster.members import RAYS_RAYLET, VITAL, Member
from serve_app.cluster.node import Cluster
from serve_app.cluster.options import read_options
from serve_app.cluster.supervision import Supervision, SupervisionFile
from serve_app.cluster.supervisor import Times
from serve_app.errors import ServeError

HEAD_PERIOD_S = 2.0
"""How often a head that does not answer is asked again."""
logger = logging.getLogger("serve_app.cluster")


@dataclass(slots=True)
class _Absence:
    """A node that belongs to no cluster now: why, since when, when the head is asked next."""

    why: str
    noticed_s: float
    next_look_s: float


class NodeSupervisor:
    """Looks after a node that joined the cluster at `address`; `step` is called again and again.

    `ask` opens a connection to the head, and raises OSError where nobody answers.
    """

    def __init__(
        self,
        node: Cluster,
        address: str,
        times: Times | None = None,
        *,
        ask: Connect = connect,
    ) -> None:
        self._node = node
        self._address = address
        self._times = times or Times()
        self._clock = self._times.clock
        self._ask = ask
        self._raylet = Member(VITAL[RAYS_RAYLET], node.processes, clock=self._clock)
        self._backoff = Backoff(self._clock)
        self._absence: _Absence | None = None
        self._file = SupervisionFile(node.supervision)

    @property
    def supervision(self) -> Supervision:
        """How this is doing."""
        return self._file.now

    @property
    def is_mending(self) -> bool:
        """Whether the node is to join anew."""
        return self._absence is not None

    def step(self) -> bool:
        """Look once and do what is to be done; false once somebody has stopped the node."""
        if not self._node.started.exists():
            return False
        if self._absence is None:
            self._look()
        elif self._backoff.is_over and self._clock() >= self._absence.next_look_s:
            return self._return(self._absence)
        return True

    def _look(self) -> None:
        if self._raylet.lives():
            return
        why = f"{RAYS_RAYLET} ended"
        logger.error("the node joins again", extra={"why": why})
        self._backoff.fault()
        now_s = self._clock()
        self._absence = _Absence(why, now_s, now_s)
        self._file.change(phase="restarting", last_why=why, trouble=None)

    def _return(self, absence: _Absence) -> bool:
        """Join again, where the head answers; false once somebody has stopped the node."""
        try:
            self._ask(self._address)
        except (OSError, ValueError) as error:
            absence.next_look_s = self._clock() + HEAD_PERIOD_S
            self._file.change(trouble=f"the head at {self._address} does not answer ({error})")
            return True
        try:
            self._node.rejoin(self._address, read_options(self._node.started))
        except (ServeError, OSError, psutil.Error) as error:
            if not self._node.started.exists():
                return False
            self._backoff.wait()
            logger.error("tried again", extra={"why": str(error)})
            self._file.change(trouble=str(error))
            return True
        self._raylet.forget()
        self._absence = None
        took_s = round(self._clock() - absence.noticed_s, 1)
        self._file.back(absence.why, self._times.now(), took_s)
        return True
