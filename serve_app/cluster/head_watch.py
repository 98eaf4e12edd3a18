"""Notices that the head of a cluster has ended, sooner than Ray does.

Ray waits for a minute whether its head comes back. A machine that refuses connections at the
head's port is there, and the head is not; one that is not reached, or is slow, says nothing.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

PATIENCE_S = 10.0
_CONNECT_S = 2.0
Connect = Callable[[str], None]


def connect(address: str, timeout_s: float = _CONNECT_S) -> None:
    """Open a connection to host:port, and close it.

    Raises:
        ValueError: the port is no number.
        OSError: there is none; `ConnectionRefusedError` where the machine says that nobody listens.
    """
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), timeout=timeout_s).close()


@dataclass(slots=True)
class HeadWatch:
    """Looks whether a head has ended: nobody has listened at its port for `patience_s`."""

    patience_s: float = PATIENCE_S
    connect: Connect = connect
    clock: Callable[[], float] = time.monotonic
    _refused_since_s: float | None = field(default=None, init=False)

    def has_ended(self, address: str) -> bool:
        """Look once more."""
        now_s = self.clock()
        try:
            self.connect(address)
        except ConnectionRefusedError:
            if self._refused_since_s is None:
                self._refused_since_s = now_s
            return now_s - self._refused_since_s >= self.patience_s
        except OSError:
            pass
        self._refused_since_s = None
        return False
