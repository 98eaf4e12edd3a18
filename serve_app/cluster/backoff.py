"""How soon to try again what failed, or ended again: ever later, after a minute at most."""

from __future__ import annotations

from serve_app.core.ports import Clock

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 60.0
CALM_S = 120.0
"""After so long without a fault, the next one is mended without a pause again."""


class Backoff:
    """Pauses that double; `clock` gives seconds, and is one that nobody sets."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pause_s = FIRST_PAUSE_S
        self._next_try_s = self._last_fault_s = float("-inf")

    @property
    def is_over(self) -> bool:
        """Whether the next try may begin."""
        return self._clock() >= self._next_try_s

    def fault(self) -> None:
        """Pause if there was one shortly before.

        What ends again and again needs time, and not load: the machine may lack memory.
        """
        if self._clock() - self._last_fault_s > CALM_S:
            self.pause_s, self._next_try_s = FIRST_PAUSE_S, float("-inf")
        else:
            self.wait()
        self._last_fault_s = self._clock()

    def wait(self) -> None:
        """Pause, for longer than the last time."""
        self._next_try_s = self._clock() + self.pause_s
        self.pause_s = min(2 * self.pause_s, LONGEST_PAUSE_S)
