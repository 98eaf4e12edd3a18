"""Answers the shards of a job by workers in other processes, some of which may die."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from serve_app.batch.away import StoreAway
from serve_app.batch.bad_rows import Counts
from serve_app.batch.shards import Shard
from serve_app.core.ports import Clock
from serve_app.engine.batch.attempts import Attempts, Stopped
from serve_app.engine.batch.worker import ShardOutcome, ShardRequest

POLL_S = 0.2
MOST_LOST = 10
"""So many workers in a row that die before anything is committed end a job."""


class Lost(NamedTuple):
    """A worker whose process is gone, or cannot be reached; says why."""

    reason: str


class Workers(Protocol):
    """Processes elsewhere that answer shards, each one at a time."""

    def start(self) -> Hashable:
        """Start one; gives its name. It need not run yet."""
        ...

    def has_begun(self, worker: Hashable) -> bool:
        """Whether one that was started runs by now: there may be no room for it any more."""
        ...

    def ask(self, worker: Hashable, request: ShardRequest) -> None:
        """Hand a worker a shard."""
        ...

    def outcomes(self, timeout_s: float) -> Sequence[tuple[Hashable, ShardOutcome | Lost]]:
        """What became of shards, of at least one unless `timeout_s` passes before."""
        ...

    def end(self, worker: Hashable) -> None:
        """End a worker, whatever it does."""
        ...


@dataclass(frozen=True, slots=True)
class PoolSize:
    """At most so many workers; a shard that takes longer than `shard_timeout_s` has failed."""

    workers: int
    shard_timeout_s: float = 3600.0


class _Busy(NamedTuple):
    request: ShardRequest
    ends_s: float


class Pool:
    """Keeps workers busy; `clock` never goes back.

    A worker that dies takes the attempt at its shard with it, which counts as one that failed.
    """

    def __init__(self, workers: Workers, size: PoolSize, *, clock: Clock) -> None:
        self._workers, self._size, self._clock = workers, size, clock
        self._busy: dict[Hashable, _Busy] = {}
        self._idle: list[Hashable] = []
        self._lost_in_a_row = 0
        self._away = ""

    def answer(self, pending: list[Shard], attempts: Attempts) -> None:
        """Try each shard once.

        Raises:
            Stopped: the job does not go on.
            StoreAway: a storage does not answer now, and all workers are idle.
        """
        waiting, self._away = deque(pending), ""
        while self._busy or (waiting and not self._away):
            while waiting and not self._away and (worker := self._free()) is not None:
                self._ask(worker, waiting.popleft(), attempts)
            for worker, outcome in self._workers.outcomes(POLL_S):
                self._noticing(functools.partial(self._take, worker, outcome, attempts))
            self._end_late(attempts)
            if self._idle and not waiting:
                waiting.extend(self._taken_back(len(self._idle), attempts))
            attempts.watch(Counts())
        if self._away:
            raise StoreAway(self._away)

    def close(self) -> None:
        """End all workers."""
        for worker in (*self._idle, *self._busy):
            self._workers.end(worker)
        self._idle, self._busy = [], {}

    def _free(self) -> Hashable | None:
        if self._idle:
            return self._idle.pop()
        if len(self._busy) < self._size.workers:
            return self._workers.start()
        return None

    def _ask(self, worker: Hashable, shard: Shard, attempts: Attempts) -> None:
        request = ShardRequest(shard, attempts.begin(shard))
        self._busy[worker] = _Busy(request, self._clock() + self._size.shard_timeout_s)
        self._workers.ask(worker, request)

    def _noticing(self, take: Callable[[], None]) -> None:
        """Take an outcome; of a storage that is away, only take note."""
        try:
            take()
        except StoreAway as away:
            self._away = away.message

    def _take(self, worker: Hashable, outcome: ShardOutcome | Lost, attempts: Attempts) -> None:
        busy = self._busy.pop(worker, None)
        if busy is None:
            return
        number, attempt = busy.request.shard.number, busy.request.attempt
        if isinstance(outcome, Lost):
            self._lose(worker, busy.request, outcome.reason, attempts)
            return
        self._idle.append(worker)
        self._lost_in_a_row = 0
        if outcome.done is not None:
            attempts.commit(outcome.done)
        elif outcome.away is not None:
            attempts.put_off(number, attempt, outcome.away)
            raise StoreAway(outcome.away)
        elif outcome.ended is not None:
            attempts.drop(number)
            raise Stopped("FAILED", outcome.ended)
        else:
            attempts.fail(number, attempt, outcome.failed or "nobody knows why")

    def _taken_back(self, most: int, attempts: Attempts) -> Iterator[Shard]:
        """Shards of workers that have not begun, for as many that have nothing to do.

        Where a node died, what is started in place of its workers may wait for room for ever.
        """
        late = [one for one in self._busy if not self._workers.has_begun(one)]
        for worker in late[:most]:
            request = self._busy.pop(worker).request
            self._workers.end(worker)
            reason = "its worker had not begun, and another one had nothing to do"
            attempts.put_off(request.shard.number, request.attempt, reason)
            yield request.shard

    def _end_late(self, attempts: Attempts) -> None:
        """End workers whose shard takes too long."""
        now_s = self._clock()
        late = [(worker, busy) for worker, busy in self._busy.items() if now_s > busy.ends_s]
        for worker, busy in late:
            del self._busy[worker]
            reason = f"it took longer than {self._size.shard_timeout_s:g} s, and was ended"
            self._lose(worker, busy.request, reason, attempts)

    def _lose(
        self, worker: Hashable, request: ShardRequest, reason: str, attempts: Attempts
    ) -> None:
        # One that cannot be reached may live: nobody shall commit what nobody waits for.
        self._workers.end(worker)
        attempts.lose(request.shard.number, request.attempt, reason)
        self._lost_in_a_row += 1
        if self._lost_in_a_row >= MOST_LOST:
            msg = f"{MOST_LOST} workers in a row died before they answered anything: {reason}"
            raise Stopped("FAILED", msg)
