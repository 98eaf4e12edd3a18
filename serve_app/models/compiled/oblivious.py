"""Trees that ask the same question of all nodes of a level (CatBoost's): leaves by arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation, in_turns
from serve_app.models.compiled.trees import in_order

CELLS = 200_000
"""How many leaves are looked up at once: as many as stay near the processor."""


@dataclass(frozen=True, eq=False)
class Oblivious(Operation):
    """Adds what stands in the leaves of oblivious trees, one after the other.

    A question is whether the value of `features` is above `borders`, in float32; of a gap the
    answer is no. `questions` says which one each tree asks at each level (shape (levels, trees);
    the first decides by 1, the next by 2, and so on; -1 for none). `starts` says where each
    tree's rows of `values` (shape (leaves of all trees, outputs)) begin. Sums are multiplied by
    `scale`, and `bias` is added.
    """

    features: Array
    borders: Array
    questions: Array
    starts: Array
    values: Array
    scale: float
    bias: Array

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs), float64."""
        cells = max(1, len(self.starts)) * self.bias.size
        return in_turns(self._summed, x, max(1, CELLS // cells))

    def _summed(self, x: Array) -> Array:
        # A question per row of this array, the last of them that of no question: levels then
        # pick whole rows, of numbers as small as leaves of one tree can be counted with.
        small = np.uint8 if len(self.questions) <= 8 else np.uint16
        above = np.zeros((len(self.features) + 1, x.shape[0]), dtype=small)
        np.greater(x.T[self.features], self.borders[:, np.newaxis], out=above[:-1])
        places = np.zeros((len(self.starts), x.shape[0]), dtype=small)
        for level, question in enumerate(self.questions):
            places += above.take(question, axis=0) << small(level)
        leaves = places + self.starts[:, np.newaxis]
        leaf_values = self.values.take(leaves, axis=0)
        return in_order(leaf_values) * self.scale + self.bias
