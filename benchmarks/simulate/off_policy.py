"""What another policy would have earned, from the log of a bandit that learns as it goes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.simulate.guarantee import Guarantee, at_most, contrast, rate_at_most
from serve_app.experiments.confidence_sequence import critical_value
from serve_app.experiments.off_policy import bounded_sequence

REWARDS = np.array([0.3, 0.5])
TARGET = np.array([0.25, 0.75])
VALUE = float(REWARDS @ TARGET)
DECISIONS = 3_000
FLOOR = 0.1
BURN_IN = 200
Floats = npt.NDArray[np.float64]


def measure(effort: float = 1.0) -> list[Guarantee]:
    """Bounds that are exact and the asymptotic sequence, both at every decision."""
    runs = max(150, round(1_000 * effort))
    rewards, propensities, target = bandit_log(np.random.default_rng(17), runs)
    missed = 0
    widths = []
    for run in range(runs):
        bounds = bounded_sequence(
            rewards[run], propensities[run], target[run], tightest_at=DECISIONS
        )
        missed += bool((bounds.lower > VALUE).any() or (bounds.upper < VALUE).any())
        widths.append(bounds.interval.width)
    asymptotic, naive = missed_by_means(rewards * target / propensities)
    return [
        rate_at_most(
            f"bounds miss the value at any of {DECISIONS:,} decisions",
            0.05,
            missed,
            runs,
            by_chance=True,
        ),
        at_most("width of the bounds after the last", 0.1, float(np.mean(widths))),
        rate_at_most(
            f"asymptotic sequence misses it, from decision {BURN_IN} on",
            0.05,
            asymptotic,
            runs,
            by_chance=True,
        ),
        contrast("95 % interval at each decision misses it", naive / runs, runs),
    ]


def bandit_log(rng: np.random.Generator, runs: int) -> tuple[Floats, Floats, Floats]:
    """Rewards, propensities and the target's probabilities, a row per run of a greedy bandit."""
    taken = np.ones((runs, 2))
    earned = np.full((runs, 2), 0.5)
    log = np.empty((3, runs, DECISIONS))
    for decision in range(DECISIONS):
        best = np.argmax(earned / taken, axis=1)
        second = np.where(best == 1, 1 - FLOOR, FLOOR)
        arm = (rng.random(runs) < second).astype(int)
        reward = (rng.random(runs) < REWARDS[arm]).astype(float)
        log[:, :, decision] = reward, np.where(arm == 1, second, 1 - second), TARGET[arm]
        taken[np.arange(runs), arm] += 1
        earned[np.arange(runs), arm] += reward
    return log[0], log[1], log[2]


def missed_by_means(terms: Floats) -> tuple[int, int]:
    """The runs whose sequence, or 95 % interval, misses the value at any decision."""
    n = np.arange(1, DECISIONS + 1)
    means = terms.cumsum(axis=1) / n
    variances = np.maximum((terms**2).cumsum(axis=1) / n - means**2, 0) * n / np.maximum(n - 1, 1)
    apart = np.abs(means - VALUE)[:, BURN_IN:] / np.sqrt(variances / n)[:, BURN_IN:]
    reach = critical_value(n, tightest_at=DECISIONS)[BURN_IN:]
    sequence = int((apart > reach).any(axis=1).sum())
    return sequence, int((apart > 1.96).any(axis=1).sum())
