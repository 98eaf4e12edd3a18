"""What the requests of a bandit would have earned with one arm alone, from logged propensities."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.experiments.confidence_sequence import BURN_IN_EVENTS, mean_sequence
from serve_app.experiments.off_policy import bounded_sequence, self_normalised
from serve_app.monitoring.bandit_rewards import Decision

MOST_DECISIONS = 200_000
"""The newest ones that are looked at."""
LEAST_DECISIONS = 30
"""Of the arm itself: fewer tell nothing of what it would earn."""
TIGHTEST_AT = 1_000
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class ArmWorth:
    """The mean reward if an arm always answered, between `low` and `high` 95 times of 100.

    `n` decisions were looked at, of all arms; as many as `effective_sample_size` decisions of the
    arm itself, had it always answered, would tell as much.
    """

    value: float
    low: float
    high: float
    n: int
    effective_sample_size: float

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "effective_sample_size": self.effective_sample_size,
        }


def worth_of_arms(made: Iterable[Decision], arms: Iterable[str]) -> dict[str, ArmWorth]:
    """What each arm would have earned, where enough of its own decisions say so.

    Decisions that were no matter of chance, or whose propensity was not logged, do not count. Of
    an arm those count that came after its first one: before, it may not have been there. Rewards
    are weighed by the inverse of propensities, and weights sum to 1 (SNIPS); the interval is an
    asymptotic confidence sequence of the average over that time. Where nearly all rewards of an
    arm are equal it is exact instead, by `off_policy.bounded_sequence`, which would not hold where
    rewards change as time goes.
    """
    by_chance = [one for one in made if one.propensity is not None and 0.0 < one.propensity < 1.0]
    newest = sorted(by_chance, key=lambda one: (one.at_s, one.prediction_id))[-MOST_DECISIONS:]
    worth = ((arm, _worth(newest, arm)) for arm in arms)
    return {arm: one for arm, one in worth if one is not None}


def _worth(decisions: Sequence[Decision], arm: str) -> ArmWorth | None:
    chosen = np.array([one.arm == arm for one in decisions], dtype=np.float64)
    if chosen.sum() <= LEAST_DECISIONS:
        return None
    after = int(np.argmax(chosen)) + 1
    target = chosen[after:]
    rewards = np.array([one.reward for one in decisions[after:]])
    propensities = np.array([one.propensity for one in decisions[after:]], dtype=np.float64)
    value = self_normalised(rewards, propensities, target)
    bounds = mean_sequence(value.estimate, tightest_at=TIGHTEST_AT, alpha=ALPHA)
    if _hardly_vary(rewards[target > 0]):
        bounds = bounded_sequence(
            rewards, propensities, target, tightest_at=TIGHTEST_AT, alpha=ALPHA
        ).interval
    return ArmWorth(
        value.value,
        max(0.0, bounds.lower),
        min(1.0, bounds.upper),
        len(target),
        value.effective_sample_size,
    )


def _hardly_vary(rewards: NDArray[np.float64]) -> bool:
    """Whether too few rewards are unlike the others to say how much they vary."""
    counts = np.unique(rewards, return_counts=True)[1]
    return bool(len(rewards) - counts.max() < BURN_IN_EVENTS)
