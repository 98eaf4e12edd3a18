"""One thread for the long steps of requests, which finishes what was begun before it begins more.

A request has several: its body is read, its rows are looked at, its answer is written. Were they
done in the order in which they come, those of a request that is nearly done would wait for all
bodies that came meanwhile; under load each request would take as long as all of them together,
and be late with all of them.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor

from serve_app.core.flow import OWNER
from serve_app.core.turns import Turns, Work


class Steps:
    """Runs steps of requests in one thread.

    What goes to `begun` is a step of a request that has had its first one, and comes before all of
    `first`, where callers take turns: whoever sends many bodies keeps nobody else's waiting for
    more than one of them.
    """

    def __init__(self, name: str) -> None:
        self._turns = Turns(name, self._next)
        self._begun: deque[Work] = deque()
        self._first: dict[str, deque[Work]] = {}
        self.begun: Executor = self._turns.executor(self._begun.append)
        self.first: Executor = self._turns.executor(self._put_first)

    def shutdown(self) -> None:
        """Take no more steps, and return when all that were taken are done."""
        self._turns.shutdown()

    def _put_first(self, step: Work) -> None:
        self._first.setdefault(OWNER.get(), deque()).append(step)

    def _next(self) -> Work:
        """A step of what was begun, or the first one of who has waited longest for a turn."""
        if self._begun:
            return self._begun.popleft()
        owner = next(iter(self._first))
        queue = self._first.pop(owner)
        step = queue.popleft()
        if queue:
            # Who has more waits behind others.
            self._first[owner] = queue
        return step
