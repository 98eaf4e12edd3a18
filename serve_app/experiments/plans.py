"""How an experiment is going to be judged, as far as its power depends on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from scipy.special import ndtr, ndtri

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import Alternative, alternative, finite, positive, probability
from serve_app.experiments.confidence_sequence import critical_value
from serve_app.experiments.group_sequential import GroupSequentialDesign
from serve_app.experiments.repeated_looks import crossing_probabilities


class Plan(Protocol):
    """A way of judging."""

    def power(self, drift: float, n: float) -> float:
        """The chance of finding an effect.

        Args:
            drift: how many standard errors the true effect is away from the null, once all rows
                are there.
            n: all rows, of both arms together.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedPlan:
    """One look, at the end, against the normal distribution."""

    alpha: float = 0.05
    side: Alternative = "two-sided"

    def power(self, drift: float, n: float) -> float:  # noqa: ARG002 - of any size alike
        """The chance that the statistic exceeds its critical value, on the sides tested.

        Raises:
            InvalidInput: alpha or the side is out of its range.
        """
        level = probability("alpha", self.alpha)
        if alternative(self.side) == "two-sided":
            level = level / 2
        return _beyond(-float(ndtri(level)), drift, self.side)


@dataclass(frozen=True, slots=True)
class GroupSequentialPlan:
    """The looks of a design, with an end at the first that crosses."""

    design: GroupSequentialDesign

    def power(self, drift: float, n: float) -> float:  # noqa: ARG002 - of any size alike
        """The chance of crossing the boundary of the tested side at any look."""
        design = self.design
        last = design.fractions[-1]
        shares = [share / last for share in design.fractions]
        towards = -drift if design.side == "less" else drift
        lower = [-bound for bound in design.boundaries] if design.side == "two-sided" else None
        return crossing_probabilities(shares, design.boundaries, lower, drift=towards).total


@dataclass(frozen=True, slots=True)
class AlwaysValidPlan:
    """An asymptotic confidence sequence.

    Without `looks`, its power is that of the last look alone, by its actual boundary. With some,
    equally spaced, an end at any of them counts: what people who watch it get.
    """

    tightest_at: float
    alpha: float = 0.05
    side: Alternative = "two-sided"
    looks: int | None = None

    def power(self, drift: float, n: float) -> float:
        """The chance that the sequence excludes the null, at the end or at any look.

        Raises:
            InvalidInput: alpha, the side or `tightest_at` is out of its range.
        """
        looks = self.looks or 1
        shares = [(look + 1) / looks for look in range(looks)]
        rows = [share * n for share in shares]
        reach = critical_value(rows, tightest_at=self.tightest_at, alpha=self.alpha, side=self.side)
        bounds = [float(bound) for bound in reach]
        if looks == 1:
            return _beyond(bounds[0], drift, self.side)
        towards = -drift if self.side == "less" else drift
        lower = [-bound for bound in bounds] if self.side == "two-sided" else None
        return crossing_probabilities(shares, bounds, lower, drift=towards).total


@dataclass(frozen=True, slots=True)
class CredibleIntervalPlan:
    """One look, at whether a normal posterior's interval excludes zero.

    `effect` is the true effect that power is asked of, in the unit of the prior: `posterior.
    normal_effect` with these members is how the result will be judged. With a wide prior it is a
    `FixedPlan`; one around the effect needs fewer rows, and finds what is not there more often.
    """

    effect: float
    prior_mean: float
    prior_deviation: float
    alpha: float = 0.05

    def power(self, drift: float, n: float) -> float:  # noqa: ARG002 - of any size alike
        """The chance that the interval of probability `1 - alpha` lies on one side of zero.

        Raises:
            InvalidInput: an argument is out of its range, or the effect is zero.
        """
        effect, mean = (
            finite("the effect", self.effect),
            finite("the prior's mean", self.prior_mean),
        )
        if effect == 0 or drift == 0:
            raise InvalidInput("the effect is zero: nothing says how far it is from zero then")
        variance = (effect / drift) ** 2
        of_prior = positive("the prior's deviation", self.prior_deviation) ** -2
        z = -float(ndtri(probability("alpha", self.alpha) / 2))
        reach, drawn = z * math.sqrt(of_prior + 1 / variance), mean * of_prior
        deviation = math.sqrt(variance)
        above = float(ndtr((effect - variance * (reach - drawn)) / deviation))
        below = float(ndtr((-effect - variance * (reach + drawn)) / deviation))
        return above + below


def _beyond(bound: float, drift: float, side: Alternative) -> float:
    """The chance that a normal statistic with that mean lies beyond a bound."""
    if math.isinf(bound):
        return 0.0
    above, below = float(ndtr(drift - bound)), float(ndtr(-drift - bound))
    if side == "two-sided":
        return above + below
    return above if side == "greater" else below
