"""How an experiment is judged: at any time, or at a few looks before a known maximum."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from serve_app.experiments.confidence_sequence import always_valid_test, critical_value
from serve_app.experiments.group_sequential import (
    GroupSequentialDesign,
    group_sequential_design,
    repeated_comparison,
)
from serve_app.experiments.plans import AlwaysValidPlan, GroupSequentialPlan

if TYPE_CHECKING:
    from serve_app.experiments.effect import Effect
    from serve_app.experiments.plans import Plan
    from serve_app.experiments.spending import Spending
    from serve_app.monitoring.experiment.exposures import Floats

TIGHTEST_AT = 10_000
LOOKS = 5
POINTS = 30
"""Looks that a course shows, of an experiment that may be looked at at any time."""


@dataclass(frozen=True, slots=True)
class Look:
    """A time at which the experiment is looked at; `number` counts from 1."""

    number: int
    at_s: float


class Judge(Protocol):
    """A way of judging."""

    def reach(self, n: float, look: Look, alpha: float) -> float:
        """How many standard errors an interval of `n` units of both variants reaches."""

    def p_value(self, effect: Effect, look: Look, alpha: float) -> float:
        """The p-value of no effect, that may be looked at as the judge allows."""

    def plan(self, alpha: float) -> Plan:
        """The way of judging, as power depends on it."""

    def looks(self, started_s: float, until_s: float, arrivals_s: Floats) -> list[Look]:
        """When it was looked at; the last is the one that decides.

        `arrivals_s` are the times from which on units count, in ascending order.
        """

    def is_over(self, looks: Sequence[Look]) -> bool:
        """Whether the last look has been."""


@dataclass(frozen=True, slots=True)
class AlwaysValid:
    """By a confidence sequence, narrowest at so many units of all variants."""

    tightest_at: float

    def reach(self, n: float, look: Look, alpha: float) -> float:  # noqa: ARG002
        """The critical value of the sequence; any look is alike."""
        return float(critical_value(n, tightest_at=self.tightest_at, alpha=alpha))

    def p_value(self, effect: Effect, look: Look, alpha: float) -> float:  # noqa: ARG002
        """The always-valid p-value."""
        return always_valid_test(effect, tightest_at=self.tightest_at, alpha=alpha).p_value

    def plan(self, alpha: float) -> Plan:
        """The sequence, by the boundary at its end."""
        return AlwaysValidPlan(self.tightest_at, alpha)

    def looks(self, started_s: float, until_s: float, arrivals_s: Floats) -> list[Look]:  # noqa: ARG002
        """Evenly spaced times, the last of them now."""
        times_s = np.linspace(started_s, until_s, POINTS + 1)[1:]
        return [Look(at + 1, float(time_s)) for at, time_s in enumerate(times_s)]

    def is_over(self, looks: Sequence[Look]) -> bool:  # noqa: ARG002
        """Never: it may always go on."""
        return False


@dataclass(frozen=True, slots=True)
class GroupSequential:
    """By so many equally spaced looks, the last of them at the maximum of units."""

    units: int
    number: int
    spending: Spending

    def reach(self, n: float, look: Look, alpha: float) -> float:  # noqa: ARG002
        """The boundary of the look."""
        return self._design(look.number, alpha).boundaries[-1]

    def p_value(self, effect: Effect, look: Look, alpha: float) -> float:
        """The repeated p-value of the look."""
        return repeated_comparison(effect, self._design(look.number, alpha)).p_value

    def plan(self, alpha: float) -> Plan:
        """All looks."""
        return GroupSequentialPlan(self._design(self.number, alpha))

    def looks(self, started_s: float, until_s: float, arrivals_s: Floats) -> list[Look]:  # noqa: ARG002
        """When so many units were there as each look needs, as far as they are."""
        needed = [math.ceil(self.units * (k + 1) / self.number) for k in range(self.number)]
        return [
            Look(k + 1, float(arrivals_s[rows - 1]))
            for k, rows in enumerate(needed)
            if rows <= len(arrivals_s) and arrivals_s[rows - 1] <= until_s
        ]

    def is_over(self, looks: Sequence[Look]) -> bool:
        """Whether the maximum was there."""
        return len(looks) == self.number

    def _design(self, number: int, alpha: float) -> GroupSequentialDesign:
        return _design(number, self.number, alpha, self.spending)


@lru_cache(maxsize=256)
def _design(number: int, of: int, alpha: float, spending: Spending) -> GroupSequentialDesign:
    fractions = [(k + 1) / of for k in range(number)]
    return group_sequential_design(fractions, alpha=alpha, spending=spending)


def judge_of(settings: Mapping[str, Any]) -> Judge:
    """How an experiment of such settings is judged."""
    if settings["method"] == "always valid":
        return AlwaysValid(float(settings["units"] or TIGHTEST_AT))
    spending: Spending = settings["spending"] or "obrien-fleming"
    return GroupSequential(settings["units"], settings["looks"] or LOOKS, spending)
