"""Makes one columnar call of the requests that wait for one target at the same time.

There is no wait window: a request leaves at once when nothing is in flight, and what
arrives during a call leaves together when it returns.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, Self, TypeVar

from serve_app.core.columns import Columns, concatenate
from serve_app.core.ports import Clock
from serve_app.errors import ClientError, DeadlineExceeded, ModelFailed, NotReady, Overloaded


class Sliceable(Protocol):
    """A result with one entry per row."""

    def slice(self, start: int, stop: int) -> Self:
        """The rows from `start` up to `stop`."""
        ...


T = TypeVar("T", bound=Sliceable)


@dataclass(slots=True, eq=False)
class _Item(Generic[T]):
    columns: Columns
    deadline: float
    future: asyncio.Future[T]
    kind: tuple[object, ...] = field(default=())


@dataclass(slots=True)
class Counters:
    """What a coalescer has done, for metrics."""

    calls: int = 0
    rows: int = 0
    largest_batch: int = 0
    refused: int = 0


class Coalescer(Generic[T]):
    """Queues requests for one target and sends them in batches.

    How many calls may be in flight adapts between 1 and `max_calls`: a call slower than
    `slow_call_s` allows one more, since then parallel work (and an autoscaler that sees
    it) is worth more than larger batches; one faster than a quarter of that, one fewer.
    """

    def __init__(
        self,
        call: Callable[[Columns, float], Awaitable[T]],
        *,
        clock: Clock,
        max_rows: int,
        max_calls: int,
        max_waiting_rows: int,
        slow_call_s: float,
    ) -> None:
        self._call = call
        self._clock = clock
        self._max_rows = max_rows
        self._max_calls = max_calls
        self._max_waiting_rows = max_waiting_rows
        self._slow_call_s = slow_call_s
        self._waiting: deque[_Item[T]] = deque()
        self._waiting_rows = 0
        self._allowed = 1
        self._in_flight: set[asyncio.Task[None]] = set()
        self._flush_due = False
        self._closed = False
        self._call_s = slow_call_s / 4
        self.counters = Counters()

    @property
    def waiting_rows(self) -> int:
        """Rows that have not left yet."""
        return self._waiting_rows

    @property
    def in_flight(self) -> int:
        """Calls that have not returned yet."""
        return len(self._in_flight)

    async def submit(self, columns: Columns, deadline: float) -> T:
        """Give rows to the target, together with what else waits, and get their results.

        Raises:
            Overloaded: too many rows wait already.
            DeadlineExceeded: the deadline passed first; the rows are dropped if they still
                waited.
            NotReady: the coalescer was closed.
            Exception: whatever the call raised for these rows.
        """
        if self._closed:
            raise NotReady("this target is being replaced")
        now = self._clock()
        if now >= deadline:
            raise DeadlineExceeded("the deadline passed before the work could begin")
        if self._waiting and self._waiting_rows + columns.rows > self._max_waiting_rows:
            self.counters.refused += 1
            raise self._overloaded()
        loop = asyncio.get_running_loop()
        item: _Item[T] = _Item(columns, deadline, loop.create_future(), _kind(columns))
        self._waiting.append(item)
        self._waiting_rows += columns.rows
        timer = loop.call_later(deadline - now, _expire, item.future)
        if not self._flush_due:
            # After everything that this turn of the loop still brings.
            self._flush_due = True
            loop.call_soon(self._flush)
        try:
            return await item.future
        finally:
            timer.cancel()

    def close(self) -> None:
        """Take no more; those that still wait fail with NotReady, calls on their way go on."""
        self._closed = True
        while self._waiting:
            item = self._waiting.popleft()
            if not item.future.done():
                item.future.set_exception(NotReady("this target is being replaced"))
        self._waiting_rows = 0

    def _flush(self) -> None:
        self._flush_due = False
        while len(self._in_flight) < self._allowed:
            batch = self._next_batch()
            if not batch:
                return
            # An empty context: within that of one request, the call would be cancelled
            # together with that request, and everybody else in the batch with it.
            task = asyncio.get_running_loop().create_task(
                self._run(batch), context=contextvars.Context()
            )
            self._in_flight.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._flush()

    def _next_batch(self) -> list[_Item[T]]:
        """The longest run of alike items from the front, up to `max_rows`."""
        batch: list[_Item[T]] = []
        rows = 0
        while self._waiting:
            item = self._waiting[0]
            if item.future.done():
                self._drop()
                continue
            alike = not batch or item.kind == batch[0].kind
            if batch and (not alike or rows + item.columns.rows > self._max_rows):
                break
            self._drop()
            batch.append(item)
            rows += item.columns.rows
        return batch

    def _drop(self) -> None:
        item = self._waiting.popleft()
        self._waiting_rows -= item.columns.rows

    async def _run(self, batch: list[_Item[T]]) -> None:
        columns = concatenate([item.columns for item in batch])
        deadline = max(item.deadline for item in batch)
        started = self._clock()
        self.counters.calls += 1
        self.counters.rows += columns.rows
        self.counters.largest_batch = max(self.counters.largest_batch, columns.rows)
        try:
            result = await self._call(columns, deadline)
        except (ModelFailed, ClientError) as error:
            await self._each_alone(batch, error)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
            _fail(batch, error)
        except asyncio.CancelledError:
            _fail(batch, NotReady("the call was cancelled"))
            raise
        else:
            _deliver(batch, result)
        finally:
            self._adapt(self._clock() - started)

    async def _each_alone(self, batch: list[_Item[T]], error: Exception) -> None:
        """Find out whose rows made the call fail, so that only they fail."""
        if len(batch) == 1:
            _fail(batch, error)
            return
        for item in batch:
            if item.future.done():
                continue
            try:
                result = await self._call(item.columns, item.deadline)
            except Exception as own:  # noqa: BLE001 - it belongs to the one who waits for it
                _fail([item], own)
            else:
                _deliver([item], result)

    def _adapt(self, took_s: float) -> None:
        self._call_s += (took_s - self._call_s) / 8
        if took_s > self._slow_call_s:
            self._allowed = min(self._allowed + 1, self._max_calls)
        elif took_s < self._slow_call_s / 4:
            self._allowed = max(self._allowed - 1, 1)

    def _overloaded(self) -> Overloaded:
        batches = self._waiting_rows / self._max_rows
        retry_after_s = max(0.1, batches * self._call_s / self._allowed)
        msg = f"{self._waiting_rows} rows wait already; try again later"
        return Overloaded(msg, retry_after_s=round(retry_after_s, 3))


def _kind(columns: Columns) -> tuple[object, ...]:
    """What must be alike for rows to be stacked."""
    if columns.block is not None:
        return (columns.names, columns.block.dtype)
    return (columns.names, *[array.dtype for array in columns.arrays])


def _deliver(batch: list[_Item[T]], result: T) -> None:
    start = 0
    for item in batch:
        stop = start + item.columns.rows
        if not item.future.done():
            item.future.set_result(result if len(batch) == 1 else result.slice(start, stop))
        start = stop


def _fail(batch: list[_Item[T]], error: Exception) -> None:
    for item in batch:
        if not item.future.done():
            item.future.set_exception(error)


def _expire(future: asyncio.Future[T]) -> None:
    if not future.done():
        future.set_exception(DeadlineExceeded("the deadline passed before an answer came"))
