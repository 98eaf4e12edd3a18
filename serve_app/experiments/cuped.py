"""CUPED: less variance by what is known of each subject from before the experiment.

Deng, Xu, Kohavi and Walker 2013, "Improving the Sensitivity of Online Controlled Experiments by
Utilizing Pre-Experiment Data": the mean minus `theta` times the covariate's, with one `theta`
for all arms. Assignment does not change what was before, so the difference of adjusted means is
that of the means; its variance shrinks by the square of the correlation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import finite
from serve_app.experiments.estimate import Estimate, Sums, covariance_of, variance_of


@dataclass(frozen=True, slots=True)
class CovariateSums:
    """Sums of a metric and of its covariate from before, over the same subjects of one arm.

    `products` is the sum of the products of both, subject by subject.
    """

    metric: Sums
    covariate: Sums
    products: float

    def __add__(self, other: CovariateSums) -> CovariateSums:
        return CovariateSums(
            self.metric + other.metric,
            self.covariate + other.covariate,
            self.products + other.products,
        )


def pooled_theta(arms: Sequence[CovariateSums]) -> float:
    """The covariance of metric and covariate over the covariate's variance, of all arms.

    Zero where the covariate, or the metric, does not vary: nothing can be learned from it.

    Raises:
        InvalidInput: there is no arm, or its sums cannot be.
    """
    if not arms:
        raise InvalidInput("there are no arms to learn from")
    pool = arms[0]
    for arm in arms[1:]:
        pool = pool + arm
    _check(pool)
    spread = variance_of(pool.covariate, "the covariate")
    if spread == 0 or variance_of(pool.metric) == 0:
        return 0.0
    return _covariance(pool) / spread


def cuped_estimates(
    arms: Sequence[CovariateSums], *, theta: float | None = None
) -> tuple[Estimate, ...]:
    """The adjusted mean of each arm, in order.

    Args:
        arms: sums of each arm.
        theta: how much of the covariate is taken off; by default that of all arms together.

    Raises:
        InvalidInput: an arm's sums are not of the same subjects, or cannot be.
    """
    for arm in arms:
        _check(arm)
    slope = pooled_theta(arms) if theta is None else finite("theta", theta)
    return tuple(_adjusted(arm, slope) for arm in arms)


def _check(arm: CovariateSums) -> None:
    if arm.metric.n != arm.covariate.n:
        raise InvalidInput(
            f"the metric is of {arm.metric.n} subjects and its covariate of {arm.covariate.n}:"
            " sum both over the same; a subject without a past counts with 0"
        )


def _covariance(arm: CovariateSums) -> float:
    return covariance_of(arm.metric.n, arm.metric.total, arm.covariate.total, arm.products)


def _adjusted(arm: CovariateSums, theta: float) -> Estimate:
    n = arm.metric.n
    of_metric, of_covariate = variance_of(arm.metric), variance_of(arm.covariate, "the covariate")
    covariance = _covariance(arm)
    mean = arm.metric.total / n
    return Estimate(
        n=n,
        value=mean - theta * arm.covariate.total / n,
        variance=max(of_metric + theta * theta * of_covariate - 2 * theta * covariance, 0.0),
        centre=mean,
        baseline=mean,
        baseline_variance=of_metric,
        baseline_covariance=of_metric - theta * covariance,
    )


@dataclass(frozen=True, slots=True)
class RatioCovariateSums:
    """Sums of a ratio metric's two parts, during the experiment and before, of one arm.

    `metrics` are the sums of numerator, denominator, and both from before, in this order;
    `products` a 4 x 4 symmetric matrix of sums of products of any two. Its diagonal repeats
    the sums of squares.
    """

    metrics: tuple[Sums, Sums, Sums, Sums]
    products: tuple[tuple[float, float, float, float], ...]


def ratio_cuped_estimates(arms: Sequence[RatioCovariateSums]) -> tuple[Estimate, ...]:
    """The adjusted ratio of each arm: the delta method on both ratios, and CUPED between them.

    `theta` is the covariance of both linearised ratios within arms over the variance of the
    one from before, both weighted by the subjects of each arm.

    Raises:
        InvalidInput: an arm's sums cannot be, or a denominator's sum is zero.
    """
    if not arms:
        raise InvalidInput("there are no arms to learn from")
    linear = [_linearised(arm) for arm in arms]
    shared = sum(one.n * one.covariance[0, 1] for one in linear)
    spread = sum(one.n * one.covariance[1, 1] for one in linear)
    theta = float(shared / spread) if spread > 0 else 0.0
    weights = np.array([1.0, -theta])
    return tuple(
        Estimate(
            n=one.n,
            value=one.now - theta * one.before,
            variance=max(float(weights @ one.covariance @ weights), 0.0),
            centre=one.now - theta * one.before,
            baseline=one.now,
            baseline_variance=float(one.covariance[0, 0]),
            baseline_covariance=float(one.covariance[0] @ weights),
        )
        for one in linear
    )


@dataclass(frozen=True, slots=True)
class _Linearised:
    """Both ratios of an arm and the 2 x 2 covariance of their linear parts."""

    n: int
    now: float
    before: float
    covariance: np.ndarray


def _linearised(arm: RatioCovariateSums) -> _Linearised:
    n = arm.metrics[0].n
    if any(metric.n != n for metric in arm.metrics):
        raise InvalidInput("the four sums of a ratio with a covariate must be of the same subjects")
    totals = [metric.total for metric in arm.metrics]
    if totals[1] == 0 or totals[3] == 0:
        raise InvalidInput("a denominator's sum is zero: there is no ratio to it")
    whole = np.array(
        [
            [
                variance_of(arm.metrics[i])
                if i == j
                else covariance_of(n, totals[i], totals[j], arm.products[i][j])
                for j in range(4)
            ]
            for i in range(4)
        ]
    )
    now, before = totals[0] / totals[1], totals[2] / totals[3]
    gradient = np.zeros((2, 4))
    gradient[0, :2] = np.array([1, -now]) / (totals[1] / n)
    gradient[1, 2:] = np.array([1, -before]) / (totals[3] / n)
    return _Linearised(n, now, before, gradient @ whole @ gradient.T)
