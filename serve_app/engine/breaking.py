"""Versions that do not answer any more: not every request waits for them until its deadline."""

from __future__ import annotations

from collections.abc import Collection

from serve_app.core.breaker import LEAST_S, Breaker
from serve_app.core.columns import Columns
from serve_app.core.ports import Clock, Models, Task
from serve_app.core.waiting import T
from serve_app.errors import DeadlineExceeded, NotReady, Overloaded


class BreakingModels:
    """Wraps `models`: whoever was silent several times is asked now and then, until it answers.

    Meanwhile requests fail at once, so that the next variant, or the fallback, answers them.
    """

    def __init__(self, models: Models, *, clock: Clock) -> None:
        self._models = models
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Ask, if an answer may be expected.

        Raises:
            NotReady: the version has been silent for a while.
            ServeError: as `models` raises.
        """
        breaker = self._breakers.get(version)
        if breaker is not None and not breaker.lets_through():
            msg = f"{version} does not answer at present, and is tried again soon"
            raise NotReady(msg, retry_after_s=round(breaker.wait_s, 3))
        began_s = self._clock()
        try:
            answer = await self._models.ask(version, task, columns, deadline)
        except DeadlineExceeded:
            self._silent(version, self._clock() - began_s)
            raise
        except Overloaded:
            raise
        except Exception:
            self._answered(version)
            raise
        if breaker is not None:
            self._answered(version)
        return answer

    def problems(self) -> list[str]:
        """What an operator should know, in words."""
        return [
            f"{version} does not answer: it is asked now and then, and others answer for it"
            for version, breaker in self._breakers.items()
            if breaker.is_open
        ]

    def retire(self, keep: Collection[str]) -> None:
        """Forget every version but these."""
        self._breakers = {v: one for v, one in self._breakers.items() if v in keep}

    def _silent(self, version: str, waited_s: float) -> None:
        if waited_s >= LEAST_S:
            breaker = self._breakers.get(version)
            if breaker is None:
                breaker = self._breakers[version] = Breaker(clock=self._clock)
            breaker.silent(waited_s)

    def _answered(self, version: str) -> None:
        # Who answers is like somebody who was never silent.
        self._breakers.pop(version, None)
