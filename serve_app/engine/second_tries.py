"""Replicas that do not answer any more are passed by, as long as another one of the version does.

Whoever picks replicas counts what it has given to each, and so avoids one that stands still before
long; until then calls go to it, and those that it has taken cannot be taken back. Predictions
change nothing, so such a call is begun once more elsewhere, and the first answer counts (Dean and
Barroso: "The tail at scale", Communications of the ACM 56(2), 2013, hedged requests). It is so only
while a replica is known to be silent: otherwise rows that take long would be computed twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Protocol, TypeVar

PATIENCE_S = 0.5
"""So long a call has to itself, where a replica of its version is silent."""
MOST_TRIES = 3
LEFT_S = 5.0
"""So long the call to a silent replica stays counted, so that others are picked meanwhile."""
T_co = TypeVar("T_co", covariant=True)


class Call(Awaitable[T_co], Protocol[T_co]):
    """A call that has begun."""

    def cancel(self) -> Any:
        """Give it up."""
        ...


Begin = Callable[[], Call[Any]]
IsLost = Callable[[BaseException], bool]


class SecondTries:
    """Knows which versions have a silent replica, and begins their calls again.

    `is_lost` says of an error that another replica may answer in place of the one that raised.
    """

    def __init__(self, *, is_lost: IsLost) -> None:
        self._is_lost = is_lost
        self._silent: set[str] = set()
        self._open: dict[str, set[_Open]] = {}

    def is_silent(self, version: str) -> bool:
        """Whether a replica of a version is silent, and another one is not."""
        return version in self._silent

    def heard(self, version: str, *, answering: int, silent: int) -> None:
        """Take note of how many replicas of a version answered, and how many have not."""
        if not (answering and silent):
            self._silent.discard(version)
        elif version not in self._silent:
            self._silent.add(version)
            for call in self._open.get(version, ()):
                call.try_again_soon()

    async def first_answer(self, version: str, begin: Begin) -> Any:
        """The answer to a call that `begin` begins, again while a replica is silent.

        Raises whatever the call raises. Where this is cancelled, so is every try.
        """
        call = _Open(begin, self._is_lost)
        call.start()
        among = self._open.setdefault(version, set())
        among.add(call)
        if version in self._silent:
            call.try_again_soon()
        try:
            return await call.outcome
        except asyncio.CancelledError:
            call.give_up()
            raise
        finally:
            among.discard(call)
            call.close()


class _Open:
    """A call without an answer yet, and its tries."""

    __slots__ = ("_began_s", "_begin", "_is_lost", "_loop", "_timer", "_tries", "outcome")

    def __init__(self, begin: Begin, is_lost: IsLost) -> None:
        self._loop = asyncio.get_running_loop()
        self._begin = begin
        self._began_s = self._loop.time()
        self._is_lost = is_lost
        self._tries: dict[asyncio.Future[Any], Call[Any]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.outcome: asyncio.Future[Any] = self._loop.create_future()

    def start(self) -> None:
        """Begin a try."""
        call = self._begin()
        task = asyncio.ensure_future(call)
        self._tries[task] = call
        task.add_done_callback(self._ended)

    def try_again_soon(self) -> None:
        """Begin another try once this one has had its time."""
        if self._timer is None and not self.outcome.done():
            self._timer = self._loop.call_at(self._began_s + PATIENCE_S, self._try_again)

    def give_up(self) -> None:
        """End every try."""
        for task, call in self._tries.items():
            call.cancel()
            task.cancel()

    def close(self) -> None:
        """Try no more; whoever has not answered is left alone for a while, then given up."""
        if self._timer is not None:
            self._timer.cancel()
        if any(not task.done() for task in self._tries):
            self._loop.call_later(LEFT_S, self.give_up)

    def _try_again(self) -> None:
        self._timer = None
        if self.outcome.done() or len(self._tries) >= MOST_TRIES:
            return
        # Whoever cannot begin another try still waits for the first one.
        with suppress(Exception):
            self.start()
        self._began_s = self._loop.time()
        self.try_again_soon()

    def _ended(self, task: asyncio.Future[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if self.outcome.done():
            return
        others = any(not one.done() for one in self._tries)
        if error is not None and others and self._is_lost(error):
            return
        if task.cancelled():
            self.outcome.cancel()
        elif error is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())
