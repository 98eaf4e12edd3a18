"""Which arm is best, and what choosing it may cost, from what is believed of each.

Probabilities, losses and credible intervals are integrals over independent posteriors, computed
by Gauss-Legendre quadrature between quantiles of all arms, not from draws: they are the same each
time, and exact to about 1e-7.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.optimize import brentq

from serve_app.errors import InvalidInput
from serve_app.experiments import arguments
from serve_app.experiments.arrays import Floats
from serve_app.experiments.interval import Interval
from serve_app.experiments.posterior import LEVEL, Posterior

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_TAILS = np.array([1e-13, 1e-11, 1e-9, 1e-7, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.07])
_BREAKS = np.concatenate([_TAILS, np.linspace(0.12, 0.88, 12), 1 - _TAILS[::-1]])
_POSITIVE = 1e-9
"""How probable a baseline of 0 or below may be for a lift over it to mean something."""


@dataclass(frozen=True, slots=True)
class BestArm:
    """For each arm, its chance to be the best and the loss that choosing it is expected to cost.

    A loss is how far below the best arm the chosen one lies on average, in units of the metric.
    """

    chance_best: tuple[float, ...]
    expected_loss: tuple[float, ...]

    @property
    def safest(self) -> int:
        """The place of the arm that costs least."""
        return min(range(len(self.expected_loss)), key=self.expected_loss.__getitem__)


@dataclass(frozen=True, slots=True)
class Credible:
    """A median and an interval that holds the value with the probability of its level."""

    median: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """A variant against a baseline.

    `loss_of_baseline` and `loss_of_variant` are what choosing each is expected to cost, in units
    of the metric. `lift` is that of variant / baseline - 1; None where the baseline may be 0 or
    below.
    """

    chance_to_beat: float
    loss_of_baseline: float
    loss_of_variant: float
    difference: Credible
    lift: Credible | None


def best_of(posteriors: Sequence[Posterior], *, higher_is_better: bool = True) -> BestArm:
    """The chance of each arm to be the best, and what choosing each is expected to cost.

    Raises:
        InvalidInput: there is no arm.
    """
    if not posteriors:
        raise InvalidInput("there is no arm to choose from")
    arms = list(posteriors) if higher_is_better else [arm.mirrored() for arm in posteriors]
    if len(arms) == 1:
        return BestArm((1.0,), (0.0,))
    # Each arm's breaks serve all others, so that many arms need fewer of each.
    levels = _BREAKS if len(arms) <= 10 else _BREAKS[::2]
    breaks = np.unique(np.concatenate([arm.quantile(levels) for arm in arms]))
    chances = [
        _mean(arm, partial(_all_below, arms[:place] + arms[place + 1 :]), breaks)
        for place, arm in enumerate(arms)
    ]
    total = math.fsum(chances)
    losses = _expected_losses(arms, breaks)
    return BestArm(tuple(chance / total for chance in chances), tuple(losses.tolist()))


def chance_to_beat(
    baseline: Posterior, variant: Posterior, *, higher_is_better: bool = True
) -> float:
    """The probability that the variant is better than the baseline."""
    breaks = np.concatenate([baseline.quantile(_BREAKS), variant.quantile(_BREAKS)])
    chance = _mean(variant, baseline.cdf, breaks)
    return chance if higher_is_better else 1 - chance


def compare(
    baseline: Posterior,
    variant: Posterior,
    *,
    level: float = LEVEL,
    higher_is_better: bool = True,
) -> ArmComparison:
    """All that the posteriors of two arms say of how they compare.

    Difference and lift are those of the metric itself, also where lower is better.

    Raises:
        InvalidInput: the level is not between 0 and 1.
    """
    arguments.probability("the level", level)
    both = best_of([baseline, variant], higher_is_better=higher_is_better)
    positive = float(baseline.cdf(0.0)) < _POSITIVE
    return ArmComparison(
        chance_to_beat=both.chance_best[1],
        loss_of_baseline=both.expected_loss[0],
        loss_of_variant=both.expected_loss[1],
        difference=_difference(baseline, variant, level),
        lift=_lift(baseline, variant, level) if positive else None,
    )


def value_remaining(
    posteriors: Sequence[Posterior],
    generator: np.random.Generator,
    *,
    draws: int = 10_000,
    share: float = 0.95,
    higher_is_better: bool = True,
) -> float:
    """How much better than the arm that is best on average another may be, as a share of it.

    The quantile, over draws, of `(best - chosen) / |chosen|`; an experiment is over when it falls
    below what anyone would care for, 0.01 say (S. L. Scott, Applied Stochastic Models in
    Business and Industry 26, 2010).

    Raises:
        InvalidInput: there is no arm, the draws are not from 1 up, or the share is not between
            0 and 1.
    """
    if not posteriors:
        raise InvalidInput("there is no arm to choose from")
    size = arguments.count("the number of draws", draws, at_least=1)
    arguments.probability("the share", share)
    sign = 1 if higher_is_better else -1
    values = sign * np.stack([arm.draws(generator, size) for arm in posteriors])
    chosen = values[int(np.argmax([sign * arm.mean for arm in posteriors]))]
    above = values.max(axis=0) - chosen
    scale = np.maximum(np.abs(chosen), np.finfo(np.float64).tiny)
    return float(np.quantile(above / scale, share))


def _all_below(arms: Sequence[Posterior], values: Floats) -> Floats:
    below = np.ones_like(values)
    for arm in arms:
        below *= arm.cdf(values)
    return below


def _mean(arm: Posterior, function: Callable[[Floats], Floats], breaks: Floats) -> float:
    """The mean of a function of an arm's value; between the breaks the function is smooth."""
    shares = np.sort(arm.cdf(breaks))
    # Between breaks in the arm's own tails there is nothing to add.
    shares = shares[(shares > 1e-14) & (shares < 1 - 1e-14)]
    edges = np.concatenate([[0.0], shares[np.diff(shares, prepend=0.0) > 1e-14], [1.0]])
    half = np.diff(edges)[:, None] / 2
    shares = np.clip(edges[:-1, None] + half * (1 + _NODES), 1e-15, 1 - 1e-15)
    return float((half * _WEIGHTS * function(arm.quantile(shares))).sum())


