"""Makes one columnar call of the requests that wait for one target at the same time.

There is no wait window: a request leaves in the next turn of the event loop when nothing is
in flight (so that what one turn brings leaves together, at no cost in latency), and what
arrives during a call leaves together when it returns.
"""

from __future__ import annotations

import asyncio
import contextvars
import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic

from serve_app.core.columns import Columns, concatenate
from serve_app.core.refusals import moved, row_alone
from serve_app.core.waiting import BatchQueue, Item, T, kind_of
from serve_app.errors import (
    ClientError,
    DeadlineExceeded,
    ModelFailed,
    NotReady,
    Overloaded,
    ServeError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Sequence

    from serve_app.core.ports import Clock

MIN_RETRY_AFTER_S = 0.1
MAX_BYTES = 16 * 1024 * 1024


def _one() -> int:
    return 1


@dataclass(slots=True)
class Counters:
    """What a coalescer has done, for metrics; `rows` counts a row each time it is sent.

    `waited_s` adds up how long requests waited before they left, `requests` how many did;
    `calls_s` how long calls took that returned, `returned` how many did. `waiting_s` adds up how
    long those have waited that still do.
    """

    calls: int = 0
    rows: int = 0
    requests: int = 0
    waited_s: float = 0.0
    largest_batch: int = 0
    refused: int = 0
    calls_s: float = 0.0
    returned: int = 0
    waiting_s: float = 0.0

    def __add__(self, other: Counters) -> Counters:
        return Counters(
            calls=self.calls + other.calls,
            rows=self.rows + other.rows,
            requests=self.requests + other.requests,
            waited_s=self.waited_s + other.waited_s,
            largest_batch=max(self.largest_batch, other.largest_batch),
            refused=self.refused + other.refused,
            calls_s=self.calls_s + other.calls_s,
            returned=self.returned + other.returned,
            waiting_s=self.waiting_s + other.waiting_s,
        )


class Coalescer(Generic[T]):
    """Queues requests for one target and sends them in batches of bounded rows and bytes.

    A request that is larger goes alone, and one whose rows make the call fail fails alone.
    As many calls may be in flight as there are `replicas`, so that each has work. Beyond that
    the number adapts, up to `max_calls`: a call that is still on its way after `slow_call_s`
    allows one more, since then parallel work is worth more than larger batches; one that takes
    less than a quarter of that allows one fewer.
    """

    def __init__(  # noqa: PLR0913 - every bound by its name
        self,
        call: Callable[[Columns, float], Awaitable[T]],
        *,
        clock: Clock,
        max_rows: int,
        max_calls: int,
        max_waiting_rows: int,
        slow_call_s: float,
        max_bytes: int = MAX_BYTES,
        replicas: Callable[[], int] = _one,
    ) -> None:
        self._call = call
        self._replicas = replicas
        self._clock = clock
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._max_calls = max_calls
        self._slow_call_s = slow_call_s
        self._queue: BatchQueue[T] = BatchQueue(max_waiting_rows)
        self._submitted = 0
        self._allowed = 1
        self._slow: set[int] = set()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._flush_due = False
        self._closed = False
        # A moving average; slow until the first call says otherwise.
        self._call_s = slow_call_s
        self._counters = Counters()

    @property
    def counters(self) -> Counters:
        """What was done until now."""
        self._counters.waiting_s = self._queue.waited_s(self._clock())
        return self._counters

    @property
    def waiting_rows(self) -> int:
        """Rows that have not left yet."""
        return self._queue.rows

    @property
    def in_flight(self) -> int:
        """Calls that have not returned yet."""
        return len(self._in_flight)

    @property
    def allowed(self) -> int:
        """Calls that may be in flight at once, as things are."""
        return max(self._allowed, self._replicas())

    async def submit(self, columns: Columns, deadline: float, flow: Hashable = None) -> T:
        """Give rows to the target, together with what else waits, and get their results.

        `deadline` is a time of the clock, in seconds. Rows that still wait when it passes,
        or when the caller is cancelled, never leave. Flows take turns.

        Raises:
            Overloaded: too many rows wait already, and most of them are of this flow or no
                flow's in particular; `details["retry_after_s"]` says when they will have left.
            DeadlineExceeded: the deadline passed first.
            NotReady: the coalescer was closed.
            Exception: whatever the call raised for these rows.
        """
        if self._closed:
            raise _replaced()
        now = self._clock()
        if now >= deadline:
            raise DeadlineExceeded("the deadline passed before the work could begin")
        if not self._queue.has_room(columns.rows):
            self._make_room(columns.rows, flow)
        loop = asyncio.get_running_loop()
        self._submitted += 1
        item: Item[T] = Item(
            columns, deadline, self._submitted, kind_of(columns), loop.create_future(), now, flow
        )
        self._queue.add(item)
        timer = loop.call_later(deadline - now, _expire, item.future)
        if not self._flush_due and len(self._in_flight) < self.allowed:
            self._flush_due = True
            loop.call_soon(self._flush)
        try:
            return await item.future
        finally:
            timer.cancel()
            self._queue.discard(item)

    def _make_room(self, rows: int, flow: Hashable) -> None:
        """Refuse others' rows in place of these, where those have more of the queue.

        Raises:
            Overloaded: nobody has.
        """
        error = self._overloaded()
        displaced = self._queue.displaced(rows, flow)
        self._counters.refused += max(1, len(displaced))
        if not displaced:
            raise error
        for item in displaced:
            _fail([item], _own(error))

    async def close(self) -> None:
        """Fail those that still wait with NotReady; return when the calls on their way have.

        Whoever submits from now on gets NotReady at once.
        """
        self._closed = True
        for item in self._queue.clear():
            _fail([item], _replaced())
        if self._in_flight:
            await asyncio.wait(self._in_flight)

    def _flush(self) -> None:
        self._flush_due = False
        while len(self._in_flight) < self.allowed:
            batch = self._queue.take(self._max_rows, self._max_bytes)
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

    async def _run(self, batch: Sequence[Item[T]]) -> None:
        try:
            await self._answer(batch)
        except asyncio.CancelledError:
            _fail(batch, NotReady("the call was cancelled before it answered; try again"))
            raise

    async def _answer(self, batch: Sequence[Item[T]]) -> None:
        """Send a batch; when it may be the fault of one item's rows, in parts until found."""
        parts = [batch]
        while parts:
            parts[:0] = await self._send(parts.pop(0))

    async def _send(self, batch: Sequence[Item[T]]) -> Sequence[Sequence[Item[T]]]:
        """Send a batch; gives the parts of it that have to be asked again."""
        batch = self._still_wanted(batch)
        if not batch:
            return ()
        self._counters.requests += len(batch)
        self._counters.waited_s += sum(self._clock() - item.since_s for item in batch)
        together = concatenate([item.columns for item in batch])
        try:
            result = await self._timed(together, max(item.deadline for item in batch))
            _deliver(batch, result)
        except (ModelFailed, ClientError) as error:
            return _suspects(batch, error)
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait for it
            _fail(batch, error)
        return ()

    def _still_wanted(self, batch: Sequence[Item[T]]) -> Sequence[Item[T]]:
        now = self._clock()
        for item in batch:
            if item.deadline <= now:
                _expire(item.future)
        return [item for item in batch if not item.future.done()]

    async def _timed(self, columns: Columns, deadline: float) -> T:
        counters = self._counters
        counters.calls += 1
        counters.rows += columns.rows
        counters.largest_batch = max(counters.largest_batch, columns.rows)
        number = counters.calls
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._slow_call_s, self._allow_one_more, number)
        started = self._clock()
        try:
            return await self._call(columns, deadline)
        finally:
            timer.cancel()
            self._slow.discard(number)
            took_s = self._clock() - started
            counters.calls_s += took_s
            counters.returned += 1
            self._learn(took_s)

    def _allow_one_more(self, slow_call: int) -> None:
        self._slow.add(slow_call)
        self._allowed = min(self._allowed + 1, self._max_calls)
        self._flush()

    def _learn(self, took_s: float) -> None:
        self._call_s += (took_s - self._call_s) / 8
        # A call that hangs keeps its place, so one more is needed for all the others.
        if took_s < self._slow_call_s / 4 and self._allowed > 1 + len(self._slow):
            self._allowed -= 1

    def _overloaded(self) -> Overloaded:
        rows = self._queue.rows
        retry_after_s = max(MIN_RETRY_AFTER_S, rows / self._max_rows * self._call_s / self.allowed)
        msg = f"{rows} rows wait already; try again in {retry_after_s:.1f} s"
        return Overloaded(msg, retry_after_s=round(retry_after_s, 3))


