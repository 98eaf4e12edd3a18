"""What another way of routing would have earned, from decisions logged with their propensities.

Each row is a decision: its reward, the probability with which it was taken (the propensity), and
the probability with which the target policy would take the same decision for the same request.
Their quotient weighs the reward. Propensities have to be those logged when deciding, never ones
estimated later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from serve_app.errors import InvalidInput
from serve_app.experiments import arguments, arrays
from serve_app.experiments.arrays import Floats, Numbers
from serve_app.experiments.estimate import Estimate, unadjusted
from serve_app.experiments.interval import Interval


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """The mean reward of a target policy, with an interval for one look.

    `effective_sample_size` is how many decisions of the target policy itself would tell as much:
    below some dozens, believe nothing. `clipped` rows had a weight above the largest allowed one,
    which biases the value towards 0 and makes it vary less.
    """

    n: int
    value: float
    standard_error: float
    interval: Interval
    effective_sample_size: float
    largest_weight: float
    clipped: int

    @property
    def estimate(self) -> Estimate:
        """For `confidence_sequence.mean_sequence`, which holds at every look."""
        return unadjusted(self.n, self.value, self.n * self.standard_error**2)


@dataclass(frozen=True, slots=True, eq=False)
class ValueSequence:
    """Between what the value of a policy lies, after each row; valid at all rows together."""

    lower: Floats
    upper: Floats

    @property
    def interval(self) -> Interval:
        """After the last row."""
        return Interval(float(self.lower[-1]), float(self.upper[-1]))


def inverse_propensity(
    rewards: Numbers,
    propensities: Numbers,
    target: Numbers,
    *,
    largest_weight: float | None = None,
    alpha: float = 0.05,
) -> PolicyValue:
    """The mean of rewards times weights (IPS; D. G. Horvitz and D. J. Thompson, JASA 47, 1952).

    Unbiased where no weight is clipped, and the less certain the more the policies differ.

    Raises:
        InvalidInput: there are fewer than 2 rows, not one of each per row, a number is NaN or
            infinite, a propensity is not above 0, a probability above 1, or no weight above 0.
    """
    logged = _logged(rewards, propensities, target, largest_weight)
    return _value(logged, logged.weights * logged.rewards, alpha)


def self_normalised(
    rewards: Numbers,
    propensities: Numbers,
    target: Numbers,
    *,
    largest_weight: float | None = None,
    alpha: float = 0.05,
) -> PolicyValue:
    """Rewards averaged with weights that sum to 1 (SNIPS; A. Swaminathan and T. Joachims, 2015).

    It lies between the smallest and the largest reward, varies less than IPS, and does not change
    with an offset of rewards; its bias vanishes as rows come. Its standard error is the delta
    method's.

    Raises:
        InvalidInput: as `inverse_propensity`.
    """
    logged = _logged(rewards, propensities, target, largest_weight)
    mean_weight = float(logged.weights.mean())
    value = float((logged.weights * logged.rewards).mean()) / mean_weight
    return _value(logged, value + logged.weights * (logged.rewards - value) / mean_weight, alpha)


def doubly_robust(  # noqa: PLR0913 - a column of the log each
    rewards: Numbers,
    propensities: Numbers,
    target: Numbers,
    predicted: Numbers,
    predicted_of_target: Numbers,
    *,
    largest_weight: float | None = None,
    alpha: float = 0.05,
) -> PolicyValue:
    """A model of rewards, corrected by weighted residuals (M. Dudík, J. Langford and L. Li, 2011).

    `predicted` is the reward that the model expects of each logged decision, `predicted_of_target`
    what it expects of the target policy's decision, averaged over its probabilities. Right where
    the propensities are, whatever the model; the better the model, the narrower.

    Raises:
        InvalidInput: as `inverse_propensity`.
    """
    logged = _logged(rewards, propensities, target, largest_weight)
    of_logged = arrays.numbers("the predicted rewards", predicted)
    of_target = arrays.numbers("the predicted rewards of the target policy", predicted_of_target)
    arrays.same_length(rewards=logged.rewards, predicted=of_logged, predicted_of_target=of_target)
    return _value(logged, of_target + logged.weights * (logged.rewards - of_logged), alpha)


def bounded_sequence(  # noqa: PLR0913 - a column of the log each, and what bounds the rewards
    rewards: Numbers,
    propensities: Numbers,
    target: Numbers,
    *,
    tightest_at: float,
    lowest: float = 0.0,
    highest: float = 1.0,
    alpha: float = 0.05,
) -> ValueSequence:
    """Between what the target policy's mean reward lies, at every row and for any number of rows.

    Holds without approximation for rewards between `lowest` and `highest`, however large the
    weights become, provided that the logging policy could take whatever the target policy takes.
    It is narrowest after about `tightest_at` rows, which are chosen before the first comes.
    Predictable empirical-Bernstein bounds from below, of rewards and of what they lack to the
    highest (I. Waudby-Smith, L. Wu, A. Ramdas and N. Karampatziakis, "Anytime-valid off-policy
    inference for contextual bandits", 2022).

    Raises:
        InvalidInput: as `inverse_propensity`, or a reward is outside its bounds.
    """
    logged = _logged(rewards, propensities, target, None)
    width = arguments.finite("highest", highest) - arguments.finite("lowest", lowest)
    if width <= 0:
        raise InvalidInput(f"rewards cannot lie between {lowest} and {highest}")
    scaled = (logged.rewards - lowest) / width
    if (scaled < 0).any() or (scaled > 1).any():
        wrong = float(logged.rewards[(scaled < 0) | (scaled > 1)][0])
        raise InvalidInput(
            f"a reward is {wrong}; it has to lie between {lowest} and {highest}, or the bounds "
            "have to be wider"
        )
    tail = arguments.probability("alpha", alpha) / 2
    rows = arguments.positive("tightest_at", tightest_at)
    lower = _bound_from_below(logged.weights * scaled, tail, rows)
    upper = 1 - _bound_from_below(logged.weights * (1 - scaled), tail, rows)
    return ValueSequence(lowest + width * lower, lowest + width * upper)


@dataclass(frozen=True, slots=True, eq=False)
class _Logged:
    rewards: Floats
    weights: Floats
    clipped: int


def _logged(
    rewards: Numbers, propensities: Numbers, target: Numbers, largest_weight: float | None
) -> _Logged:
    earned = arrays.numbers("the rewards", rewards, at_least=2)
    taken = arrays.numbers("the propensities", propensities, at_least=2)
    wanted = arrays.numbers("the target policy's probabilities", target, at_least=2)
    arrays.same_length(rewards=earned, propensities=taken, target=wanted)
    if (taken <= 0).any() or (taken > 1).any():
        wrong = float(taken[(taken <= 0) | (taken > 1)][0])
        raise InvalidInput(f"a propensity is {wrong}; what was taken had one above 0, at most 1")
    if (wanted < 0).any() or (wanted > 1).any():
        wrong = float(wanted[(wanted < 0) | (wanted > 1)][0])
        raise InvalidInput(f"a probability of the target policy is {wrong}; it is from 0 to 1")
    weights = wanted / taken
    if not weights.any():
        raise InvalidInput("the target policy takes none of the logged decisions")
    if largest_weight is None:
        return _Logged(earned, weights, 0)
    limit = arguments.positive("the largest weight", largest_weight)
    return _Logged(earned, np.minimum(weights, limit), int((weights > limit).sum()))


def _value(logged: _Logged, contributions: Floats, alpha: float) -> PolicyValue:
    n = len(contributions)
    value = float(contributions.mean())
    error = float(contributions.std(ddof=1)) / math.sqrt(n)
    reach = -NormalDist().inv_cdf(arguments.probability("alpha", alpha) / 2) * error
    weights = logged.weights
    return PolicyValue(
        n=n,
        value=value,
        standard_error=error,
        interval=Interval(value - reach, value + reach),
        effective_sample_size=float(weights.sum() ** 2 / (weights**2).sum()),
        largest_weight=float(weights.max()),
        clipped=logged.clipped,
    )


def _bound_from_below(values: Floats, alpha: float, tightest_at: float) -> Floats:
    """The highest lower bound so far of a mean from 0 to 1, of values from 0 up."""
    rows = np.arange(1, len(values) + 1)
    means = np.minimum(1.0, (0.5 + np.cumsum(values)) / (rows + 1))
    variances = (0.25 + np.cumsum((values - means) ** 2)) / (rows + 1)
    # What a bet rests on has to be known before its row.
    mean_before = np.concatenate([[0.5], means[:-1]])
    variance_before = np.concatenate([[0.25], variances[:-1]])
    threshold = math.log(1 / alpha)
    # The best bet for `tightest_at` rows until then; later ones shrink so that bounds still meet.
    horizon = np.maximum(tightest_at, rows * np.log1p(rows) / math.log1p(tightest_at))
    bets = np.minimum(0.5, np.sqrt(2 * threshold / (variance_before * horizon)))
    paid = (values - mean_before) ** 2 * (-np.log1p(-bets) - bets)
    bound = (np.cumsum(bets * values) - np.cumsum(paid) - threshold) / np.cumsum(bets)
    return np.maximum.accumulate(np.clip(bound, 0.0, 1.0))
