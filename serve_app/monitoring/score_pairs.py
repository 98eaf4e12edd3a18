"""The scores of two models for the same rows, and how far their distributions are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.drift.distances import psi

MOST_PAIRS = 200_000
"""Pairs that are kept; of more than that every second one, evenly over all of them."""
PARTS = 10
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoreDistance:
    """How far the scores of a shadow are from those of the answers, over n pairs.

    `ks` is the largest difference of both cumulative distributions, from 0 to 1, and `psi` the
    population stability index over tenths of the answers' scores. As both sides scored the same
    rows, p-values of two separate samples would not hold, and there are none.
    """

    n: int
    ks: float
    psi: float

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {"n": self.n, "ks": self.ks, "psi": self.psi}


class ScorePairs:
    """Collects scores of both sides, in memory that is bounded."""

    __slots__ = ("_chunks", "_kept", "_offset", "_step")

    def __init__(self) -> None:
        self._chunks: list[Scores] = []
        self._kept, self._step, self._offset = 0, 1, 0

    def add(self, answer: Scores, shadow: Scores) -> None:
        """Take the scores of some rows, of which both sides have one each."""
        pairs = np.stack([answer, shadow])[:, self._offset :: self._step]
        # Where the next row that is kept lies among those of the next call.
        self._offset = (self._offset - len(answer)) % self._step
        if pairs.shape[1]:
            self._chunks.append(pairs)
            self._kept += pairs.shape[1]
        while self._kept > MOST_PAIRS:
            self._halve()

    def join(self, other: ScorePairs) -> None:
        """Take all that another one has, so that both are there in their true proportion."""
        added = other._pairs()[:, :: max(1, self._step // other._step)]
        while self._step < other._step:
            self._halve()
        if added.shape[1]:
            self._chunks.append(added)
            self._kept += added.shape[1]
        while self._kept > MOST_PAIRS:
            self._halve()

    def distance(self) -> ScoreDistance | None:
        """How far both are apart; None where there is no pair."""
        pairs = self._pairs()
        return distance_of(pairs[0], pairs[1]) if pairs.shape[1] else None

    def _pairs(self) -> Scores:
        return np.concatenate(self._chunks, axis=1) if self._chunks else np.zeros((2, 0))

    def _halve(self) -> None:
        kept = self._pairs()
        # Those that come go on with the rhythm of those that are there.
        self._offset += self._step * (kept.shape[1] % 2)
        self._step *= 2
        self._chunks = [kept[:, ::2].copy()]
        self._kept = self._chunks[0].shape[1]


def distance_of(answer: Scores, shadow: Scores) -> ScoreDistance:
    """How far the scores of a shadow are from those of the answers; both have at least one."""
    edges = np.unique(np.quantile(answer, np.arange(1, PARTS) / PARTS))
    counts = [
        np.bincount(np.searchsorted(edges, scores, side="left"), minlength=len(edges) + 1)
        for scores in (answer, shadow)
    ]
    return ScoreDistance(len(answer), _largest_gap(answer, shadow), psi(*counts))


def _largest_gap(answer: Scores, shadow: Scores) -> float:
    """The statistic of Kolmogorov and Smirnov."""
    places = np.concatenate([answer, shadow])
    below = [
        np.searchsorted(np.sort(scores), places, side="right") / len(scores)
        for scores in (answer, shadow)
    ]
    return float(np.abs(below[0] - below[1]).max())
