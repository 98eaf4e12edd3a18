"""Trials of a search as tasks of Ray: the data is handed to the cluster once, and shared."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, cast

import ray
from ray.exceptions import RayError, RayTaskError

from serve_app.engine.room import Share
from serve_app.lifecycle.executor import TrialOutcome, TrialRequest, outcome_of
from serve_app.models.training.trial import FoldData
from serve_app.serving.messages import cause
from serve_app.serving.offline.connection import ONE_THREAD, own_modules_path

NICENESS = 10
_POLL_S = 0.2


class TrialTasks:
    """Computes trials, at most so many at once, each a task with its share of a node.

    Ray repeats no task: one whose process dies has failed, as in processes of this machine.
    """

    def __init__(self, data: FoldData, share: Share, at_once: int) -> None:
        """Hand the data to the cluster; it stays there until this process leaves it."""
        self._data = ray.put(data)
        options: dict[str, Any] = {
            "num_cpus": share.num_cpus,
            "max_retries": 0,
            "runtime_env": {"env_vars": {**ONE_THREAD, **own_modules_path()}},
        }
        if share.memory_bytes is not None:
            options["memory"] = share.memory_bytes
        self._computed = ray.remote(**options)(computed)
        self._at_once = at_once
        self._running: dict[Any, tuple[TrialRequest, float]] = {}

    def run(
        self, requests: Sequence[TrialRequest], timeout_s: float, stop: Callable[[], bool]
    ) -> Iterator[TrialOutcome]:
        """The outcomes as they come; a task that takes longer than `timeout_s` is ended.

        Time in Ray's queue counts, too: a trial for which there is never room fails in the end.
        """
        waiting = deque(requests)
        while waiting or self._running:
            if stop():
                self.close()
                return
            while waiting and len(self._running) < self._at_once:
                request = waiting.popleft()
                task = self._computed.remote(request, self._data)
                self._running[task] = (request, time.monotonic() + timeout_s)
            ready, _ = ray.wait(list(self._running), num_returns=1, timeout=_POLL_S)
            for task in ready:
                yield _outcome(self._running.pop(task)[0], task)
            yield from self._late(timeout_s)

    def close(self) -> None:
        """Kill what still runs."""
        for task in self._running:
            _kill(task)
        self._running = {}

    def _late(self, timeout_s: float) -> Iterator[TrialOutcome]:
        now_s = time.monotonic()
        late = [task for task, (_, ends_s) in self._running.items() if now_s > ends_s]
        for task in late:
            request = self._running.pop(task)[0]
            _kill(task)
            error = f"it took longer than search.trial_timeout_s, {timeout_s:g} s, and was ended"
            yield TrialOutcome(request.number, seconds=timeout_s, error=error)


def computed(request: TrialRequest, data: FoldData) -> TrialOutcome:
    """Compute a trial where Ray puts it, behind what is served there."""
    # A process computes one trial after the other, and may not become less nice.
    with suppress(OSError):
        os.nice(max(0, NICENESS - os.nice(0)))
    return outcome_of(request, data)


def _outcome(request: TrialRequest, task: Any) -> TrialOutcome:
    try:
        return cast("TrialOutcome", ray.get(task))
    except RayTaskError as error:
        return TrialOutcome(request.number, error=str(error))
    except RayError as error:
        return TrialOutcome(request.number, error=f"its process ended: {cause(str(error))}")


def _kill(task: Any) -> None:
    with suppress(RayError):
        ray.cancel(task, force=True)
