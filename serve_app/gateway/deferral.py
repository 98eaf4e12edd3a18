"""Answers requests later: takes them, answers so many at a time, and says how they stand."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from serve_app.batch.deferred import (
    FILE,
    Deferred,
    DeferredRequest,
    DeferredStore,
    GivenAnswer,
)
from serve_app.config.deferred import DeferredSettings
from serve_app.core.caller import ANONYMOUS, Caller
from serve_app.core.ports import Clock, Ids
from serve_app.engine.batch.run_lock import is_running, running
from serve_app.engine.visible import require
from serve_app.errors import Conflict, NotFound, Overloaded
from serve_app.gateway.entrance import PREDICT

FOLDER = "answers"
"""The folder of the answers, within that of the state."""
CLEAN_S = 60.0
RETRY_AFTER_S = 5
Answerer = Callable[[DeferredRequest], Awaitable[GivenAnswer]]
"""Gives what a request would have been answered at once, whatever that is; raises nothing."""
_UNFINISHED = frozenset({"PENDING", "RUNNING"})


@dataclass(slots=True)
class _Waiting:
    """A request on its way; `given` is its answer once there is one, `ended` whether it is kept."""

    name: str
    request: DeferredRequest
    answer: Answerer
    ended: asyncio.Event
    given: GivenAnswer | None = None


class Deferral:
    """Takes requests, and answers them in this process while `run` runs.

    `process` is the name of this process in `folder`, which no other has: a lock says to others
    that it lives.
    """

    def __init__(
        self,
        store: DeferredStore,
        settings: DeferredSettings,
        *,
        folder: Path,
        process: str,
        ids: Ids,
    ) -> None:
        self._store, self._folder, self._process, self._ids = store, folder, process, ids
        self._at_once, self._max_waiting = settings.at_once, settings.max_waiting
        self.max_body_bytes = settings.max_body_kb * 1024
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._own: dict[str, _Waiting] = {}
        self._holds = ExitStack()
        self._holds.enter_context(running(folder, process))

    def close(self) -> None:
        """Let others see that this process answers no more."""
        self._holds.close()
        (self._folder / f"{self._process}.lock").unlink(missing_ok=True)

    async def run(self) -> None:
        """Answer what waits, and delete what is old, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._clean())
                for _ in range(self._at_once):
                    group.create_task(self._work_off())
        except asyncio.CancelledError:
            self.close()
            raise
        except ExceptionGroup as several:
            # The supervisor says in words what failed, of the first.
            raise several.exceptions[0] from several

    async def submit(self, request: DeferredRequest, answer: Answerer) -> str:
        """Keep a request that is answered later; it is on the disk then. Gives its name.

        Raises:
            Overloaded: too many wait, or are kept.
        """
        self._require_room(request.owner)
        name = self._ids()
        waiting = self._own[name] = _Waiting(name, request, answer, asyncio.Event())
        try:
            await asyncio.to_thread(self._store.submit, name, request, self._process)
        except BaseException:
            del self._own[name]
            raise
        self._queue.put_nowait(waiting)
        return name

    async def wait(self, name: str, seconds: float) -> None:
        """Return once a request that was taken here is answered, or the time is over."""
        waiting = self._own.get(name)
        if waiting is not None and seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await waiting.ended.wait()
            except TimeoutError:
                return

    async def show(self, caller: Caller, system: str, name: str) -> Deferred:
        """How a request of a caller stands.

        Raises:
            NotFound: there is none of that name, or it is another's.
            Forbidden: the caller may not ask the endpoint any more.
        """
        kept = await asyncio.to_thread(self._store.show, system, name)
        if kept.owner != caller.owner:
            raise self.unknown(name)
        require(caller, PREDICT, kept.endpoint)
        if not self._is_left(kept):
            return kept
        # It may have been answered just before whoever did that went.
        kept = await asyncio.to_thread(self._store.show, system, name)
        return replace(kept, state="LOST") if kept.state in _UNFINISHED else kept

    def unknown(self, name: str) -> NotFound:
        """What is said of a name that there is not, or that is another's."""
        return self._store.unknown(name)

    def _require_room(self, owner: str) -> None:
        waiting = len(self._own) - self._at_once
        own = sum(one.request.owner == owner for one in self._own.values())
        most = max(1, self._max_waiting // 4)
        if waiting >= self._max_waiting or (own >= most and owner not in self._store.shared):
            msg = f"{len(self._own)} requests wait to be answered later, and no more may"
            raise Overloaded(msg, retry_after_s=RETRY_AFTER_S)

    def _is_left(self, kept: Deferred) -> bool:
        """Whether nobody answers a request that has no answer."""
        if kept.state not in _UNFINISHED:
            return False
        if kept.process == self._process:
            return kept.name not in self._own
        return not is_running(self._folder, kept.process)

    async def answer(self, kept: Deferred) -> GivenAnswer:
        """The answer to a request that has one."""
        return await asyncio.to_thread(self._store.answer, kept.name)

    async def request(self, kept: Deferred) -> DeferredRequest:
        """A request as it was kept."""
        return await asyncio.to_thread(self._store.request, kept.name)

    async def cancel(self, kept: Deferred) -> None:
        """Let a request have no answer.

        Raises:
            Conflict: it has one, or is cancelled.
        """
        if not await asyncio.to_thread(self._store.cancel, kept.name):
            raise Conflict(f"{kept.name} has ended before, so that nothing is there to cancel")

    async def forget(self, kept: Deferred) -> None:
        """Keep nothing of a request any more, and give it no answer."""
        await asyncio.to_thread(self._store.forget, kept.name)

    async def _clean(self) -> None:
        while True:
            await asyncio.to_thread(self._store.forget_old)
            await asyncio.sleep(CLEAN_S)

    async def _work_off(self) -> None:
        while True:
            waiting = await self._queue.get()
            try:
                await self._give(waiting)
            except BaseException:
                # What is computed is not computed again once answers can be kept again.
                self._queue.put_nowait(waiting)
                raise
            self._own.pop(waiting.name, None)
            waiting.ended.set()

    async def _give(self, waiting: _Waiting) -> None:
        if not await asyncio.to_thread(self._store.begin, waiting.name):
            return
        if waiting.given is None:
            waiting.given = await waiting.answer(waiting.request)
        await asyncio.to_thread(self._store.end, waiting.name, waiting.given)


def deferral_of(settings: DeferredSettings | None, *, clock: Clock) -> Deferral | None:
    """What answers later by some settings; none without. `clock` is seconds since 1970.

    Raises:
        ConfigError: answers cannot be kept there.
    """
    if settings is None:
        return None
    folder = Path(settings.state) / FOLDER
    store = DeferredStore(
        folder / FILE,
        keep_s=settings.keep_s,
        max_kept=settings.max_kept,
        clock=clock,
        shared=frozenset({ANONYMOUS.owner}),
    )
    process, ids = secrets.token_hex(8), lambda: secrets.token_hex(16)
    return Deferral(store, settings, folder=folder, process=process, ids=ids)
