"""Background work of one process: named, restarted when it fails, counted, cancelled at the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from serve_app.core.ports import Clock

Work = Callable[[], Awaitable[None]]
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
HEALTHY_S = 60.0
"""Work that went on for so long begins with the shortest pause again when it fails."""
logger = logging.getLogger("serve_app.tasks")


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How one piece of background work is doing.

    `failures` counts how often it failed and was started anew, `error` says why it failed last,
    `failing` whether it is waiting to be started anew.
    """

    failures: int = 0
    error: str | None = None
    failing: bool = False


class Supervisor:
    """Runs background work and starts it anew, ever later, when it fails.

    `words` makes of an error what people outside may read.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        words: Callable[[BaseException], str],
        first_pause_s: float = FIRST_PAUSE_S,
        longest_pause_s: float = LONGEST_PAUSE_S,
    ) -> None:
        self._clock = clock
        self._words = words
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._statuses: dict[str, TaskStatus] = {}

    def start(self, name: str, work: Work) -> None:
        """Run some work until it returns or is stopped. What runs under this name goes on."""
        if name in self._tasks:
            return
        self._statuses[name] = TaskStatus()
        self._tasks[name] = asyncio.get_running_loop().create_task(
            self._supervised(name, work), name=name
        )

    def stop(self, name: str) -> None:
        """Cancel the work of that name, where there is any."""
        task = self._tasks.pop(name, None)
        if task is not None:
            task.cancel()
            self._statuses.pop(name, None)

    def running(self) -> frozenset[str]:
        """The names of all work that has not returned and was not stopped."""
        return frozenset(self._tasks)

    def statuses(self) -> Mapping[str, TaskStatus]:
        """How each piece of work is doing, by name."""
        return dict(self._statuses)

    def problems(self) -> list[str]:
        """What fails now, in words: the name of the work and why."""
        return [
            f"{name} fails and is tried again: {status.error}"
            for name, status in sorted(self._statuses.items())
            if status.failing
        ]

    async def close(self) -> None:
        """Cancel everything, and return once it has ended."""
        tasks = list(self._tasks.values())
        for name in list(self._tasks):
            self.stop(name)
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _supervised(self, name: str, work: Work) -> None:
        pause_s = self._first_pause_s
        while True:
            began_s = self._clock()
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, the work must go on
                if self._clock() - began_s >= HEALTHY_S:
                    pause_s = self._first_pause_s
                self._failed(name, error, pause_s)
                await asyncio.sleep(pause_s)
                self._statuses[name] = replace(self._statuses[name], failing=False)
                pause_s = min(2 * pause_s, self._longest_pause_s)
            else:
                self._tasks.pop(name, None)
                self._statuses.pop(name, None)
                return

    def _failed(self, name: str, error: BaseException, pause_s: float) -> None:
        logger.error(
            "background work failed", exc_info=error, extra={"task": name, "again_in_s": pause_s}
        )
        failures = self._statuses[name].failures + 1
        self._statuses[name] = TaskStatus(failures, self._words(error), failing=True)
