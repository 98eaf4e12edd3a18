"""Decision trees without ONNX Runtime: NumPy walks all rows and trees, level by level.

Comparisons are exact in any library. Sums are those of ONNX Runtime in one thread: float32, tree
after tree. It is for machines that ONNX Runtime is not built for, and slower than it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation, in_turns
from serve_app.models.compiled.trees import in_order

CELLS = 100_000
"""How many pairs of a row and a tree are walked at once: as many as stay near the processor."""


@dataclass(frozen=True, eq=False)
class WalkedTrees(Operation):
    """What the leaves hold that each row falls into: tree by tree, or added up.

    The arrays have an entry per node of all trees. A row goes left where its value of `features`
    is at most `thresholds` (below it, where `below` says so), or is NaN and `gaps_left` says so.
    A leaf's `left` and `right` are itself. `roots` and `depths` have an entry per tree, and
    `outputs` says to which output each adds its `values`.
    """

    features: Array
    thresholds: Array
    left: Array
    right: Array
    gaps_left: Array
    values: Array
    roots: Array
    depths: Array
    outputs: Array
    below: bool
    dtype: str

    @cached_property
    def _order(self) -> Array:
        """The trees, the deepest first, so that those that still go on stand together."""
        order: Array = np.argsort(-self.depths, kind="stable")
        return order

    @cached_property
    def _places(self) -> Array:
        """Where each tree stands in that order."""
        places: Array = np.argsort(self._order, kind="stable")
        return places

    @cached_property
    def _going(self) -> list[int]:
        """How many trees have a question on each level."""
        return [int((self.depths > level).sum()) for level in range(int(self.depths.max()))]

    @cached_property
    def _children(self) -> Array:
        """Right and left of each node by turns, as one array."""
        return np.column_stack([self.right, self.left]).reshape(-1)

    @cached_property
    def _members(self) -> list[Array]:
        """The trees of each output, in the order in which they are added."""
        return [np.flatnonzero(self.outputs == j) for j in range(int(self.outputs.max()) + 1)]

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs), float32."""
        given = np.ascontiguousarray(x, dtype=self.dtype)
        return in_turns(self._walked, given, max(1, CELLS // len(self.roots)))

    def _walked(self, x: Array) -> Array:
        rows, width = x.shape
        at = np.repeat(self.roots[self._order][:, np.newaxis], rows, axis=1)
        flat, starts = x.reshape(-1), np.arange(rows) * width
        gaps = bool(np.isnan(flat).any())
        compare = np.less if self.below else np.less_equal
        for going in self._going:
            nodes = at[:going]
            values = flat.take(self.features.take(nodes) + starts)
            goes_left = compare(values, self.thresholds.take(nodes))
            if gaps:
                goes_left |= np.isnan(values) & self.gaps_left.take(nodes)
            at[:going] = self._children.take(2 * nodes + goes_left)
        return self._added(self.values.take(at)[self._places])

    def _added(self, terms: Array) -> Array:
        """What each output's trees say, of shape (trees, rows), added in their order."""
        if all(len(members) == 1 for members in self._members):
            alone = terms[np.concatenate(self._members)]
        else:
            sums = [in_order(terms[members][:, :, np.newaxis]) for members in self._members]
            alone = np.concatenate(sums, axis=1).T
        # Sums begin at zero, which tells from a sum of negative zeros.
        return np.ascontiguousarray((alone + np.float32(0)).T)
