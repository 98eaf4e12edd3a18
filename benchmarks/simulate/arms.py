"""Running sums of two arms at every look of many runs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve_app.experiments.confidence_sequence import (
    BURN_IN_EVENTS,
    BURN_IN_PER_ARM,
    BURN_IN_STANDARD_ERRORS,
)

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Running:
    """Counts of one arm by look; sums and squares by run and look."""

    n: Array
    total: Array
    squares: Array

    @property
    def mean(self) -> Array:
        """The mean of each run at each look."""
        mean: Array = self.total / self.n
        return mean

    @property
    def variance(self) -> Array:
        """The variance of a row, as an estimate of that run at that look has it."""
        variance: Array = (self.squares - self.total**2 / self.n) / (self.n - 1)
        return variance


def bernoulli(
    random: np.random.Generator, p: float, batches: NDArray[np.int64], runs: int
) -> Running:
    """An arm of yes and no, which grows by a batch at each look."""
    total = random.binomial(batches, p, (runs, len(batches))).cumsum(axis=1).astype(np.float64)
    return Running(batches.cumsum().astype(np.float64), total, total)


def shares_variance(arm: Running) -> Array:
    """The variance of a row of shares."""
    variance: Array = arm.mean * (1 - arm.mean)
    return variance


def z_of_difference(
    control: Running, treatment: Running, variances: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The difference in standard errors at each look, and the rows of both arms."""
    spread = variances[0] / control.n + variances[1] / treatment.n
    apart = treatment.mean - control.mean
    z = np.divide(apart, np.sqrt(spread), out=np.zeros_like(apart), where=spread > 0)
    return z, control.n + treatment.n


def z_of_lift(
    control: Running, treatment: Running, variances: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The relative lift in standard errors at each look, and the rows of both arms."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = treatment.mean / control.mean
        spread = variances[1] / treatment.n + ratio**2 * variances[0] / control.n
        z = (treatment.mean - control.mean) / np.sqrt(spread)
    return np.nan_to_num(z, nan=0.0, posinf=0.0, neginf=0.0), control.n + treatment.n


def well_known(arm: Running) -> NDArray[np.bool_]:
    """Which looks of which runs have a share that is far enough from zero for a lift."""
    reach = BURN_IN_STANDARD_ERRORS * np.sqrt(shares_variance(arm) / arm.n)
    known: NDArray[np.bool_] = arm.mean >= reach
    return known


def counted(arms: tuple[Running, Running], *, events: bool) -> NDArray[np.bool_]:
    """Which looks of which runs are past the burn-in."""
    enough = np.ones_like(arms[0].total, dtype=bool)
    for arm in arms:
        enough &= arm.n >= BURN_IN_PER_ARM
        if events:
            enough &= np.minimum(arm.total, arm.n - arm.total) >= BURN_IN_EVENTS
    return enough
