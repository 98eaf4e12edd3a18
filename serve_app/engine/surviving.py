"""Versions whose replicas die by what they are given: not one after the other by the same rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from serve_app.core.cache import row_keys
from serve_app.core.columns import Columns
from serve_app.core.deadly_rows import DeadlyRows
from serve_app.core.ports import Clock, Models, Task
from serve_app.core.waiting import T
from serve_app.errors import DeadlineExceeded, ReplicaDied

logger = logging.getLogger("serve_app.gateway")


@dataclass(slots=True)
class _Watched:
    """What is known of the rows of one version, and whose turn it is to be tried alone."""

    rows: DeadlyRows
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class SurvivingModels:
    """Wraps `models`, whose calls hold many requests; `alone` asks about one, in a call of its own.

    When a replica dies, each request that was in its call is tried once more, alone and one after
    the other. With the one that did it a second replica dies: it is refused from then on, and so
    are those with the same rows that came meanwhile and waited for the outcome. All others are
    answered.
    """

    def __init__(self, models: Models, alone: Models, *, clock: Clock) -> None:
        self._models = models
        self._alone = alone
        self._clock = clock
        self._watched: dict[str, _Watched] = {}

    async def ask(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Ask, together with others until something dies of it.

        Raises:
            RowsRefused: two replicas have died of these rows.
            ServeError: as `models` and `alone` raise.
        """
        watched = self._watched.get(version)
        if watched is not None:
            keys = row_keys(columns)
            watched.rows.require_harmless(keys)
            if watched.rows.suspects(keys):
                return await self._in_turn(version, task, columns, deadline)
        try:
            return await self._models.ask(version, task, columns, deadline)
        except ReplicaDied:
            return await self._in_turn(version, task, columns, deadline)

    def problems(self) -> list[str]:
        """What an operator should know, in words."""
        many = {version: one.rows.refused for version, one in self._watched.items()}
        return [
            f"{version}: {refused} requests are refused whose rows ended two replicas"
            for version, refused in many.items()
            if refused
        ]

    def retire(self, keep: Collection[str]) -> None:
        """Forget every version but these, and whatever is not known of anything any more."""
        self._watched = {
            version: one
            for version, one in self._watched.items()
            if version in keep and not one.rows.is_empty
        }

    async def _in_turn(self, version: str, task: Task[T], columns: Columns, deadline: float) -> T:
        """Ask about one request alone, once no other one is tried so."""
        watched = self._watched.get(version)
        if watched is None:
            rows = DeadlyRows(version, clock=self._clock)
            watched = self._watched[version] = _Watched(rows)
        keys = row_keys(columns)
        with watched.rows.suspecting(keys):
            try:
                async with asyncio.timeout(deadline - self._clock()):
                    await watched.turn.acquire()
            except TimeoutError:
                msg = f"a replica of {version} died, and there was no time to ask another one"
                raise DeadlineExceeded(msg) from None
            try:
                watched.rows.require_harmless(keys)
                return await self._alone.ask(version, task, columns, deadline)
            except ReplicaDied as error:
                refusal = watched.rows.condemn(keys)
                logger.error(
                    "two replicas died of the same rows, which are refused from now on",
                    extra={"version": version, "rows": columns.rows},
                )
                raise refusal from error
            finally:
                watched.turn.release()
