"""Quantiles such as the 95th percentile of latency, and how far two arms' lie apart.

Nothing is assumed of how the values are distributed; ties are allowed. `quantile_estimate` is the
approximation that goes on to every test of means; `quantile_interval` and `quantile_difference`
hold exactly at one look, `quantile_difference_sequence` at every look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import binom

from serve_app.errors import InvalidInput
from serve_app.experiments import arguments, arrays
from serve_app.experiments.arrays import Floats, Numbers
from serve_app.experiments.dirichlet_multinomial import log_e_values, tightest_concentration
from serve_app.experiments.estimate import Estimate, unadjusted
from serve_app.experiments.interval import Interval


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile and its interval, whose ends are values that were seen, or infinite."""

    n: int
    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class QuantileDifference:
    """The treatment's quantile minus the control's.

    An end of the interval is infinite while too few values lie beyond the quantile. `p_value` is
    of equal quantiles; None where the method has none.
    """

    value: float
    interval: Interval
    p_value: float | None


def quantile_interval(values: Numbers, share: float, *, alpha: float = 0.05) -> Quantile:
    """A quantile between two of the ordered values, for one look.

    The ranks are those of the binomial distribution, so that it holds for any distribution (W. J.
    Conover, Practical Nonparametric Statistics, 3rd ed., section 3.2).

    Raises:
        InvalidInput: there is no value, one is NaN or infinite, or share or alpha is not between
            0 and 1.
    """
    ordered = _ordered("the values", values)
    arguments.probability("the share of the quantile", share)
    tail = arguments.probability("alpha", alpha) / 2
    n = len(ordered)
    lower_rank = int(binom.ppf(tail, n, share))
    upper_rank = int(binom.ppf(1 - tail, n, share)) + 1
    lower = float(ordered[lower_rank - 1]) if lower_rank >= 1 else -math.inf
    upper = float(ordered[upper_rank - 1]) if upper_rank <= n else math.inf
    return Quantile(n, float(np.quantile(ordered, share)), Interval(lower, upper))


def quantile_estimate(values: Numbers, share: float) -> Estimate:
    """A quantile as an estimate that every test of means takes, by its large-sample variance.

    That follows from the width of the 95 % interval between ordered values.

    Raises:
        InvalidInput: as `quantile_interval`, or there are too few values beyond the quantile, or
            so many equal ones that the interval has no width.
    """
    quantile = quantile_interval(values, share)
    width = quantile.interval.width
    if not math.isfinite(width):
        raise InvalidInput(
            f"{quantile.n} values are too few to say how much the quantile at {share} varies"
        )
    if width == 0:
        raise InvalidInput(f"the values around the quantile at {share} are all {quantile.value}")
    error = width / (2 * float(ndtri(0.975)))
    return unadjusted(quantile.n, quantile.value, quantile.n * error**2)


def quantile_difference(
    control: Numbers, treatment: Numbers, share: float, *, alpha: float = 0.05
) -> QuantileDifference:
    """How far two arms' quantiles lie apart, for one look and any distribution.

    Each arm's own interval at `sqrt(1 - alpha)`, so that both hold together; it errs on the wide
    side.

    Raises:
        InvalidInput: as `quantile_interval`.
    """
    each = 1 - math.sqrt(1 - arguments.probability("alpha", alpha))
    first = quantile_interval(control, share, alpha=each)
    second = quantile_interval(treatment, share, alpha=each)
    lower = second.interval.lower - first.interval.upper
    upper = second.interval.upper - first.interval.lower
    return QuantileDifference(second.value - first.value, Interval(lower, upper), None)


def quantile_difference_sequence(
    control: Numbers,
    treatment: Numbers,
    share: float,
    *,
    tightest_at: float,
    alpha: float = 0.05,
) -> QuantileDifference:
    """How far two arms' quantiles lie apart, however often that is looked at.

    Exact for any distribution: the beta-binomial e-values of both arms multiply, and a
    difference is excluded when no pair of quantiles so far apart is compatible with both (S. R.
    Howard and A. Ramdas, "Sequential estimation of quantiles with applications to A/B testing",
    Bernoulli 28, 2022). `tightest_at` is the number of values per arm at which it is tuned, at a
    level of alpha. `p_value` is the one of this look; the smallest so far is always valid.

    Raises:
        InvalidInput: as `quantile_interval`, or `tightest_at` is not above 0.
    """
    arguments.probability("the share of the quantile", share)
    arguments.positive("tightest_at", tightest_at)
    level = arguments.probability("alpha", alpha)
    concentration = tightest_concentration(tightest_at, level)
    first = _evidence("the values of the control", control, share, concentration)
    second = _evidence("the values of the treatment", treatment, share, concentration)
    apart = float(np.quantile(second.ordered, share) - np.quantile(first.ordered, share))
    least = _least_together(first, second)
    interval = _compatible(first, second, math.log(1 / level))
    return QuantileDifference(apart, interval, min(1.0, math.exp(-least)))


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """Log e-values against the quantile having 0 to n values at or below it.

    They fall to the count at `least` and rise from there.
    """

    ordered: Floats
    log_e: Floats

    @property
    def least(self) -> int:
        return int(np.argmin(self.log_e))

    def at(self, values: Floats) -> Floats:
        """The least evidence against each value being the quantile; ties leave a choice."""
        fewest = np.searchsorted(self.ordered, values, side="left")
        most = np.searchsorted(self.ordered, values, side="right")
        return np.asarray(self.log_e[np.clip(self.least, fewest, most)], dtype=np.float64)


def _evidence(name: str, values: Numbers, share: float, concentration: float) -> _Evidence:
    ordered = _ordered(name, values)
    counts = np.arange(len(ordered) + 1)
    pairs = np.stack([counts, counts[::-1]], axis=-1)
    return _Evidence(ordered, log_e_values(pairs, [share, 1 - share], concentration))


def _least_together(first: _Evidence, second: _Evidence) -> float:
    """The least evidence against both arms having the same quantile, wherever that lies."""
    candidates = np.concatenate([first.ordered, second.ordered])
    return float((first.at(candidates) + second.at(candidates)).min())


def _compatible(first: _Evidence, second: _Evidence, threshold: float) -> Interval:
    """The differences of which some pair of quantiles has evidence below the threshold."""
    counts = np.flatnonzero(first.log_e < threshold - second.log_e[second.least])
    left = threshold - first.log_e[counts]
    # Evidence rises from its least in both directions, so each side is searched in order.
    rising = second.log_e[second.least :]
    most = second.least + np.searchsorted(rising, left, side="left") - 1
    falling = second.log_e[: second.least + 1][::-1]
    fewest = second.least - np.searchsorted(falling, left, side="left") + 1
    first_edges = np.concatenate([[-math.inf], first.ordered, [math.inf]])
    second_edges = np.concatenate([[-math.inf], second.ordered, [math.inf]])
    # The quantile with k values at or below it lies from the k-th value to the next.
    upper = (second_edges[most + 1] - first_edges[counts]).max()
    lower = (second_edges[fewest] - first_edges[counts + 1]).min()
    return Interval(float(lower), float(upper))


def _ordered(name: str, values: Numbers) -> Floats:
    return np.sort(arrays.numbers(name, values))
