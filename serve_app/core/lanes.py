"""One thread that computes, in which short work does not wait for all of the long work."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor
from typing import Self

from serve_app.core.turns import Turns, Work

FEW_ROWS = 64
"""A request of so many rows is short: it waits for no more than one long one."""


class Lanes:
    """Runs what is short and what is long in one thread, in turns where both wait.

    So short work waits for one piece of long work at most, and long work is never kept from its
    turn. `short` and `long` are executors.
    """

    def __init__(self, name: str) -> None:
        self._turns = Turns(name, self._next)
        self._waiting: tuple[deque[Work], deque[Work]] = (deque(), deque())
        self._last = 1
        self.short: Executor = self._turns.executor(self._waiting[0].append)
        self.long: Executor = self._turns.executor(self._waiting[1].append)

    def of(self, rows: int) -> Executor:
        """The executor for work on so many rows."""
        return self.short if rows <= FEW_ROWS else self.long

    def shutdown(self, *, wait: bool = True) -> None:
        """Take no more work; what has been taken is done, or given up where nobody waits."""
        self._turns.shutdown(wait=wait)
        for lane in self._waiting:
            for future, _ in lane:
                future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def _next(self) -> Work:
        other = 1 - self._last
        lane = other if self._waiting[other] else self._last
        self._last = lane
        return self._waiting[lane].popleft()
