"""AUC from scores in bins, or from scores themselves, with DeLong's variance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from serve_app.monitoring.quality.interval import (
    LEVEL,
    MetricValue,
    around,
    undefined,
    wilson,
)

_Floats = npt.NDArray[np.float64]


def auc(positives: _Floats, negatives: _Floats, level: float = LEVEL) -> MetricValue:
    """AUC from the number of positives and negatives in each bin, in the order of the scores.

    A pair in one bin counts one half, so this is exact for scores of which each has a bin of its
    own. The interval is DeLong's (Biometrics 44, 1988); where no pair is in the wrong order, or
    all are, its variance is 0 and Wilson's for the smaller class stands instead.
    """
    p, q = float(positives.sum()), float(negatives.sum())
    n = p + q
    if p <= 0 or q <= 0:
        return undefined("delong")
    below = (np.cumsum(negatives) - negatives / 2) / q
    above = (p - np.cumsum(positives) + positives / 2) / p
    value = min(1.0, max(0.0, float((positives * below).sum()) / p))
    if value in {0.0, 1.0}:
        low, high = wilson(value * min(p, q), min(p, q), level)
        return MetricValue(value, low, high, n, "wilson")
    if p <= 1 or q <= 1:
        return MetricValue(value, None, None, n, "delong")
    of_positives = float((positives * (below - value) ** 2).sum()) / (p - 1)
    of_negatives = float((negatives * (above - value) ** 2).sum()) / (q - 1)
    variance = of_positives / p + of_negatives / q
    return around(value, variance, n, "delong", (0.0, 1.0), level)


def auc_of_scores(
    truth: npt.NDArray[np.bool_], scores: _Floats, level: float = LEVEL
) -> MetricValue:
    """AUC of scores themselves, with DeLong's interval; `truth` marks the positives."""
    _, ranks = np.unique(scores, return_inverse=True)
    size = int(ranks.max()) + 1 if len(ranks) else 0
    positives = np.bincount(ranks[truth], minlength=size).astype(np.float64)
    negatives = np.bincount(ranks[~truth], minlength=size).astype(np.float64)
    return auc(positives, negatives, level)


def macro_auc(parts: list[MetricValue]) -> MetricValue:
    """The mean of the AUC of each class against all others, over those that have one.

    Bins say nothing of how the classes vary together, so the interval is that of classes that
    vary as one: as wide as it can be.
    """
    known = [part for part in parts if part.value is not None]
    if not known:
        return undefined("delong")
    value = float(np.mean([part.value for part in known if part.value is not None]))
    lows = [part.low for part in known if part.low is not None]
    highs = [part.high for part in known if part.high is not None]
    n = max(part.n for part in known)
    if len(lows) < len(known) or len(highs) < len(known):
        return MetricValue(value, None, None, n, "delong")
    return MetricValue(value, float(np.mean(lows)), float(np.mean(highs)), n, "delong")
