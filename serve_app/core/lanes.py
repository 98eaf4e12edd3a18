"""One thread that computes, in which short work does not wait for all of the long work."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
FEW_ROWS = 64
"""A request of so many rows is short: it waits for no more than one long one."""
_Work = tuple[Future[Any], Callable[[], Any]]


class Lanes:
    """Runs what is short and what is long in one thread, in turns where both wait.

    So short work waits for one piece of long work at most, and long work is never kept from its
    turn. `short` and `long` are executors.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._waiting: tuple[deque[_Work], deque[_Work]] = (deque(), deque())
        self._last = 1
        self.short: Executor = _Lane(self, 0)
        self.long: Executor = _Lane(self, 1)

    def of(self, rows: int) -> Executor:
        """The executor for work on so many rows."""
        return self.short if rows <= FEW_ROWS else self.long

    def shutdown(self, *, wait: bool = True) -> None:
        """Take no more work; what has been taken is done, or given up where nobody waits."""
        self._thread.shutdown(wait=wait, cancel_futures=not wait)
        for lane in self._waiting:
            for future, _ in lane:
                future.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def add(self, lane: int, work: Callable[[], T]) -> Future[T]:
        """Let work wait for its turn in a lane."""
        future: Future[T] = Future()
        with self._lock:
            # Each piece is one turn of the thread, whichever lane it then takes.
            self._thread.submit(self._run_next)
            self._waiting[lane].append((future, work))
        return future

    def _run_next(self) -> None:
        with self._lock:
            other = 1 - self._last
            lane = other if self._waiting[other] else self._last
            self._last = lane
            future, work = self._waiting[lane].popleft()
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits for it
            future.set_exception(error)
        else:
            future.set_result(result)


class _Lane(Executor):
    def __init__(self, lanes: Lanes, number: int) -> None:
        self._lanes, self._number = lanes, number

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._lanes.add(self._number, lambda: fn(*args, **kwargs))
