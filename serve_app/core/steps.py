"""One thread for the long steps of requests, which finishes what was begun before it begins more.

A request has several: its body is read, its rows are looked at, its answer is written. Were they
done in the order in which they come, those of a request that is nearly done would wait for all
bodies that came meanwhile; under load each request would take as long as all of them together,
and be late with all of them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from serve_app.core.flow import OWNER

P = ParamSpec("P")
T = TypeVar("T")
_Work = tuple[Future[Any], Callable[[], Any]]


class Steps:
    """Runs steps of requests in one thread.

    What goes to `begun` is a step of a request that has had its first one, and comes before all of
    `first`, where callers take turns: whoever sends many bodies keeps nobody else's waiting for
    more than one of them.
    """

    def __init__(self, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._lock = threading.Lock()
        self._begun: deque[_Work] = deque()
        self._first: dict[str, deque[_Work]] = {}
        self.begun: Executor = _Begun(self)
        self.first: Executor = _First(self)

    def shutdown(self) -> None:
        """Take no more steps, and return when all that were taken are done."""
        self._thread.shutdown()

    def add(self, work: Callable[[], T], owner: str | None) -> Future[T]:
        """Let a step wait for its turn: a first one of the requests of an owner, or a later one."""
        future: Future[T] = Future()
        with self._lock:
            # Each piece is one turn of the thread, whichever step it then takes.
            self._thread.submit(self._run_next)
            queue = self._begun if owner is None else self._first.setdefault(owner, deque())
            queue.append((future, work))
        return future

    def _run_next(self) -> None:
        with self._lock:
            future, work = self._begun.popleft() if self._begun else self._next_first()
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - it belongs to who waits for it
            future.set_exception(error)
        else:
            future.set_result(result)

    def _next_first(self) -> _Work:
        """The first step of who has waited longest for a turn, which then waits behind others."""
        owner = next(iter(self._first))
        queue = self._first.pop(owner)
        step = queue.popleft()
        if queue:
            self._first[owner] = queue
        return step


class _Begun(Executor):
    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._steps.add(lambda: fn(*args, **kwargs), None)


class _First(Executor):
    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        return self._steps.add(lambda: fn(*args, **kwargs), OWNER.get())
