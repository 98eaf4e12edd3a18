"""Decision trees: ONNX Runtime finds the leaves, NumPy adds what stands in them if need be.

Which leaf a row falls into is a matter of comparisons, which are exact. Sums are not: the
library's own order of additions is kept, in its own precision, so that the result is the same
to the last bit and no tie is broken the other way. Sums in float32 (XGBoost's) are left to ONNX
Runtime, which adds tree after tree as long as it computes in one thread; it has none in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation, in_turns

CELLS = 2_000_000
"""How many leaves are looked up at once; more rows take several turns."""
ROWS = 1_000
"""How many rows find out at once which sets they are in, so that they stay in the cache."""


def session(graph: bytes, providers: Sequence[str] = ("CPUExecutionProvider",)) -> Any:
    """An ONNX Runtime session that computes in the thread that asks it."""
    # Versions without trees need none, and machines that serve only such may have none.
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options, providers=list(providers))


@dataclass(frozen=True, eq=False)
class Trees(Operation):
    """What the leaves hold that each row falls into: tree by tree, or added up.

    `graph` is an ONNX graph that takes `dtype`, with an output per tree or per sum of trees.
    """

    graph: Array
    dtype: str

    @cached_property
    def _run(self) -> Any:
        return session(self.graph.tobytes()).run

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs of the graph), float32."""
        given = np.ascontiguousarray(x, dtype=self.dtype)
        leaves: Array = self._run(None, {"x": given})[0]
        return leaves


@dataclass(frozen=True, eq=False)
class Leaves(Operation):
    """What stands in the leaves of which `trees` (`Trees`, or `WalkedTrees`) gives the numbers.

    `values` holds one row per leaf of all trees; `starts` says where each tree's begin. They
    are codes to be multiplied by `scale` where that is not 1.
    """

    trees: Operation
    starts: Array
    values: Array
    scale: float = 1.0

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, trees, outputs)."""
        numbers: Array = self.trees(x).astype(np.intp)
        numbers += self.starts
        values: Array = self.values.take(numbers, axis=0)
        return values if self.scale == 1.0 else values * self.scale


def in_order(terms: Array) -> Array:
    """The sum along the first axis of shape (terms, rows, outputs), one after the other.

    Along the first axis NumPy adds so by itself, except where the other axes are of length 1:
    there it sees a plain vector and adds in pairs.
    """
    if terms[0].size == 1:
        last: Array = np.add.accumulate(terms, axis=0)[-1]
        return last
    total: Array = np.add.reduce(terms, axis=0)
    return total


@dataclass(frozen=True, eq=False)
class SumOfTrees(Operation):
    """Adds what the trees say, one after the other, from `start` on; then divides.

    Each output has its own trees where `groups` says which (shape (outputs, trees of each)).
    """

    leaves: Leaves
    start: Array
    divisor: float | None = None
    groups: Array | None = None

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs), in the dtype of `start`."""
        step = max(1, CELLS // max(1, len(self.leaves.starts) * self.start.size))
        return in_turns(self._summed, x, step)

    def _summed(self, x: Array) -> Array:
        values = self.leaves(x)
        start = self.start
        if values.shape[0] == 1 and values.ndim == 2 and self.groups is None:
            # A single row of single numbers: nothing to turn.
            line = np.concatenate([start, values[0]], dtype=start.dtype, casting="same_kind")
            only: Array = np.add.accumulate(line)[-1:].reshape(1, 1)
            return only if self.divisor is None else only / self.divisor
        if self.groups is not None:
            values = values[:, self.groups].transpose(0, 2, 1)
        elif values.ndim == 2:
            values = values[:, :, np.newaxis]
        terms = np.empty((values.shape[1] + 1, values.shape[0], start.size), dtype=start.dtype)
        terms[0] = start
        terms[1:] = values.transpose(1, 0, 2)
        total = in_order(terms)
        return total if self.divisor is None else total / self.divisor


@dataclass(frozen=True, eq=False)
class Membership(Operation):
    """Columns of zeros and ones beside the numbers: whether a code is in a set of codes.

    So a split by category becomes a comparison like every other. `sets` has one row per new
    column and one entry per code; gaps stay NaN, and a code that no set speaks of is in none.
    """

    positions: Array
    sets: Array

    @cached_property
    def _features(self) -> Array:
        """The columns of codes, each once."""
        return np.unique(self.positions)

    @cached_property
    def _answers(self) -> tuple[Array, ...]:
        """For each of those columns, what all its sets say of a code: a row per code.

        The last two rows are of codes that no set speaks of, and of gaps.
        """
        precision = np.result_type(self.sets.dtype, np.float32)
        answers = []
        for feature in self._features:
            inside = self.sets[self.positions == feature].T
            rest = np.repeat([[0.0], [np.nan]], inside.shape[1], axis=1)
            answers.append(np.concatenate([inside, rest]).astype(precision))
        return tuple(answers)

    @cached_property
    def _place(self) -> Array | None:
        """Where each set stands in `_answers`; None where all stand there in their order."""
        by_feature = np.argsort(self.positions, kind="stable")
        place = np.argsort(by_feature)
        return None if (place == np.arange(len(place))).all() else place

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, columns + sets)."""
        wider = np.empty((len(x), x.shape[1] + len(self.positions)), x.dtype)
        for start in range(0, len(x), ROWS):
            rows = slice(start, start + ROWS)
            self._fill(wider[rows], x[rows])
        return wider

    def _fill(self, wider: Array, x: Array) -> None:
        columns, codes = x.shape[1], self.sets.shape[1]
        code = x[:, self._features]
        known = (code >= 0) & (code < codes)
        row = np.where(known, code, codes + np.isnan(code)).astype(np.intp)
        wider[:, :columns] = x
        grouped = wider[:, columns:] if self._place is None else np.empty_like(wider[:, columns:])
        end = 0
        for at, answers in enumerate(self._answers):
            begin, end = end, end + answers.shape[1]
            grouped[:, begin:end] = answers.take(row[:, at], axis=0)
        if self._place is not None:
            wider[:, columns:] = grouped.take(self._place, axis=1)
