"""Sums of log loss and squared error of probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.monitoring.quality.exact_sum import NOTHING, ExactSum
from serve_app.monitoring.quality.interval import LEVEL, MetricValue
from serve_app.monitoring.quality.mean import mean_of


@dataclass(frozen=True, slots=True)
class LossSums:
    """Of `n` rows: the sums of the log loss and of the Brier score, and of their squares."""

    n: int = 0
    log_loss: ExactSum = NOTHING
    log_loss_squares: ExactSum = NOTHING
    brier: ExactSum = NOTHING
    brier_squares: ExactSum = NOTHING

    def __add__(self, other: LossSums) -> LossSums:
        return LossSums(
            self.n + other.n,
            self.log_loss + other.log_loss,
            self.log_loss_squares + other.log_loss_squares,
            self.brier + other.brier,
            self.brier_squares + other.brier_squares,
        )

    def metrics(self, level: float = LEVEL) -> dict[str, MetricValue]:
        """Mean log loss (natural logarithm) and Brier score."""
        above = (0.0, math.inf)
        return {
            "log_loss": mean_of(self.n, self.log_loss, self.log_loss_squares, above, level),
            "brier": mean_of(self.n, self.brier, self.brier_squares, above, level),
        }

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON; numbers stay exact."""
        return {
            "n": self.n,
            "log_loss": self.log_loss.to_json(),
            "log_loss_squares": self.log_loss_squares.to_json(),
            "brier": self.brier.to_json(),
            "brier_squares": self.brier_squares.to_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> LossSums:
        """Sums as `to_json` wrote them."""
        names = ("log_loss", "log_loss_squares", "brier", "brier_squares")
        sums = [ExactSum.from_json(content[name]) for name in names]
        return cls(int(content["n"]), *sums)
