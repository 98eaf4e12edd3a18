"""What is summed of predicted numbers whose truth is known, and the metrics of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.monitoring.quality.exact_sum import NOTHING, ExactSum
from serve_app.monitoring.quality.interval import LEVEL, MetricValue, around, proportion, undefined
from serve_app.monitoring.quality.mean import LARGEST, mean_of

_POWERS = ("y", "y2", "y3", "y4", "e", "abs_e", "e2", "e4", "e2y", "e2y2")
"""Sums of the truth y and the error e = predicted - y; what the deltas of R² and RMSE need."""


@dataclass(frozen=True, slots=True)
class RegressionSums:
    """Of `n` rows: sums of powers of truth and error, and of rows within predicted quantiles.

    `coverage` has, by the level of a predicted quantile, how many truths were at most the
    predicted value, and of how many rows. `left_out` rows had a truth or prediction that is no
    number, or beyond 1e70.
    """

    n: int = 0
    sums: Mapping[str, ExactSum] = field(default_factory=lambda: dict.fromkeys(_POWERS, NOTHING))
    coverage: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    left_out: int = 0

    @classmethod
    def of(
        cls,
        truth: npt.ArrayLike,
        predicted: npt.ArrayLike,
        quantiles: Mapping[str, npt.ArrayLike] | None = None,
    ) -> RegressionSums:
        """The sums of some rows; `quantiles` are predicted ones by their level, as `"0.9"`.

        Raises:
            InvalidInput: there are not as many of each.
        """
        y = np.asarray(truth, dtype=np.float64).ravel()
        answered = np.asarray(predicted, dtype=np.float64).ravel()
        if len(y) != len(answered):
            raise InvalidInput(f"{len(y)} true values for {len(answered)} predicted ones")
        usable = (np.abs(y) <= LARGEST) & (np.abs(answered) <= LARGEST)
        y, e = y[usable], (answered - y)[usable]
        powers = (y, y**2, y**3, y**4, e, np.abs(e), e**2, e**4, e**2 * y, e**2 * y**2)
        sums = {name: ExactSum.of(power) for name, power in zip(_POWERS, powers, strict=True)}
        coverage = {
            name: _covered(y, np.asarray(values, dtype=np.float64).ravel(), usable)
            for name, values in (quantiles or {}).items()
        }
        return cls(len(y), sums, coverage, int((~usable).sum()))

    def __add__(self, other: RegressionSums) -> RegressionSums:
        levels = sorted({*self.coverage, *other.coverage})
        return RegressionSums(
            self.n + other.n,
            {name: self.sums[name] + other.sums[name] for name in _POWERS},
            {name: _added(self.coverage.get(name), other.coverage.get(name)) for name in levels},
            self.left_out + other.left_out,
        )

    def metrics(self, level: float = LEVEL) -> dict[str, MetricValue]:
        """RMSE, MAE, R², bias (mean of predicted - true), and coverage of quantiles.

        Intervals of RMSE and R² are those of the delta method, of MAE and bias normal ones, of
        coverage Wilson's.
        """
        above = (0.0, math.inf)
        values = {
            "rmse": self._rmse(level),
            "mae": mean_of(self.n, self.sums["abs_e"], self.sums["e2"], above, level),
            "r2": self._r2(level),
            "bias": mean_of(self.n, self.sums["e"], self.sums["e2"], level=level),
        }
        for name, (below, n) in self.coverage.items():
            values[f"coverage_{name}"] = proportion(below, n, level)
        return values

    def _mean(self, name: str) -> Fraction:
        return self.sums[name].fraction / self.n

    def _rmse(self, level: float) -> MetricValue:
        if not self.n:
            return undefined("delta")
        squared = self._mean("e2")
        value = math.sqrt(squared)
        if self.n == 1:
            return MetricValue(value, None, None, self.n, "delta")
        spread = float(self._mean("e4") - squared * squared) / self.n
        variance = spread / (4 * float(squared)) if squared else 0.0
        return around(value, variance, self.n, "delta", (0.0, math.inf), level)

    def _r2(self, level: float) -> MetricValue:
        if self.n < 2:
            return undefined("delta")
        m1, m2, m3, m4 = (self._mean(name) for name in _POWERS[:4])
        spread = m2 - m1 * m1
        if spread <= 0:
            return undefined("delta")
        left = self._mean("e2") / spread
        # The influence of a row is -(e² - left (y - m)²) / spread, whose mean is 0.
        crossed = self._mean("e2y2") - 2 * m1 * self._mean("e2y") + m1 * m1 * self._mean("e2")
        fourth = m4 - 4 * m1 * m3 + 6 * m1 * m1 * m2 - 3 * m1**4
        squared = self._mean("e4") - 2 * left * crossed + left * left * fourth
        variance = float(squared / (spread * spread)) / self.n
        return around(float(1 - left), variance, self.n, "delta", (-math.inf, 1.0), level)

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON; numbers stay exact."""
        return {
            "n": self.n,
            "sums": {name: self.sums[name].to_json() for name in _POWERS},
            "coverage": {name: list(counts) for name, counts in self.coverage.items()},
            "left_out": self.left_out,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RegressionSums:
        """Sums as `to_json` wrote them."""
        return cls(
            int(content["n"]),
            {name: ExactSum.from_json(content["sums"][name]) for name in _POWERS},
            {name: (int(k), int(n)) for name, (k, n) in content["coverage"].items()},
            int(content["left_out"]),
        )


def _covered(
    y: npt.NDArray[np.float64], values: npt.NDArray[np.float64], usable: npt.NDArray[np.bool_]
) -> tuple[int, int]:
    if len(values) != len(usable):
        raise InvalidInput(f"{len(values)} predicted quantiles for {len(usable)} rows")
    kept = values[usable]
    known = ~np.isnan(kept)
    return int((y[known] <= kept[known]).sum()), int(known.sum())


def _added(one: tuple[int, int] | None, other: tuple[int, int] | None) -> tuple[int, int]:
    first, second = one or (0, 0), other or (0, 0)
    return first[0] + second[0], first[1] + second[1]
