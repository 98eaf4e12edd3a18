"""How far probabilities are from the shares that they foretell (ECE)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serve_app.monitoring.quality.interval import LEVEL, MetricValue, undefined
from serve_app.monitoring.quality.score_bins import first_rank_bins

_Floats = npt.NDArray[np.float64]
GROUPS = 10
"""Groups of equal width in which probabilities are compared with shares."""
REPLICATES = 400


def calibration_error(
    positives: _Floats,
    negatives: _Floats,
    scores: _Floats,
    seed: int = 0,
    level: float = LEVEL,
) -> MetricValue:
    """The expected calibration error over ten groups, with a seeded bootstrap's interval.

    Arguments are, for each fine bin of scores, the positives, the negatives and the sum of the
    scores. The error is the mean over all rows of |mean score - share of positives| of their
    group.
    """
    p, q, total = (_grouped(part) for part in (positives, negatives, scores))
    n = float(p.sum() + q.sum())
    if n <= 0:
        return undefined("bootstrap")
    rows = p + q
    means = np.divide(total, rows, out=np.zeros_like(total), where=rows > 0)
    value = float(np.abs(total - p).sum() / n)
    drawn = np.random.default_rng(seed).multinomial(
        round(n), np.concatenate([p, q]) / n, size=REPLICATES
    )
    hits, misses = drawn[:, : len(p)], drawn[:, len(p) :]
    errors = np.abs(means * (hits + misses) - hits).sum(axis=1) / max(1, round(n))
    low, high = np.quantile(errors, [0.5 - level / 2, 0.5 + level / 2])
    # Drawing again adds noise, which this error counts as error: the interval holds the value.
    return MetricValue(value, min(value, float(low)), max(value, float(high)), n, "bootstrap")


def _grouped(bins: _Floats) -> _Floats:
    summed: _Floats = np.add.reduceat(bins, first_rank_bins(GROUPS))
    return summed
