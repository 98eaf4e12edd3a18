"""How often what a model says with some probability is true, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Array

BINS = 100
EDGES = tuple(place / BINS for place in range(BINS + 1))


@dataclass(frozen=True, slots=True)
class Calibration:
    """For each of 100 equal bins of a probability: its rows, those that were true, and a rate.

    `score` names the probability among the profile's predictions. `rates` never fall from one bin
    to the next: each bin counts one row more, at the probability in its middle, which is what an
    empty bin is left with, and then neighbours are pooled (isotonic regression).
    """

    score: str
    rows: tuple[int, ...]
    positives: tuple[int, ...]
    rates: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """The map as JSON values."""
        return {
            "score": self.score,
            "rows": list(self.rows),
            "positives": list(self.positives),
            "rates": list(self.rates),
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` wrote."""
        return cls(
            body["score"], tuple(body["rows"]), tuple(body["positives"]), tuple(body["rates"])
        )


def calibration(score: str, probabilities: Array, truth: Array) -> Calibration:
    """The calibration of a probability of shape (n,), where `truth` says of which rows it is true.

    Rows whose probability is not in [0, 1] are left out.
    """
    known = (probabilities >= 0) & (probabilities <= 1)
    inside = np.asarray(probabilities[known], dtype=np.float64)
    places = np.minimum(np.searchsorted(EDGES, inside, side="right") - 1, BINS - 1)
    rows = np.bincount(places, minlength=BINS)
    positives = np.bincount(places[np.asarray(truth[known], dtype=bool)], minlength=BINS)
    middles = (np.arange(BINS) + 0.5) / BINS
    rates = isotonic((positives + middles) / (rows + 1), rows + 1.0)
    return Calibration(score, tuple(rows.tolist()), tuple(positives.tolist()), tuple(rates))


def isotonic(values: Array, weights: Array) -> list[float]:
    """The nearest values, by weighted squares, that never fall (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        pool = (value, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            mean = (before[0] * before[1] + pool[0] * pool[1]) / total
            pool = (mean, total, before[2] + pool[2])
        pools.append(pool)
    return [value for value, _, times in pools for _ in range(times)]
