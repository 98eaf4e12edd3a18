"""Lets several threads compute one large batch, each a block of its rows.

Threads inside of libraries would share a row's trees or a sum's terms between them, and then add
in another order. A block of rows is computed as if it had come alone, so that every answer has
the bits that it has with one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

from serve_app.core.columns import Columns
from serve_app.core.ports import Clock, Model, Task
from serve_app.core.waiting import T
from serve_app.tasks.as_model import AsModel

WORTH_S = 0.002
"""Less computation than this costs more to share, and to put together again, than it saves."""
ALIGNED_ROWS = 128
"""Blocks have a multiple of so many rows, so that vector instructions, and libraries that compute
in blocks of their own (XGBoost 64 rows, CatBoost 128), meet the same rows as in the whole."""


class RowBlocks(AsModel):
    """Implements the `Servable` port with a model that computes row by row, in `threads` threads.

    What a row costs is measured on the way, and only a batch that takes longer than `WORTH_S`
    is shared. One of the threads is the caller's.
    """

    def __init__(self, model: Model, threads: int, clock: Clock = time.perf_counter) -> None:
        self._model = model
        self._threads = threads
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix="rows")
        self._row_s: float | None = None

    def ask(self, task: Task[T], columns: Columns) -> T:
        """Compute a task for every row; raises as the model does."""
        return self._computed(partial(task.compute, self._model), columns, task.join)

    def _computed(
        self,
        compute: Callable[[Columns], T],
        columns: Columns,
        together: Callable[[Sequence[T]], T],
    ) -> T:
        rows = columns.rows
        if rows < 2 * ALIGNED_ROWS:
            return compute(columns)
        if self._row_s is None or rows * self._row_s < WORTH_S:
            return self._timed(compute, columns)
        first, *others = _blocks(columns, self._threads)
        futures = [self._pool.submit(compute, block) for block in others]
        try:
            parts = [self._timed(compute, first)]
            parts.extend(one.result() for one in futures)
        except Exception:  # noqa: BLE001 - whatever it is, the whole batch raises it again
            # Its message may count rows, or speak of all that are wrong: that of the whole counts.
            for one in futures:
                one.exception()
            return compute(columns)
        return together(parts)

    def _timed(self, compute: Callable[[Columns], T], columns: Columns) -> T:
        started = self._clock()
        done = compute(columns)
        row_s = (self._clock() - started) / columns.rows
        # The least seen: others that want the processor make a row look dearer than it is.
        self._row_s = row_s if self._row_s is None else min(row_s, self._row_s)
        return done


def in_threads(model: Model, threads: int) -> Model:
    """A model that shares large batches between threads, if it computes row by row.

    Models say so themselves, by `row_by_row`: that a row's answer has the same bits whatever rows
    are beside it, and that several threads may ask at once.
    """
    if threads < 2 or not getattr(model, "row_by_row", False):
        return model
    return RowBlocks(model, threads)


def _blocks(columns: Columns, count: int) -> list[Columns]:
    """About equal blocks of rows, at most so many; only the last may have an odd length."""
    count = min(count, columns.rows // ALIGNED_ROWS)
    starts = [columns.rows * at // count // ALIGNED_ROWS * ALIGNED_ROWS for at in range(count)]
    return [columns.slice(start, stop) for start, stop in pairwise((*starts, columns.rows))]
