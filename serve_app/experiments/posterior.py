"""What is believed of an arm after its data: beta posteriors of shares, normal ones of means.

`serve_app.experiments.best_arm` compares such posteriors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, betaincinv, digamma, ndtr, ndtri, polygamma

from serve_app.errors import InvalidInput
from serve_app.experiments import arguments
from serve_app.experiments.arrays import Floats
from serve_app.experiments.estimate import mean_estimate
from serve_app.experiments.interval import Interval

LEVEL = 0.95
"""The probability of credible intervals, where nothing else is set."""


class Posterior(Protocol):
    """What comparing arms needs of what is believed of one."""

    @property
    def mean(self) -> float:
        """The expected value."""

    def cdf(self, values: npt.ArrayLike) -> Floats:
        """The probability of at most each value."""

    def quantile(self, shares: npt.ArrayLike) -> Floats:
        """The values that lie above such shares of the probability."""

    def mirrored(self) -> Self:
        """The same with the order of values turned around."""

    def draws(self, generator: np.random.Generator, size: int) -> Floats:
        """So many values at random."""


@dataclass(frozen=True, slots=True)
class BetaPosterior:
    """A beta distribution of a share: 1 + successes and 1 + failures from a flat prior."""

    alpha: float
    beta: float

    @property
    def mean(self) -> float:
        """The expected share."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def standard_deviation(self) -> float:
        """The standard deviation of the share."""
        return math.sqrt(self.mean * (1 - self.mean) / (self.alpha + self.beta + 1))

    def cdf(self, values: npt.ArrayLike) -> Floats:
        """The probability of at most each value."""
        return np.asarray(betainc(self.alpha, self.beta, np.clip(values, 0.0, 1.0)))

    def quantile(self, shares: npt.ArrayLike) -> Floats:
        """The values that lie above such shares of the probability."""
        return np.asarray(betaincinv(self.alpha, self.beta, shares))

    def interval(self, level: float = LEVEL) -> Interval:
        """The credible interval with equal tails.

        Raises:
            InvalidInput: the level is not between 0 and 1.
        """
        return _equal_tails(self, level)

    def mirrored(self) -> BetaPosterior:
        """What is believed of the share of failures."""
        return BetaPosterior(self.beta, self.alpha)

    def draws(self, generator: np.random.Generator, size: int) -> Floats:
        """So many values at random."""
        return generator.beta(self.alpha, self.beta, size)


@dataclass(frozen=True, slots=True)
class NormalPosterior:
    """A normal distribution of a mean or of an effect."""

    mean: float
    standard_deviation: float

    def cdf(self, values: npt.ArrayLike) -> Floats:
        """The probability of at most each value."""
        return np.asarray(ndtr((np.asarray(values) - self.mean) / self.standard_deviation))

    def quantile(self, shares: npt.ArrayLike) -> Floats:
        """The values that lie above such shares of the probability."""
        return np.asarray(self.mean + self.standard_deviation * ndtri(shares))

    def interval(self, level: float = LEVEL) -> Interval:
        """The credible interval with equal tails.

        Raises:
            InvalidInput: the level is not between 0 and 1.
        """
        return _equal_tails(self, level)

    def mirrored(self) -> NormalPosterior:
        """What is believed of the negative value."""
        return NormalPosterior(-self.mean, self.standard_deviation)

    def draws(self, generator: np.random.Generator, size: int) -> Floats:
        """So many values at random."""
        return generator.normal(self.mean, self.standard_deviation, size)

    def chance_above(self, threshold: float = 0.0) -> float:
        """The probability of more than a threshold; of an effect, the chance to beat the baseline.

        Raises:
            InvalidInput: the threshold is NaN or infinite.
        """
        arguments.finite("the threshold", threshold)
        return float(ndtr((self.mean - threshold) / self.standard_deviation))

    def expected_loss(self) -> tuple[float, float]:
        """What is lost on average by keeping the baseline, and by choosing the variant.

        Of an effect, in its units: the means of its positive and of its negative part.
        """
        ratio = self.mean / self.standard_deviation
        density = math.exp(-ratio * ratio / 2) / math.sqrt(2 * math.pi)
        gain = self.standard_deviation * (density + ratio * float(ndtr(ratio)))
        loss = self.standard_deviation * (density - ratio * float(ndtr(-ratio)))
        return max(gain, 0.0), max(loss, 0.0)


