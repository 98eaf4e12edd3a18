"""How long ago a request came to HAProxy, as the gateway that reads it sees.

Where more comes than gateways can read, requests wait in their sockets, where nothing of ours sees
them. So HAProxy writes the time into each, and which machine's clock that is: two machines' clocks
may differ, one kernel has one.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serve_app.core.ports import Clock

ARRIVAL_HEADER = "x-forwarded-at"
"""`<clock>/<milliseconds since 1970>`; gateways believe it of HAProxy alone."""
MOST_WAIT_S = 60.0
"""Nobody waits for longer: then it was the clock that was set."""
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def clock_name(boot: Path = _BOOT) -> str | None:
    """The name of this machine's clock, the same in all of its containers; None without one."""
    try:
        name = boot.read_text().strip()
    except OSError:
        return None
    return name if name.replace("-", "").isalnum() else None


class Arrivals:
    """Says of requests how long they waited; `now` gives seconds since 1970."""

    def __init__(self, clock: str | None, now: Clock) -> None:
        self._clock = clock
        self._now = now

    def waited_s(self, arrival: str | None) -> float:
        """Seconds since an arrival; 0.0 where that is not known by this machine's own clock."""
        if arrival is None or self._clock is None:
            return 0.0
        clock, _, at_ms = arrival.partition("/")
        if clock != self._clock or not at_ms.isascii() or not at_ms.isdigit():
            return 0.0
        waited_s = self._now() - int(at_ms[:20]) / 1000
        return waited_s if 0.0 < waited_s < MOST_WAIT_S else 0.0