def _expected_losses(arms: Sequence[Posterior], breaks: Floats) -> Floats:
    """The mean of how far the best other lies above each: the integral of P(arm <= x < best)."""
    half = np.diff(breaks)[:, None] / 2
    values = breaks[:-1, None] + half * (1 + _NODES)
    below = np.stack([arm.cdf(values) for arm in arms])
    one = np.ones_like(below[:1])
    before = np.concatenate([one, below[:-1].cumprod(axis=0)])
    after = np.concatenate([below[:0:-1].cumprod(axis=0)[::-1], one])
    between = below * (1 - before * after)
    return np.asarray((half * _WEIGHTS * between).sum(axis=(1, 2)), dtype=np.float64)


def _difference(baseline: Posterior, variant: Posterior, level: float) -> Credible:
    of_baseline, of_variant = baseline.quantile(_BREAKS), variant.quantile(_BREAKS)

    def at_most(difference: float) -> float:
        breaks = np.concatenate([of_baseline, of_variant - difference])
        return _mean(baseline, lambda values: variant.cdf(values + difference), breaks)

    low = float(of_variant[0] - of_baseline[-1])
    high = float(of_variant[-1] - of_baseline[0])
    tolerance = max(1e-13 * (high - low), np.finfo(np.float64).tiny)
    return _credible(at_most, (low, high), tolerance, level)


def _lift(baseline: Posterior, variant: Posterior, level: float) -> Credible:
    of_baseline, of_variant = baseline.quantile(_BREAKS), variant.quantile(_BREAKS)

    def at_most(ratio: float) -> float:
        breaks = np.concatenate([of_baseline, of_variant / ratio if ratio else of_variant])
        return _mean(baseline, lambda values: variant.cdf(values * ratio), breaks)

    smallest = max(float(baseline.quantile(_POSITIVE)), np.finfo(np.float64).tiny)
    low = min(0.0, float(of_variant[0]) / smallest)
    high = max(0.0, float(of_variant[-1]) / smallest)
    while high > 2 and at_most(high / 2) > 1 - 1e-12:
        high /= 2
    ratio = _credible(at_most, (low, high), 1e-14, level)
    limits = Interval(ratio.interval.lower - 1, ratio.interval.upper - 1)
    return Credible(ratio.median - 1, limits)


def _credible(
    at_most: Callable[[float], float], ends: tuple[float, float], tolerance: float, level: float
) -> Credible:
    low, high = ends

    def value(share: float) -> float:
        if at_most(low) >= share:
            return low
        if at_most(high) <= share:
            return high
        return float(brentq(lambda x: at_most(x) - share, low, high, xtol=tolerance, rtol=1e-12))

    tail = (1 - level) / 2
    return Credible(value(0.5), Interval(value(tail), value(1 - tail)))
