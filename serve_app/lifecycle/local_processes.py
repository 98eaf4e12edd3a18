"""Trials in processes of this machine: one that dies takes no other along."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from serve_app.errors import ConfigError
from serve_app.lifecycle.executor import TrialOutcome, TrialRequest, outcome_of
from serve_app.lifecycle.fold_data import FoldPlace, load_fold_data

_POLL_S = 0.2
_NICENESS = 10
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    connection: Connection
    ready: bool = False
    request: TrialRequest | None = None
    ends_s: float = 0.0


class LocalProcesses:
    """So many processes, each of which reads the data once and then computes trials."""

    def __init__(self, place: FoldPlace, workers: int) -> None:
        """Take where the data lies; processes start with the first trial."""
        self._place = place
        self._count = workers
        self._workers: list[_Worker] = []
        self._context = multiprocessing.get_context("spawn")

    def run(
        self, requests: Sequence[TrialRequest], timeout_s: float, stop: Callable[[], bool]
    ) -> Iterator[TrialOutcome]:
        """The outcomes as they come; a process that dies or takes too long is replaced.

        Raises:
            ConfigError: a process cannot read the data.
        """
        waiting = deque(requests)
        while waiting or any(worker.request for worker in self._workers):
            if stop():
                self.close()
                return
            self._fill(min(self._count, len(waiting) + len(self._workers)))
            for worker in self._workers:
                if worker.ready and worker.request is None and waiting:
                    self._give(worker, waiting.popleft(), timeout_s)
            yield from self._outcomes(timeout_s)

    def close(self) -> None:
        """Kill all processes."""
        for worker in self._workers:
            _end(worker)
        self._workers = []

    def _fill(self, wanted: int) -> None:
        while len(self._workers) < wanted:
            ours, theirs = self._context.Pipe()
            process = self._context.Process(
                target=_compute, args=(theirs, self._place, os.getpid()), daemon=True
            )
            process.start()
            theirs.close()
            self._workers.append(_Worker(process, ours))

    def _give(self, worker: _Worker, request: TrialRequest, timeout_s: float) -> None:
        worker.request = request
        worker.ends_s = time.monotonic() + timeout_s
        with suppress(OSError):
            # One that died meanwhile is seen where its answer is read.
            worker.connection.send(request)

    def _outcomes(self, timeout_s: float) -> Iterator[TrialOutcome]:
        wait([worker.connection for worker in self._workers], timeout=_POLL_S)
        for worker in list(self._workers):
            outcome = self._outcome(worker, timeout_s)
            if outcome is not None:
                yield outcome

    def _outcome(self, worker: _Worker, timeout_s: float) -> TrialOutcome | None:
        request = worker.request
        try:
            if worker.connection.poll():
                answer = worker.connection.recv()
                return self._answered(worker, answer)
        except (EOFError, OSError):
            return self._lost(worker)
        if request is not None and time.monotonic() > worker.ends_s:
            self._replace(worker)
            error = f"it took longer than search.trial_timeout_s, {timeout_s:g} s, and was ended"
            return TrialOutcome(request.number, seconds=timeout_s, error=error)
        return None

    def _answered(self, worker: _Worker, answer: Any) -> TrialOutcome | None:
        if isinstance(answer, TrialOutcome):
            worker.request = None
            return answer
        if answer is not None:
            raise ConfigError(f"a process of the search cannot read the run's data: {answer}")
        worker.ready = True
        return None

    def _lost(self, worker: _Worker) -> TrialOutcome | None:
        """What became of the trial whose process died."""
        self._replace(worker)
        code = worker.process.exitcode
        why = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
        hint = "; perhaps the machine was out of memory" if code == -signal.SIGKILL else ""
        if worker.request is None:
            raise ConfigError(f"a process of the search ended before its first trial: {why}{hint}")
        error = f"its process ended by {why}{hint}"
        return TrialOutcome(worker.request.number, error=error)

    def _replace(self, worker: _Worker) -> None:
        _end(worker)
        self._workers.remove(worker)


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.join(10.0)
    worker.connection.close()


def _compute(connection: Connection, place: FoldPlace, parent: int) -> None:
    """The life of a process: read the data, say so, and answer trials until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What libraries print belongs beside our own words, and never into a document.
    os.dup2(2, 1)
    for name in _THREADS:
        os.environ[name] = "1"
    with suppress(OSError):
        # What is served to people goes first.
        os.nice(_NICENESS)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        data = load_fold_data(place)
    except Exception:  # noqa: BLE001 - whatever it is, who started the process says it
        connection.send(traceback.format_exc())
        return
    with suppress(EOFError, OSError):
        connection.send(None)
        while True:
            connection.send(outcome_of(connection.recv(), data))


def _end_with(parent: int) -> None:
    """End this process once the one that started it is gone, however it ended."""
    process = multiprocessing.parent_process()
    if process is not None and process.pid == parent:
        process.join()
    os._exit(1)
