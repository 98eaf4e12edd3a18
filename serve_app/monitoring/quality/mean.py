"""Means from sums, and rewards, of which nothing but the mean is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.monitoring.quality.exact_sum import NOTHING, ExactSum
from serve_app.monitoring.quality.interval import LEVEL, MetricValue, around, undefined

LARGEST = 1e70
"""Values beyond it are left out, and counted: their fourth powers are no numbers."""


def mean_of(
    n: int,
    total: ExactSum,
    squares: ExactSum,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = LEVEL,
) -> MetricValue:
    """The mean of n values with a normal interval; from two values on there is an interval."""
    if n <= 0:
        return undefined("normal")
    mean = total.fraction / n
    if n == 1:
        return MetricValue(float(mean), None, None, n, "normal")
    variance = (squares.fraction - n * mean * mean) / (n - 1)
    return around(float(mean), max(0.0, float(variance)) / n, n, "normal", bounds, level)


@dataclass(frozen=True, slots=True)
class RewardSums:
    """Of `n` rewards: their sum and that of their squares; those that were no numbers."""

    n: int = 0
    total: ExactSum = NOTHING
    squares: ExactSum = NOTHING
    left_out: int = 0

    @classmethod
    def of(cls, rewards: npt.ArrayLike) -> RewardSums:
        """The sums of some rewards."""
        values = np.asarray(rewards, dtype=np.float64).ravel()
        usable = values[np.abs(values) <= LARGEST]
        left_out = len(values) - len(usable)
        return cls(len(usable), ExactSum.of(usable), ExactSum.of(usable**2), left_out)

    def __add__(self, other: RewardSums) -> RewardSums:
        return RewardSums(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            self.left_out + other.left_out,
        )

    def metrics(self, level: float = LEVEL) -> dict[str, MetricValue]:
        """The mean reward."""
        return {"reward": mean_of(self.n, self.total, self.squares, level=level)}

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON; numbers stay exact."""
        return {
            "n": self.n,
            "total": self.total.to_json(),
            "squares": self.squares.to_json(),
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RewardSums:
        """Sums as `to_json` wrote them."""
        total, squares = (ExactSum.from_json(content[name]) for name in ("total", "squares"))
        return cls(int(content["n"]), total, squares, int(content["left_out"]))
