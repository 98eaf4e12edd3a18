"""Which gateways of this machine stand still: each shows the others that its loop comes round.

HAProxy looks whether a gateway answers, but not more often than every few seconds, since one that
has much to do may take two of them. Gateways beside it know better: where one has shown nothing for
a second while they themselves come round in time, nothing more is sent to it until it answers
HAProxy again. What it has begun is neither cut off nor sent elsewhere.
"""

import asyncio
import contextlib
import logging
import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from serve_app.cluster.edge.servers import pass_by
from serve_app.core.ports import Clock

PERIOD_S = 0.25
STILL_S = 1.0
"""Who has not come round for so long stands still."""
REPEAT_S = 1.0
"""How often HAProxy is told so: it may have another configuration meanwhile."""
_FORMAT = struct.Struct("d")
logger = logging.getLogger("serve_app.gateway")

PassBy = Callable[[int], int]
"""Lets nothing more be sent to the servers of a process; gives how many there were."""


class Pulse:
    """Shows in a folder of this machine that a process comes round, and sees who does not.

    `own` is the process; times are of a clock that all processes of the machine share.
    """

    def __init__(self, folder: Path, own: int, pass_by_servers: PassBy, *, clock: Clock) -> None:
        self._folder = folder
        self._own = folder / str(own)
        self._pass_by = pass_by_servers
        self._clock = clock
        self._next_s: dict[int, float] = {}

    async def run(self) -> None:
        """Show this process, and look at the others, until cancelled."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            while True:
                began_s = self._clock()
                self._own.write_bytes(_FORMAT.pack(began_s))
                await asyncio.sleep(PERIOD_S)
                # Who was late itself, as after a pause of the whole machine, can judge nobody.
                if self._clock() - began_s < 2 * PERIOD_S:
                    await self._pass_by_those(self.standing_still())
        finally:
            self._own.unlink(missing_ok=True)

    def standing_still(self) -> dict[int, float]:
        """Processes that have not come round for too long, and for how long; ended ones leave."""
        still = {}
        for path in self._folder.iterdir():
            late_s = self._late_s(path)
            if path == self._own or late_s <= STILL_S:
                continue
            if psutil.pid_exists(int(path.name)):
                still[int(path.name)] = late_s
            else:
                path.unlink(missing_ok=True)
        return still

    async def _pass_by_those(self, still: Mapping[int, float]) -> None:
        for process in self._next_s.keys() - still.keys():
            del self._next_s[process]
            logger.info("a gateway comes round again, or ended", extra={"pid": process})
        for process, late_s in still.items():
            now_s, is_new = self._clock(), process not in self._next_s
            if now_s < self._next_s.get(process, now_s):
                continue
            self._next_s[process] = now_s + REPEAT_S
            servers = await asyncio.to_thread(self._pass_by, process)
            if is_new:
                more = {"pid": process, "late_s": round(late_s, 2), "servers": servers}
                logger.warning("a gateway stands still: nothing is sent to it", extra=more)

    def _late_s(self, path: Path) -> float:
        """For how long a process has not come round; nothing where that cannot be read."""
        # Who writes just now has an empty file.
        with contextlib.suppress(OSError, struct.error, ValueError):
            int(path.name)
            (shown_s,) = _FORMAT.unpack(path.read_bytes())
            return max(0.0, self._clock() - float(shown_s))
        return 0.0


def pulse_of(folder: str | None, session: Path) -> Pulse | None:
    """The pulse of this process beside those of the session; none without an HAProxy of ours.

    `folder` is the cluster's on this machine.
    """
    if not folder:
        return None

    def passed_by(process: int) -> int:
        return len(pass_by(Path(folder), _own_addresses(), _ports_of(process)))

    # Not `time.time`, which people set.
    return Pulse(session / "serve-app-pulses", os.getpid(), passed_by, clock=time.monotonic)


def _own_addresses() -> set[str]:
    return {one.address for all_of_one in psutil.net_if_addrs().values() for one in all_of_one}


def _ports_of(process: int) -> set[int]:
    """The ports at which a process listens."""
    with contextlib.suppress(psutil.Error):
        return {
            one.laddr.port
            for one in psutil.Process(process).net_connections(kind="tcp")
            if one.status == psutil.CONN_LISTEN
        }
    return set()
