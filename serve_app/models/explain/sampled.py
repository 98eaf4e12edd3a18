"""Shapley values of any model, estimated by walks from rows of training to the row.

Along a walk one feature after the other takes the value of the row, in a random order, and what
the output changes at each step is that feature's part. The parts of a walk add up to the whole
difference, and so do their means over all walks, whatever was drawn. Each order is walked
backwards too, which halves the error (Castro, Gomez and Tejada, "Polynomial calculation of the
Shapley value based on sampling", 2009; Mitchell et al., "Sampling permutations for Shapley value
estimation", JMLR 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.attributed import Attributed

MOST_STARTS = 64
FEWEST_STARTS = 4
ROWS_PER_ROW = 1024
"""About so many rows the model answers, at most, to explain one."""
_SEED = 2009

Computes = Callable[[Columns], Array]
"""The outputs of rows, of shape (rows, outputs)."""


def starts_for(features: int) -> int:
    """From how many rows walks begin, so that one explained row costs no more than it may."""
    steps = max(1, features - 1)
    return min(MOST_STARTS, max(FEWEST_STARTS, ROWS_PER_ROW // (2 * steps)))


class Walks:
    """Explains rows of a function by walks that begin at the rows of a background.

    Orders are drawn once: one and the same row is always explained alike.
    """

    def __init__(self, compute: Computes, background: Columns) -> None:
        self._compute = compute
        self._names = background.names
        features, starts = len(self._names), background.rows
        random = np.random.default_rng(_SEED)
        orders = np.array([random.permutation(features) for _ in range(starts)])
        orders = orders.reshape(starts, features)
        self._orders = np.concatenate([orders, orders[:, ::-1]])
        # When, along each walk, each feature changes.
        self._turns = np.argsort(self._orders, axis=1)
        self._walks = 2 * starts
        self._steps = max(0, features - 1)
        begin = np.tile(np.arange(starts), 2)
        self._begin = self._outputs(background)[begin]
        self._from = [array[np.repeat(begin, self._steps)] for array in background.arrays]

    def __call__(self, columns: Columns) -> Attributed:
        """The parts of every row's outputs; raises what the function raises."""
        ends = self._outputs(columns)
        parts = [self._row(columns.slice(at, at + 1), ends[at]) for at in range(columns.rows)]
        base = self._begin.mean(axis=0)
        shape = (columns.rows, len(self._names), ends.shape[1])
        return Attributed(
            np.array(parts).reshape(shape), np.broadcast_to(base, ends.shape).astype(np.float64)
        )

    def _row(self, row: Columns, end: Array) -> Array:
        """The parts of one row, of shape (features, outputs)."""
        width = len(end)
        on_the_way = np.empty((self._walks, 0, width))
        if self._steps:
            on_the_way = self._outputs(self._mixed(row)).reshape(self._walks, self._steps, width)
        ends = np.broadcast_to(end, (self._walks, 1, width))
        path = np.concatenate([self._begin[:, None, :], on_the_way, ends], axis=1)
        changes = np.diff(path, axis=1)
        mine = np.take_along_axis(changes, self._turns[:, :, None], axis=1)
        parts: Array = mine.mean(axis=0)
        return parts

    def _mixed(self, row: Columns) -> Columns:
        """Every row on every walk: of the row so far as the walk has come, else of its start."""
        reached = np.arange(1, self._steps + 1)[None, :]
        arrays: dict[str, Array] = {}
        for place, (name, start) in enumerate(zip(self._names, self._from, strict=True)):
            value = row.arrays[place]
            taken = (self._turns[:, place, None] < reached).reshape(-1)
            dtype = start.dtype
            if value.dtype != dtype:
                numbers = value.dtype.kind in "fiub" and dtype.kind in "fiub"
                dtype = np.result_type(value.dtype, dtype) if numbers else np.dtype(object)
            mixed = start.astype(dtype)
            mixed[taken] = value[0]
            arrays[name] = mixed
        dtypes = {array.dtype for array in arrays.values()}
        if row.block is not None and len(dtypes) == 1:
            return Columns.from_block(self._names, np.column_stack(list(arrays.values())))
        return Columns.of(arrays)

    def _outputs(self, columns: Columns) -> Array:
        return np.asarray(self._compute(columns), dtype=np.float64)
