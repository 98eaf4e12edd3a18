"""Holds the library against whoever walked the trees before: the same bits, or it stays away."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from serve_app.core.columns import Array
from serve_app.models.native.nodes import Ensemble

SEED = 11
MOST_ROWS, LEAST_ROWS = 2_048, 64
CELLS = 400_000
"""Pairs of a row and a tree that are compared, about: tens of milliseconds when loading."""
NUMBERS = 4_000_000
"""How many numbers the rows may be made of, where they are wide."""
ONE_BY_ONE = 8
_ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45)

Computes = Callable[[Array], Array]


def same_bits(known: Computes, other: Computes, trees: Ensemble) -> bool:
    """Whether both compute the same bits of rows at, below and above thresholds, and of gaps."""
    rows = probes(trees)
    few = min(ONE_BY_ONE, len(rows))
    return _equal(known(rows), other(rows)) and all(
        _equal(known(rows[at : at + 1]), other(rows[at : at + 1])) for at in range(few)
    )


def probes(trees: Ensemble) -> Array:
    """Rows whose numbers are thresholds of their columns, neighbours of these, gaps or odd ones.

    Where columns hold codes of categories, these are known and unknown ones.

    Shape (rows, columns), in the dtype of the thresholds.
    """
    rng = np.random.default_rng(SEED)
    count = min(MOST_ROWS, CELLS // len(trees.root), NUMBERS // max(1, trees.columns))
    count = max(LEAST_ROWS, count)
    dtype = trees.threshold.dtype
    rows = rng.normal(size=(count, trees.columns)).astype(dtype)
    inner = ~trees.leaves & (trees.feature >= 0) & (trees.feature < trees.columns)
    order = np.argsort(trees.feature[inner], kind="stable")
    features, thresholds = trees.feature[inner][order], trees.threshold[inner][order]
    features_used, begins = np.unique(features, return_index=True)
    own_thresholds = np.split(thresholds, begins)[1:]
    for feature, own in zip(features_used, own_thresholds, strict=True):
        rows[:, feature] = _beside(rng.choice(own, count), rng)
    if trees.sets is not None:
        for feature in np.unique(trees.sets.feature):
            rows[:, feature] = _codes(trees.sets.inside.shape[1], count, rng)
    return rows


def _codes(known: int, count: int, rng: np.random.Generator) -> Array:
    """Codes of categories, unknown ones, fractions between them, and now and then gaps."""
    codes = rng.integers(-1, known + 2, count) + rng.choice([0.0, 0.5], count, p=[0.9, 0.1])
    chosen: Array = np.where(rng.random(count) < 0.1, rng.choice(np.array(_ODD), count), codes)
    return chosen


def _beside(thresholds: Array, rng: np.random.Generator) -> Array:
    """Each of the numbers, or one of its neighbours, or now and then another."""
    count = len(thresholds)
    way = rng.choice([-np.inf, np.inf], count).astype(thresholds.dtype)
    beside = np.where(rng.random(count) < 0.6, np.nextafter(thresholds, way), thresholds)
    odd = rng.choice(np.array(_ODD, thresholds.dtype), count)
    chosen: Array = np.where(rng.random(count) < 0.1, odd, beside)
    return chosen


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