def beta_binomial(
    successes: float, trials: float, prior: tuple[float, float] = (1.0, 1.0)
) -> BetaPosterior:
    """What is believed of a share after some trials.

    `prior` counts successes and failures as if seen before: `(1, 1)` is flat, `(0.5, 0.5)` is
    Jeffreys'.

    Raises:
        InvalidInput: counts are no whole numbers from 0 up, there are more successes than trials,
            the prior is negative, or prior and data together leave a share without a
            distribution.
    """
    n = arguments.count("the number of trials", trials)
    s = arguments.count("the number of successes", successes)
    if s > n:
        raise InvalidInput(
            f"there are {s} successes in {n} trials; there cannot be more than those"
        )
    alpha = arguments.finite("the successes of the prior", prior[0]) + s
    beta = arguments.finite("the failures of the prior", prior[1]) + n - s
    if min(prior) < 0 or alpha <= 0 or beta <= 0:
        raise InvalidInput(
            f"the prior {prior} with {s} successes in {n} trials is no distribution; "
            "take a prior above 0, such as (1, 1)"
        )
    return BetaPosterior(alpha, beta)


def normal_mean(
    n: int,
    total: float,
    sum_of_squares: float,
    prior_mean: float = 0.0,
    prior_deviation: float | None = None,
) -> NormalPosterior:
    """What is believed of a mean after n values, from their sum and the sum of their squares.

    The standard error of the mean counts as known, as is right from some dozens of values on.
    `prior_deviation` is the standard deviation of a normal prior; without it the prior is flat.

    Raises:
        InvalidInput: there are fewer than 2 values, all are alike, or the sums cannot be.
    """
    estimate = mean_estimate(n, total, sum_of_squares)
    # Equal values leave a variance of rounding errors alone.
    if estimate.variance <= 1e-14 * estimate.value**2:
        raise InvalidInput("all values are alike, so nothing says how much their mean may vary")
    return normal_effect(estimate.value, estimate.standard_error, prior_mean, prior_deviation)


def normal_effect(
    estimate: float,
    standard_error: float,
    prior_mean: float = 0.0,
    prior_deviation: float | None = None,
) -> NormalPosterior:
    """What is believed of an effect after an estimate of it: a difference, a relative lift.

    `prior_deviation` is the standard deviation of a normal prior; without it the prior is flat.

    Raises:
        InvalidInput: a number is NaN or infinite, or a standard error or deviation not above 0.
    """
    arguments.finite("the estimate", estimate)
    arguments.positive("the standard error", standard_error)
    arguments.finite("the mean of the prior", prior_mean)
    if prior_deviation is None:
        return NormalPosterior(estimate, standard_error)
    arguments.positive("the standard deviation of the prior", prior_deviation)
    of_data, of_prior = standard_error**-2, prior_deviation**-2
    mean = (estimate * of_data + prior_mean * of_prior) / (of_data + of_prior)
    return NormalPosterior(mean, (of_data + of_prior) ** -0.5)


def log_lift(baseline: BetaPosterior, variant: BetaPosterior) -> NormalPosterior:
    """A normal approximation of the logarithm of variant / baseline, with its exact moments.

    Cheap where many pairs are compared; `best_arm.compare` integrates instead of approximating.
    """
    mean = float(
        digamma(variant.alpha)
        - digamma(variant.alpha + variant.beta)
        - digamma(baseline.alpha)
        + digamma(baseline.alpha + baseline.beta)
    )
    variance = sum(
        float(polygamma(1, arm.alpha) - polygamma(1, arm.alpha + arm.beta))
        for arm in (baseline, variant)
    )
    return NormalPosterior(mean, math.sqrt(variance))


def _equal_tails(posterior: Posterior, level: float) -> Interval:
    tail = (1 - arguments.probability("the level", level)) / 2
    lower, upper = posterior.quantile([tail, 1 - tail]).tolist()
    return Interval(lower, upper)
