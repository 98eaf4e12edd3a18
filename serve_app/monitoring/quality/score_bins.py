"""Bins of probabilities: equal ones, and finer ones in which rows can be ranked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
BINS = 100
"""Equal bins, as profiles and gateways count: 0.00 to below 0.01, and so on; the last holds 1."""
EDGES: _Floats = np.arange(1, BINS) / BINS
"""Lower edges of all equal bins but the first."""
CENTRES: _Floats = (np.arange(BINS) + 0.5) / BINS
_STEPS = 200
_PER_DECADE = 32
_TAIL: _Floats = 10.0 ** np.arange(-7, -1, 1 / _PER_DECADE)
RANK_EDGES: _Floats = np.unique(np.concatenate([np.arange(1, _STEPS) / _STEPS, _TAIL, 1 - _TAIL]))
"""Steps of 0.005, and 32 per decade from 0.1 down to 1e-7 near both ends: where positives are
rare, all scores may lie below 0.01, and their order still counts."""
RANK_BINS = len(RANK_EDGES) + 1


def bin_of(scores: _Floats) -> npt.NDArray[np.int64]:
    """The equal bin of each probability; a score on an edge is in the bin above it."""
    return np.searchsorted(EDGES, scores, side="right").astype(np.int64)


def rank_bin_of(scores: _Floats) -> npt.NDArray[np.int64]:
    """The fine bin of each probability."""
    return np.searchsorted(RANK_EDGES, scores, side="right").astype(np.int64)


def first_rank_bins(groups: int) -> npt.NDArray[np.int64]:
    """The first fine bin of each of some groups of equal width, whose number divides 200."""
    return rank_bin_of(np.arange(groups) / groups)
