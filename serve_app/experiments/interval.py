"""What comparisons come out as: an interval, and a test that agrees with it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from serve_app.experiments.arguments import Alternative


@dataclass(frozen=True, slots=True)
class Interval:
    """The values from `lower` to `upper`, both of them included; infinite where one-sided."""

    lower: float
    upper: float

    @property
    def width(self) -> float:
        """How far its ends are apart."""
        return self.upper - self.lower

    def contains(self, value: float) -> bool:
        """Whether a value lies in it."""
        return self.lower <= value <= self.upper


@dataclass(frozen=True, slots=True)
class Comparison:
    """An effect with its interval and p-value.

    `significant` is `p_value < alpha`, which holds where the interval excludes `null`. The
    standard error has the effect's unit; a relative effect is a share, 0.05 for 5 % more.
    """

    effect: float
    standard_error: float
    interval: Interval
    p_value: float
    alternative: Alternative
    null: float
    alpha: float

    @property
    def significant(self) -> bool:
        """Whether the effect differs from the null, in the direction that was tested."""
        return not self.interval.contains(self.null)


def around(value: float, half_width: float, alternative: Alternative) -> Interval:
    """The interval of a test: both sides, or from the bound that its alternative needs."""
    if alternative == "greater":
        return Interval(value - half_width, math.inf)
    if alternative == "less":
        return Interval(-math.inf, value + half_width)
    return Interval(value - half_width, value + half_width)
