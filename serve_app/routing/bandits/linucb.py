"""LinUCB: the arm of the highest upper bound of a linear reward answers, by what a request holds.

Source: Li, Chu, Langford and Schapire, "A Contextual-Bandit Approach to Personalized News Article
Recommendation" (WWW 2010), algorithm 1 (disjoint linear models).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.routing.bandits.arms import Shares, among_best

Array = NDArray[np.float64]
_LARGEST = 1e100
_FARTHEST = 1e3
"""A value so many standard deviations from the mean counts as if it were no further."""


@dataclass(frozen=True, eq=False)
class LinearArm:
    """The rewarded decisions for one arm, added up; v is a decision's context after a 1.

    `outer` is the sum of v vᵀ, of shape (1 + features, 1 + features), `weighted` that of reward
    times v, of shape (1 + features,). Their first elements are the decisions and the reward.
    """

    outer: Array
    weighted: Array

    @classmethod
    def untried(cls, features: int) -> LinearArm:
        """An arm that nothing is known of."""
        return cls(np.zeros((1 + features, 1 + features)), np.zeros(1 + features))

    @property
    def decisions(self) -> int:
        """How many decisions have a reward."""
        return round(float(self.outer[0, 0]))

    def updated(self, contexts: Array, rewards: Array) -> LinearArm:
        """The arm after further decisions; contexts are of shape (decisions, features)."""
        vectors = np.column_stack([np.ones(len(rewards)), contexts])
        return LinearArm(self.outer + vectors.T @ vectors, self.weighted + vectors.T @ rewards)

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return {"outer": self.outer.tolist(), "weighted": self.weighted.tolist()}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> LinearArm:
        """Read what `to_json` wrote."""
        return cls(np.array(body["outer"], float), np.array(body["weighted"], float))


class LinUcb:
    """Chooses by the linear models of arms, which are solved once when it is made.

    Features are centred and scaled by the contexts of all arms together, and each model has the
    ridge 1. `alpha` is how many standard deviations above the expected reward the bound lies.
    """

    def __init__(self, arms: Sequence[LinearArm], alpha: float) -> None:
        self._alpha = alpha
        untried = np.array([arm.decisions == 0 for arm in arms])
        # The best arm is looked for among those of which something is known.
        self._handicap = np.where(untried, -np.inf, 0.0)
        self._shares = tuple(among_best(one, untried) for one in np.eye(len(arms)))
        pooled = np.sum([arm.outer for arm in arms], axis=0)
        self._mean, self._deviation = _moments(pooled)
        scaling = _scaling(self._mean, self._deviation)
        ridge = np.eye(len(pooled))
        precisions = np.stack([ridge + scaling @ arm.outer @ scaling.T for arm in arms])
        self._inverse = np.linalg.inv(precisions)
        moments = np.stack([scaling @ arm.weighted for arm in arms])
        self._coefficients = (self._inverse @ moments[:, :, None])[:, :, 0]

    def bounds(self, context: Array) -> Array:
        """The upper bound of the reward of each arm, of shape (arms,).

        What is no finite number counts as the mean.
        """
        vector = np.ones(1 + len(context))
        scaled = (context.clip(-_LARGEST, _LARGEST) - self._mean) / self._deviation
        vector[1:] = np.where(np.isfinite(context), scaled.clip(-_FARTHEST, _FARTHEST), 0.0)
        variance = (self._inverse @ vector) @ vector
        bounds: Array = self._coefficients @ vector + self._alpha * np.sqrt(variance)
        return bounds

    def best(self, context: Array) -> int:
        """The arm of the highest bound, of those that were tried."""
        return int((self.bounds(context) + self._handicap).argmax())

    def shares_of(self, best: int) -> Shares:
        """The probability of each arm to answer where one is the best."""
        return self._shares[best]

    def shares(self, context: Array) -> Shares:
        """The probability of each arm to answer a request of this context."""
        return self.shares_of(self.best(context))


def _moments(pooled: Array) -> tuple[Array, Array]:
    """The mean and the deviation of each feature; of what never varies, the deviation 1."""
    decisions = pooled[0, 0]
    if not decisions:
        return np.zeros(len(pooled) - 1), np.ones(len(pooled) - 1)
    mean = pooled[0, 1:] / decisions
    variance = np.diag(pooled)[1:] / decisions - mean**2
    # What rounding leaves of a column that never varies is no variance.
    constant = variance <= 1e-12 * (1 + mean**2)
    return mean, np.sqrt(np.where(constant, 1.0, variance))


def _scaling(mean: Array, deviation: Array) -> Array:
    """What makes of a 1 and a context a 1 and features of mean 0 and deviation 1."""
    scaling: Array = np.eye(1 + len(mean))
    scaling[1:, 0] = -mean / deviation
    scaling[1:, 1:] = np.diag(1 / deviation)
    return scaling