def _deliver(batch: Sequence[Item[T]], result: T) -> None:
    start = 0
    for item in batch:
        stop = start + item.columns.rows
        if not item.future.done():
            item.future.set_result(result if len(batch) == 1 else result.slice(start, stop))
        start = stop


def _suspects(batch: Sequence[Item[T]], error: ServeError) -> Sequence[Sequence[Item[T]]]:
    """Fail the item whose rows made a batch fail, where that is known; halve all others."""
    if len(batch) == 1:
        _fail(batch, error)
        return ()
    row, start = row_alone(error), 0
    for index, item in enumerate(batch):
        stop = start + item.columns.rows
        if row is not None and start <= row < stop:
            _fail([item], moved(error, row - start))
            batch = [*batch[:index], *batch[index + 1 :]]
            break
        start = stop
    middle = len(batch) // 2
    return (batch[:middle], batch[middle:])


def _fail(batch: Sequence[Item[T]], error: Exception) -> None:
    for item in batch:
        if not item.future.done():
            item.future.set_exception(error if len(batch) == 1 else _own(error))


def _own(error: Exception) -> Exception:
    """A copy, since an exception that is raised in several tasks gathers all their frames."""
    if not isinstance(error, ServeError):
        return error
    own = copy.copy(error)
    own.__cause__ = error
    return own


def _expire(future: asyncio.Future[T]) -> None:
    if not future.done():
        future.set_exception(DeadlineExceeded("the deadline passed before an answer came"))


def _replaced() -> NotReady:
    return NotReady("this target is being replaced; try again")
