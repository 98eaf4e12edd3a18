"""How good a model was on the reference, and how much that differs from window to window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.messages import Prediction

Metrics = Callable[[Array, Prediction], Mapping[str, float]]
"""Metrics by name of predictions of some rows, whose truth comes first."""

WINDOW_ROWS = (100, 500, 2_000, 10_000)
WINDOWS = 20


@dataclass(frozen=True, slots=True)
class Baseline:
    """Metrics of windows of so many rows: their means and standard deviations."""

    rows: int
    mean: Mapping[str, float]
    deviation: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The baseline as JSON values."""
        return {"rows": self.rows, "mean": dict(self.mean), "deviation": dict(self.deviation)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Baseline:
        """Read what `to_json` wrote."""
        return cls(body["rows"], body["mean"], body["deviation"])


def baselines(
    truth: Array, prediction: Prediction, metrics: Metrics, seed: int = 0
) -> tuple[Baseline, ...]:
    """The metrics of windows of several sizes, each of rows drawn with replacement.

    Only of sizes that there are rows for. A metric that a window does not define (AUC of one
    class) is of the others. Deterministic for a seed.
    """
    rng = np.random.default_rng(seed)
    made: list[Baseline] = []
    for rows in WINDOW_ROWS:
        if rows > len(truth):
            break
        drawn = [rng.integers(0, len(truth), rows) for _ in range(WINDOWS)]
        scores = [finite(metrics(truth[at], _taken(prediction, at))) for at in drawn]
        names = sorted({name for score in scores for name in score})
        values = {name: [s[name] for s in scores if name in s] for name in names}
        made.append(
            Baseline(
                rows,
                {name: float(np.mean(listed)) for name, listed in values.items()},
                {name: float(np.std(listed)) for name, listed in values.items()},
            )
        )
    return tuple(made)


def finite(scores: Mapping[str, float]) -> dict[str, float]:
    """The metrics that could be computed."""
    return {name: float(value) for name, value in scores.items() if np.isfinite(value)}


def _taken(prediction: Prediction, at: Array) -> Prediction:
    """Some rows of a prediction, as often as they are named."""
    probabilities = prediction.probabilities
    return Prediction(prediction.values[at], None if probabilities is None else probabilities[at])
