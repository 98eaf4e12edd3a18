"""One thread for work that waits, and a rule of which comes next."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Work = tuple[Future[Any], Callable[[], Any]]


class Turns:
    """Runs work in one thread; `take` gives what comes next, of what was put.

    Whatever puts and takes is called by one thread at a time.
    """

    def __init__(self, name: str, take: Callable[[], Work]) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._take = take

    def executor(self, put: Callable[[Work], None]) -> Executor:
        """An executor whose work `put` lets wait."""
        return _Waiting(self, put)

    def shutdown(self, *, wait: bool = True) -> None:
        """Take no more work; what was put is done, or has no more turns where nobody waits."""
        self._thread.shutdown(wait=wait, cancel_futures=not wait)

    def add(self, put: Callable[[Work], None], work: Callable[[], T]) -> Future[T]:
        """Let work wait for its turn, where `put` puts it."""
        future: Future[T] = Future()
        with self._lock:
            # Each piece is one turn of the thread, whichever it then takes.
            self._thread.submit(self._run_next)
            put((future, work))
        return future

    def _run_next(self) -> None:
        with self._lock:
            future, work = self._take()
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits for it
            future.set_exception(error)
        else:
            future.set_result(result)


class _Waiting(Executor):
    def __init__(self, turns: Turns, put: Callable[[Work], None]) -> None:
        self._turns, self._put = turns, put

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._turns.add(self._put, lambda: fn(*args, **kwargs))
