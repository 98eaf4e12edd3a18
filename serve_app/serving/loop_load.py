"""How busy the event loop of this process is, and how late it gets to what is due."""

import asyncio
import threading
import time
from pathlib import Path

from serve_app.core.ports import Clock
from serve_app.core.workload import Load

PROBE_S = 0.05


class LoopLoad:
    """Measures the thread that it is made in, which runs the event loop.

    Busy is the share of its time that the thread computes or waits for a processor: an event
    loop that does not get one is no use to those who wait for it. Where the system does not tell
    how long threads wait (it is no Linux), it is the share that it computes.
    """

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._file = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._since_s = clock()
        self._thread_s = self._used_s()
        self._process_s = time.process_time()
        self._late_s = 0.0
        self._probes = 0
        self._last_late_s = 0.0

    @property
    def late_s(self) -> float:
        """How late the event loop was when it was looked at last, in seconds."""
        return self._last_late_s

    async def probe_for_ever(self) -> None:
        """Look again and again how late the event loop is, until cancelled."""
        while True:
            due = self._clock() + PROBE_S
            await asyncio.sleep(PROBE_S)
            self._last_late_s = max(0.0, self._clock() - due)
            self._late_s += self._last_late_s
            self._probes += 1

    def read(self) -> Load:
        """What was since the last reading, which begins a new block."""
        now, thread_s, process_s = self._clock(), self._used_s(), time.process_time()
        elapsed = max(now - self._since_s, 1e-6)
        # Threads beside the loop hold Python's lock while they compute, so that a process which
        # uses up one processor has no time left for more requests.
        busy_s = max(thread_s - self._thread_s, process_s - self._process_s)
        late_ms = 1000 * self._late_s / self._probes if self._probes else 0.0
        self._since_s, self._thread_s, self._process_s = now, thread_s, process_s
        self._late_s, self._probes = 0.0, 0
        return Load(
            busy=min(1.0, busy_s / elapsed),
            waiting_requests=0.0,
            wait_ms=late_ms,
            call_ms=0.0,
            calls=0,
        )

    def _used_s(self) -> float:
        try:
            running, waiting = self._file.read_text().split()[:2]
        except (OSError, ValueError):
            return time.thread_time()
        return (int(running) + int(waiting)) / 1e9
