"""Which features matter, and whether that is another order than it was.

Global importance is the mean size of a feature's contributions. Two orders of features are
compared as SageMaker Clarify and Vertex AI do, by the normalised discounted cumulative gain
(Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002): how much of
the importance that stood at the top then stands there now. 1 is the same order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Array
from serve_app.core.explanation import Explanation

THRESHOLD = 0.9
MINIMUM_ROWS = 100


@dataclass(frozen=True, slots=True)
class AttributionSettings:
    """When features count as having changed places: below `threshold`, of enough rows."""

    threshold: float = THRESHOLD
    minimum_rows: int = MINIMUM_ROWS


@dataclass(frozen=True, slots=True)
class Importances:
    """The mean size of each feature's contributions to the answers of so many rows."""

    by_feature: Mapping[str, float]
    rows: int

    def merged(self, other: Importances) -> Importances:
        """The importances of both rows together; features of one alone count 0 in the other."""
        rows = self.rows + other.rows
        names = [*self.by_feature, *(name for name in other.by_feature
                                     if name not in self.by_feature)]  # fmt: skip
        sums = {
            name: self.by_feature.get(name, 0.0) * self.rows
            + other.by_feature.get(name, 0.0) * other.rows
            for name in names
        }
        return Importances({name: sums[name] / rows if rows else 0.0 for name in names}, rows)


@dataclass(frozen=True, slots=True)
class AttributionDrift:
    """How the order of importances now stands to that of a reference.

    `ndcg` and `rank_correlation` (Spearman's) are None where they cannot be told; `drifted` is
    None where it was not judged, and `reason` says in words why not.
    """

    drifted: bool | None
    ndcg: float | None = None
    rank_correlation: float | None = None
    rows: int = 0
    reason: str | None = None


def importances_of(explanation: Explanation) -> Importances:
    """The global importances of some explained rows, over all their outputs alike."""
    sizes = np.abs(explanation.contributions)
    means = sizes.mean(axis=(0, 2)) if explanation.rows else np.zeros(len(explanation.features))
    pairs = zip(explanation.features, means.tolist(), strict=True)
    return Importances(dict(pairs), explanation.rows)


def attribution_drift(
    now: Importances, reference: Importances, settings: AttributionSettings | None = None
) -> AttributionDrift:
    """Judge whether features matter in another order than in a reference."""
    settings = settings or AttributionSettings()
    rows = now.rows
    fewest = min(rows, reference.rows)
    if fewest < settings.minimum_rows:
        whose = "now" if rows <= reference.rows else "in the reference"
        reason = f"too few explained rows {whose}: {fewest} of {settings.minimum_rows}"
        return AttributionDrift(None, rows=rows, reason=reason)
    names = sorted(reference.by_feature)
    if set(names) != set(now.by_feature):
        reason = "rows are explained by other features than those of the reference"
        return AttributionDrift(None, rows=rows, reason=reason)
    if len(names) < 2:
        reason = "there is one feature alone, which has no order"
        return AttributionDrift(None, rows=rows, reason=reason)
    then = np.array([reference.by_feature[name] for name in names])
    current = np.array([now.by_feature[name] for name in names])
    gain = ndcg(then, current)
    correlation = rank_correlation(then, current)
    if gain is None:
        reason = "no feature contributed anything in the reference"
        return AttributionDrift(None, None, correlation, rows, reason)
    return AttributionDrift(gain < settings.threshold, gain, correlation, rows)


def ndcg(relevance: Array, scores: Array) -> float | None:
    """How much of the relevance stands at the top, in the order of scores; 1 is all it can be.

    Where scores are equal it is the mean over all their orders (McSherry and Najork, "Computing
    information retrieval performance measures efficiently in the presence of tied scores", 2008).
    None where nothing is relevant.
    """
    best = _gain(np.asarray(relevance, float), np.asarray(relevance, float))
    if not best > 0 or not math.isfinite(best):
        return None
    return _gain(np.asarray(relevance, float), np.asarray(scores, float)) / best


def rank_correlation(one: Array, other: Array) -> float | None:
    """Spearman's rank correlation, equal values by their mean rank; None where one is constant."""
    first, second = _ranks(np.asarray(one, float)), _ranks(np.asarray(other, float))
    first, second = first - first.mean(), second - second.mean()
    size = math.sqrt(float(first @ first) * float(second @ second))
    return None if size == 0 else float(first @ second) / size


def _gain(relevance: NDArray[np.float64], scores: NDArray[np.float64]) -> float:
    discounts = 1.0 / np.log2(np.arange(len(scores)) + 2.0)
    _, groups, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    means = np.bincount(groups, weights=relevance) / counts
    ends = np.cumsum(counts)
    cumulated = np.concatenate([[0.0], np.cumsum(discounts)])
    return float(means @ (cumulated[ends] - cumulated[ends - counts]))


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    _, groups, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: NDArray[np.float64] = (ends - (counts - 1) / 2.0)[groups]
    return ranks
