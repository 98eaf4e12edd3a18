"""Trees in the library's hands, as an operation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.compiled.operation import Operation


@dataclass(frozen=True, eq=False)
class NativeForest(Operation, stored=False):
    """Trees that the library walks, with the sums of what their leaves hold.

    `row` computes one row of Python's own numbers, rounded to `dtype`, to `outputs` sums of
    `sum_dtype`; where `exactly` is set it may be asked for numbers of that dtype alone.
    """

    compute: Callable[[Array], Array]
    row: Callable[[Sequence[Any]], Sequence[Any]]
    dtype: np.dtype[Any]
    sum_dtype: np.dtype[Any]
    outputs: int
    exactly: bool = False

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, outputs), in the precision of the operation whose place it takes."""
        return self.compute(x)
