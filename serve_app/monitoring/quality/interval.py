"""Metrics with the interval in which they lie, and how such intervals are computed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

LEVEL = 0.95
"""Share of intervals that hold the true value, where nothing else is set."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric, its interval, the rows that it rests on, and how the interval was computed.

    `value` is None where the metric is not defined: no positives were predicted, say. `low` and
    `high` are None where too few rows say how much it varies.
    """

    value: float | None
    low: float | None
    high: float | None
    n: float
    method: str

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "interval": self.method,
        }


def quantile(level: float) -> float:
    """How many standard errors lie on each side of a two-sided interval of that level."""
    return NormalDist().inv_cdf(0.5 + level / 2)


def undefined(method: str) -> MetricValue:
    """A metric that no row says anything about."""
    return MetricValue(None, None, None, 0, method)


def proportion(count: float, n: float, level: float = LEVEL) -> MetricValue:
    """A share of rows with Wilson's interval, which is right for shares near 0 and 1 too."""
    if n <= 0:
        return undefined("wilson")
    low, high = wilson(count, n, level)
    return MetricValue(count / n, low, high, n, "wilson")


def wilson(count: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's score interval of a share (E. B. Wilson, JASA 22, 1927)."""
    z = quantile(level)
    share = count / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    inner = max(0.0, share * (1 - share) / n + z * z / (4 * n * n))
    half = z / (1 + z * z / n) * math.sqrt(inner)
    low = 0.0 if count <= 0 else max(0.0, centre - half)
    high = 1.0 if count >= n else min(1.0, centre + half)
    return low, high


def around(
    value: float,
    variance: float | None,
    n: float,
    method: str,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = LEVEL,
) -> MetricValue:
    """A metric with a symmetric interval from the variance of its estimate, within bounds."""
    if variance is None or not math.isfinite(variance):
        return MetricValue(value, None, None, n, method)
    half = quantile(level) * math.sqrt(max(0.0, variance))
    return MetricValue(value, max(bounds[0], value - half), min(bounds[1], value + half), n, method)
