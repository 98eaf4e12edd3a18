"""Shows requests to shadows once they are answered, within bounds, and completes their records."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from serve_app.core.columns import Columns
from serve_app.core.ports import Clock, Models, Recorder
from serve_app.core.record import ANSWERED, DROPPED, INTERNAL, TIMED_OUT, Record, Shadowed
from serve_app.core.snapshot import Endpoint, Shadow
from serve_app.engine.mirror import Mirror
from serve_app.errors import DeadlineExceeded, Overloaded, ServeError
from serve_app.monitoring.catalogue import Sample
from serve_app.monitoring.shadow_counts import ShadowCounts

BUSY, QUEUE_FULL, OVERLOADED, ENDED = "busy", "queue_full", "overloaded", "ended"
logger = logging.getLogger("serve_app.shadows")
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class MirrorLimits:
    """What is done for shadows at once: calls of each, and rows that wait for all together."""

    in_flight: int = 8
    queued_rows: int = 1_000


@dataclass(slots=True, eq=False)
class _Mirrored:
    """A request that is shown to shadows, whose record waits for what becomes of it there."""

    mirror: Mirror
    record: Record
    features: Columns | None
    outcomes: list[Shadowed | None]
    left: int

    async def prepared(self, deadline: float) -> Columns:
        """The rows as models take them; prepared anew where that was not done for all of them."""
        if self.features is None:
            assert self.record.columns is not None  # noqa: S101 - else nobody is shown it
            self.features = await self.mirror.prepare(self.record.columns, deadline)
        return self.features


class _Turn(NamedTuple):
    """One request that waits for one shadow."""

    request: _Mirrored
    place: int
    shadow: Shadow


@dataclass(slots=True, eq=False)
class _Lane:
    """What waits for one shadow, what it is asked now, and what became of all before."""

    counts: ShadowCounts = field(default_factory=ShadowCounts)
    queue: deque[_Turn] = field(default_factory=deque)
    in_flight: int = 0


class Mirroring:
    """Shows requests to shadows, and hands their records to `recorder` once that is done.

    `mirror` never waits: each shadow is asked by `run`, so many requests at once, with a time limit
    of its own. What does not fit is dropped and counted, and all of it while the process is busy.
    `arrival` is given each record at once, as long as its request goes on. `inline` reaches those
    that compute in this process.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        recorder: Recorder,
        inline: Models,
        limits: MirrorLimits,
        arrival: Recorder | None = None,
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._clock, self._recorder, self._limits = clock, recorder, limits
        self.inline = inline
        self._arrival = arrival
        self._is_busy = is_busy
        self._lanes: dict[_Key, _Lane] = {}
        self._queued_rows = 0
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[Shadowed]] = set()

    @property
    def waits(self) -> bool:
        """Whether any request waits for a shadow, or is with one."""
        return any(lane.queue or lane.in_flight for lane in self._lanes.values())

    def mirror(self, mirror: Mirror, record: Record, features: Columns | None) -> None:
        """Show a request to the shadows of its endpoint, `features` being its prepared rows."""
        if self._arrival is not None:
            self._arrival.record(record)
        chosen = mirror.chosen(record)
        if not chosen:
            self._recorder.record(record)
            return
        request = _Mirrored(mirror, record, features, [None] * len(chosen), len(chosen))
        is_busy = self._is_busy()
        for place, shadow in enumerate(chosen):
            lane = self._lane((mirror.endpoint, shadow.version))
            turn = _Turn(request, place, shadow)
            if is_busy:
                self._drop(lane, turn, BUSY)
            elif self._queued_rows and self._queued_rows + record.rows > self._limits.queued_rows:
                self._drop(lane, turn, QUEUE_FULL)
            else:
                self._queued_rows += record.rows
                lane.queue.append(turn)
        self._wake.set()

    async def run(self) -> None:
        """Ask the shadows about what waits for them, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for lane in list(self._lanes.values()):
                while lane.queue and lane.in_flight < self._limits.in_flight:
                    self._start(lane, lane.queue.popleft())

    def follow(self, endpoints: Iterable[Endpoint]) -> None:
        """Know the shadows of these endpoints alone; what waits for others is dropped."""
        known = {(one.name, shadow.version) for one in endpoints for shadow in one.shadows}
        gone = [key for key in self._lanes if key not in known]
        for key in gone:
            self._clear(self._lanes.pop(key))
        for key in known:
            self._lane(key)

    async def close(self) -> None:
        """Drop what waits for shadows or is with them, so that every record is handed on."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for lane in self._lanes.values():
            self._clear(lane)

    def samples(self) -> Iterator[Sample]:
        """What became of requests at shadows."""
        for (endpoint, version), lane in self._lanes.items():
            yield from lane.counts.samples(endpoint, version)

    def _lane(self, key: _Key) -> _Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        return lane

    def _start(self, lane: _Lane, turn: _Turn) -> None:
        self._queued_rows -= turn.request.record.rows
        lane.in_flight += 1
        # An empty context: within that of a request, the call would end with that request.
        task = asyncio.get_running_loop().create_task(
            self._answer(turn), context=contextvars.Context()
        )
        self._tasks.add(task)
        task.add_done_callback(partial(self._landed, lane, turn))

    def _landed(self, lane: _Lane, turn: _Turn, task: asyncio.Task[Shadowed]) -> None:
        """Keep what became of a request at a shadow; one that was cancelled was not shown it."""
        self._tasks.discard(task)
        lane.in_flight -= 1
        if task.cancelled():
            self._drop(lane, turn, ENDED)
        else:
            self._settle(lane, turn, task.result(), OVERLOADED)
        self._wake.set()

    async def _answer(self, turn: _Turn) -> Shadowed:
        request, _, shadow = turn
        began_s = self._clock()
        deadline = began_s + shadow.timeout_s
        try:
            async with asyncio.timeout(shadow.timeout_s):
                features = await request.prepared(deadline)
                began_s = self._clock()
                prediction = await request.mirror.ask(shadow, features, deadline)
        except (TimeoutError, DeadlineExceeded):
            outcome = TIMED_OUT
        except Overloaded:
            return _shadowed(shadow, DROPPED)
        except ServeError as error:
            outcome = error.code
        except (Exception, SystemExit):
            logger.exception("a shadow failed", extra={"version": shadow.version})
            outcome = INTERNAL
        else:
            took_s = self._clock() - began_s
            return Shadowed(shadow.version, ANSWERED, shadow.sample, took_s, prediction)
        return _shadowed(shadow, outcome, self._clock() - began_s)

    def _drop(self, lane: _Lane, turn: _Turn, reason: str) -> None:
        self._settle(lane, turn, _shadowed(turn.shadow, DROPPED), reason)

    def _clear(self, lane: _Lane) -> None:
        while lane.queue:
            turn = lane.queue.popleft()
            self._queued_rows -= turn.request.record.rows
            self._drop(lane, turn, ENDED)

    def _settle(self, lane: _Lane, turn: _Turn, shadowed: Shadowed, reason: str) -> None:
        """Keep what became of a request at one shadow; after the last its record is whole."""
        lane.counts.add(shadowed, reason)
        request = turn.request
        request.outcomes[turn.place] = shadowed
        request.left -= 1
        if not request.left:
            outcomes = tuple(one for one in request.outcomes if one is not None)
            self._recorder.record(request.record._replace(shadows=outcomes))


def _shadowed(shadow: Shadow, outcome: str, took_s: float | None = None) -> Shadowed:
    return Shadowed(shadow.version, outcome, shadow.sample, took_s)
