"""What a metric of each variant is, with a variance over units, at any time since the start.

Every metric is a smooth function of sums over units, so that its error is, to the first order, a
sum of what each unit contributes; the variance follows from these contributions (delta method:
A. Deng, U. Knoblich and J. Lu, "Applying the Delta Method in Metric Analytics", KDD 2018). Units
are weighted by 1 / propensity (Hajek's ratio), so that periods of different weights, as the steps
of a canary, weigh alike in all variants. For AUC the contributions are the placement values of
E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson (Biometrics 44, 1988), added up by unit as
N. A. Obuchowski does (Biometrics 53, 1997).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from serve_app.monitoring.experiment.entries import Entries
from serve_app.monitoring.experiment.exposures import Floats, Ints, Units

if TYPE_CHECKING:
    from serve_app.experiments.estimate import Estimate

LEAST_UNITS = 2


@dataclass(frozen=True, slots=True, eq=False)
class ArmSample:
    """What counts of one variant: each unit's contribution to the error of `value`.

    `units` are the places of the units, `contributions` sum to 0. `events` are, of a metric of
    yes and no, how many entries were yes, and how many there are; `bounded` are then the sums of
    which `value` is the ratio, in units of the most that one unit adds. `values` are those of a
    quantile.
    """

    value: float
    units: Ints
    contributions: Floats
    events: tuple[int, int] | None = None
    bounded: tuple[float, float] | None = None
    values: Floats | None = None

    @property
    def n(self) -> int:
        """How many units count."""
        return len(self.units)


@dataclass(frozen=True, slots=True, eq=False)
class Covariate:
    """What was known of each unit from before; NaN where nothing was."""

    of_unit: Floats


def samples_of(entries: Entries, units: Units, arms: int, at_s: float) -> list[ArmSample | None]:
    """What counts of each variant at a time; None of those of which too little does."""
    counted = entries.counted_s <= at_s
    arm = units.arm[entries.unit]
    return [_sample(entries, np.flatnonzero(counted & (arm == one))) for one in range(arms)]


def _sample(entries: Entries, rows: Ints) -> ArmSample | None:
    if not len(rows):
        return None
    units, of_row = np.unique(entries.unit[rows], return_inverse=True)
    if len(units) < LEAST_UNITS:
        return None
    a, b, weight = entries.a[rows], entries.b[rows], entries.weight[rows]
    if entries.kind == "quantile":
        return ArmSample(math.nan, units, np.zeros(len(units)), values=a)
    if entries.kind == "rank":
        return _ranked(a, b > 0, weight, units, of_row)
    numerator = np.bincount(of_row, weight * a, len(units))
    denominator = np.bincount(of_row, weight * b, len(units))
    total = float(denominator.sum())
    if total <= 0:
        return None
    ratio = float(numerator.sum()) / total
    contributions = (numerator - ratio * denominator) / total
    events, bounded = None, None
    if entries.binary:
        events = int(a[b > 0].sum()), len(rows)
        bounded = float(numerator.sum() / denominator.max()), total / float(denominator.max())
    if entries.kind == "root":
        root = math.sqrt(max(ratio, 0.0))
        contributions = contributions / (2 * root) if root > 0 else contributions
        ratio = root
    return ArmSample(ratio, units, contributions, events, bounded)


def _ranked(
    score: Floats, positive: np.ndarray, weight: Floats, units: Ints, of_row: Ints
) -> ArmSample | None:
    """The weighted AUC, and what each unit contributes to it."""
    above, below = score[positive], score[~positive]
    if not len(above) or not len(below):
        return None
    of_positive = _placements(above, below, weight[~positive])
    of_negative = 1.0 - _placements(below, above, weight[positive])
    shares = np.empty(len(score))
    shares[positive] = weight[positive] / weight[positive].sum()
    shares[~positive] = weight[~positive] / weight[~positive].sum()
    placed = np.empty(len(score))
    placed[positive], placed[~positive] = of_positive, of_negative
    area = float((shares * placed)[positive].sum())
    each: Floats = shares * (placed - area)
    contributions = np.bincount(of_row, each, len(units)).astype(np.float64)
    return ArmSample(area, units, contributions, (int(positive.sum()), len(score)))


def _placements(values: Floats, others: Floats, weight: Floats) -> Floats:
    """The weighted share of others below each value, ties counting half."""
    order = np.argsort(others, kind="stable")
    ordered = others[order]
    cumulated = np.concatenate([[0.0], np.cumsum(weight[order])])
    low = cumulated[np.searchsorted(ordered, values, side="left")]
    high = cumulated[np.searchsorted(ordered, values, side="right")]
    return np.asarray((low + high) / (2 * cumulated[-1]))


def estimates_of(
    samples: Sequence[ArmSample | None], units: Units, covariate: Covariate | None = None
) -> list[Estimate | None]:
    """The estimate of each variant, adjusted by a covariate where there is one.

    What was before differs between variants by chance alone. So much of a metric's difference as
    that predicts is taken out (CUPED: A. Deng, Y. Xu, R. Kohavi and T. Walker, WSDM 2013), by one
    slope of all variants.
    """
    before = [
        None if one is None or covariate is None else _before(one, units, covariate)
        for one in samples
    ]
    known = [one for one in before if one is not None]
    spread = math.fsum(float(one.contributions @ one.contributions) for one in known)
    if spread <= 0:
        return [None if one is None else _plain(one) for one in samples]
    pairs = [(one, was) for one, was in zip(samples, before, strict=True) if one and was]
    shared = math.fsum(float(one.contributions @ was.contributions) for one, was in pairs)
    slope = shared / spread
    middle = math.fsum(one.value for one in known) / len(known)
    return [
        None if one is None else _plain(one) if was is None else _adjusted(one, was, slope, middle)
        for one, was in zip(samples, before, strict=True)
    ]


def _before(sample: ArmSample, units: Units, covariate: Covariate) -> ArmSample | None:
    """The weighted mean of the covariate of the units of a sample, those without one left out."""
    values, weight = covariate.of_unit[sample.units], units.weight[sample.units]
    known = np.isfinite(values)
    if int(known.sum()) < LEAST_UNITS:
        return None
    total = float(weight[known].sum())
    mean = float((weight[known] * values[known]).sum()) / total
    contributions = np.where(known, weight * (np.where(known, values, mean) - mean) / total, 0.0)
    return ArmSample(mean, sample.units, contributions)


def _plain(sample: ArmSample) -> Estimate:
    from serve_app.experiments.estimate import unadjusted  # noqa: PLC0415

    variance = _variance(sample, sample.contributions, sample.contributions)
    if sample.events is not None and sample.events[0] in {0, sample.events[1]}:
        # Where all are alike nothing varies: as if one more had been yes, and one more no.
        happened, of = sample.events
        share = (happened + 1) / (of + 2)
        variance = max(variance, share * (1 - share) * sample.n / of)
    return unadjusted(sample.n, sample.value, variance)


def _variance(sample: ArmSample, one: Floats, other: Floats) -> float:
    """The (co)variance of one unit: that of the estimates, times the number of units."""
    n = sample.n
    return n * n / (n - 1) * float(one @ other)


def _adjusted(sample: ArmSample, before: ArmSample, slope: float, middle: float) -> Estimate:
    from serve_app.experiments.estimate import Estimate  # noqa: PLC0415

    own = sample.contributions
    adjusted = own - slope * before.contributions
    value = sample.value - slope * (before.value - middle)
    return Estimate(
        n=sample.n,
        value=value,
        variance=_variance(sample, adjusted, adjusted),
        centre=sample.value,
        baseline=sample.value,
        baseline_variance=_variance(sample, own, own),
        baseline_covariance=_variance(sample, adjusted, own),
    )
