"""The mean of one arm, with the variance of one row, from counts and sums.

Sums add up: those of two days, replicas or segments are the sums of both together. A mean, a
share and a ratio become the same `Estimate`, which every method takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import count, finite, not_negative

# What sums of squares may lack by rounding, as a share of them.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of `n` rows and the variance of a single one: the mean's own is `variance / n`.

    The other members differ from these only where a covariate adjusted the mean. A relative
    lift divides by the mean that was observed, the `baseline`; its variance depends on how far
    the arms' `centre` is apart, for which observed and adjusted means serve alike.
    """

    n: int
    value: float
    variance: float
    centre: float
    baseline: float
    baseline_variance: float
    baseline_covariance: float

    @property
    def standard_error(self) -> float:
        """The standard deviation of the mean."""
        return math.sqrt(self.variance / self.n)


def unadjusted(n: int, value: float, variance: float) -> Estimate:
    """An estimate that no covariate has changed."""
    return Estimate(n, value, variance, value, value, variance, variance)


@dataclass(frozen=True, slots=True)
class Sums:
    """How many values there are, their sum and the sum of their squares."""

    n: int
    total: float
    squares: float

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.n + other.n, self.total + other.total, self.squares + other.squares)


def variance_of(sums: Sums, name: str = "the metric") -> float:
    """The variance, divided by `n - 1`.

    Raises:
        InvalidInput: there are fewer than two values, a number is not finite, or the squares
            add up to less than their sum allows.
    """
    n = count(f"the number of values of {name}", sums.n, at_least=2)
    total, squares = finite(f"the sum of {name}", sums.total), finite("squares", sums.squares)
    spread = squares - total * total / n
    if spread < -_ROUNDING * max(abs(squares), total * total / n):
        raise InvalidInput(
            f"the squares of {name} add up to {squares:g}, and {n} values whose sum is"
            f" {total:g} cannot have less than {total * total / n:g}"
        )
    return max(spread, 0.0) / (n - 1)


def covariance_of(n: int, total_x: float, total_y: float, products: float) -> float:
    """The covariance of two metrics of the same rows, divided by `n - 1`.

    Raises:
        InvalidInput: there are fewer than two rows, or a number is not finite.
    """
    rows = count("the number of rows", n, at_least=2)
    x, y = finite("the sum of the first metric", total_x), finite("the second's", total_y)
    return (finite("the sum of products", products) - x * y / rows) / (rows - 1)


def mean_estimate(n: int, total: float, squares: float) -> Estimate:
    """The mean of a metric of numbers.

    Args:
        n: how many rows there are, at least 2.
        total: their sum.
        squares: the sum of their squares.

    Raises:
        InvalidInput: as `variance_of`.
    """
    variance = variance_of(Sums(n, total, squares))
    return unadjusted(int(n), float(total) / int(n), variance)


def proportion_estimate(successes: int, n: int) -> Estimate:
    """The share of rows for which something is true; its variance is `p * (1 - p)`.

    Raises:
        InvalidInput: there are fewer than two rows, or more successes than rows.
    """
    rows = count("the number of rows", n, at_least=2)
    share = not_negative("the number of successes", successes) / rows
    if share > 1:
        raise InvalidInput(f"{successes} successes of {rows} rows: there are more than rows")
    return unadjusted(rows, share, share * (1 - share))


def ratio_estimate(numerator: Sums, denominator: Sums, products: float) -> Estimate:
    """The ratio of two sums over the same subjects, as clicks per page, by the delta method.

    Its variance for means `m`, `d` is `var(m)/d^2 + var(d) m^2/d^4 - 2 cov(m, d) m/d^3`
    (Deng, Knoblich and Lu 2018, "Applying the Delta Method in Metric Analytics").

    Args:
        numerator: sums of what is counted, over subjects.
        denominator: sums of what it is divided by, over the same subjects.
        products: the sum of the products of both, subject by subject.

    Raises:
        InvalidInput: as `variance_of`; both are not of the same subjects; the denominator's
            sum is zero.
    """
    if numerator.n != denominator.n:
        raise InvalidInput(
            f"the numerator is of {numerator.n} subjects and the denominator of"
            f" {denominator.n}: sum both over the same"
        )
    n = int(numerator.n)
    variance_m = variance_of(numerator, "the numerator")
    variance_d = variance_of(denominator, "the denominator")
    covariance = covariance_of(n, numerator.total, denominator.total, products)
    if denominator.total == 0:
        raise InvalidInput("the denominator's sum is zero: there is no ratio to it")
    divisor = denominator.total / n
    ratio = numerator.total / denominator.total
    variance = (variance_m - 2 * covariance * ratio + variance_d * ratio**2) / divisor**2
    return unadjusted(n, ratio, max(variance, 0.0))
