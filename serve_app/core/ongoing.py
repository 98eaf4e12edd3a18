"""How many requests there are at once, on average over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serve_app.core.ports import Clock


class Ongoing:
    """Counts what goes on, and adds up for how long; times are those of `clock`, in seconds."""

    def __init__(self, *, clock: Clock) -> None:
        self.now = 0
        self._clock = clock
        self._moved_s = self._since_s = clock()
        self._request_seconds = 0.0

    def change(self, by: int) -> None:
        """Take note that so many more go on from now, or fewer."""
        self._move()
        self.now += by

    def read(self) -> float:
        """How many went on at once since the last reading, on average over time."""
        self._move()
        elapsed_s = self._moved_s - self._since_s
        mean = self._request_seconds / elapsed_s if elapsed_s > 0 else float(self.now)
        self._since_s, self._request_seconds = self._moved_s, 0.0
        return mean

    def _move(self) -> None:
        now_s = self._clock()
        self._request_seconds += self.now * (now_s - self._moved_s)
        self._moved_s = now_s
