"""Whether somebody who has not answered for a while is asked at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serve_app.core.ports import Clock

FAILURES = 5
"""So many must fail one after the other."""
LEAST_S = 1.0
"""A silence counts where there was so much time to answer: clients may give less."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0


class Breaker:
    """Opens when nothing but silence came of several calls, and closes with the first answer.

    While it is open, one call is let through after each pause, to see whether there is an answer
    again; pauses double up to the longest one.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._silent = 0
        self._pause_s = FIRST_PAUSE_S
        self._next_try_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether calls are held back now."""
        return self._silent >= FAILURES

    def lets_through(self) -> bool:
        """Whether the next call may be tried; of one that may, the outcome is to be told."""
        if self._silent < FAILURES:
            return True
        now_s = self._clock()
        if now_s < self._next_try_s:
            return False
        self._next_try_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return True

    @property
    def wait_s(self) -> float:
        """How long until the next call is tried."""
        return max(0.0, self._next_try_s - self._clock())

    def answered(self) -> None:
        """Take note of an answer, whatever it was."""
        self._silent = 0
        self._pause_s = FIRST_PAUSE_S

    def silent(self, given_s: float) -> None:
        """Take note that no answer came within so many seconds."""
        if given_s < LEAST_S:
            return
        self._silent += 1
        if self._silent == FAILURES:
            self._next_try_s = self._clock() + self._pause_s
