"""Bins pooled to cells that hold enough rows for a statistic to mean something."""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.intp]
"""The number of the cell that each bin belongs to."""


def neighbours(masses: NDArray[np.float64], minimum: float) -> Cells:
    """Pool bins that have an order: each with those after it until the cell holds enough.

    What is left at the end joins the last cell.
    """
    cells = np.zeros(len(masses), dtype=np.intp)
    cell, held = 0, 0.0
    for place, mass in enumerate(masses):
        cells[place] = cell
        held += mass
        if held >= minimum:
            cell, held = cell + 1, 0.0
    if held < minimum and cell > 0:
        cells[cells == cell] = cell - 1
    return cells


def rare(masses: NDArray[np.float64], minimum: float, *, alone: bool) -> Cells:
    """Pool all bins without an order that hold too little into one cell, the last.

    Where all of them together hold too little as well, the smallest of the others joins them,
    unless they may stay `alone`.
    """
    large = masses >= minimum
    if not alone and large.any() and 0 < masses[~large].sum() < minimum:
        large[np.argmin(np.where(large, masses, np.inf))] = False
    if not alone and masses[~large].sum() == 0:
        # Nobody ever fell into them: their cell would hold nothing, so they go with any other.
        return np.where(large, np.cumsum(large) - 1, 0)
    return np.where(large, np.cumsum(large) - 1, large.sum())


def pooled(counts: NDArray[np.float64], cells: Cells) -> NDArray[np.float64]:
    """The rows of each cell."""
    sums = np.bincount(cells, weights=counts, minlength=int(cells.max()) + 1)
    return sums.astype(np.float64)


@lru_cache(maxsize=8192)
def reference_cells(counts: tuple[int, ...], rows_per_bin: int, *, ordered: bool) -> Cells:
    """The cells by which a feature is judged, each of at least so many rows of the reference.

    Rare categories may stay below that together: as one cell they are one term of a distance.
    """
    masses = np.asarray(counts, dtype=np.float64)
    pool = neighbours if ordered else partial(rare, alone=True)
    cells = pool(masses, rows_per_bin)
    cells.setflags(write=False)
    return cells
