"""The sample ratio looked at 200 times: false alarms, and how soon a mismatch is seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from benchmarks.simulate.guarantee import (
    Guarantee,
    at_most,
    contrast,
    rate_at_least,
    rate_at_most,
)
from serve_app.experiments.sample_ratio import ALPHA, sequential

USERS = 40_000
LOOKS = 200
PER_LOOK = USERS // LOOKS
Counts = npt.NDArray[np.int64]


def measure(effort: float = 1.0) -> list[Guarantee]:
    """Fair arms at constant and at changing weights, and arms of 52/48 instead of 50/50."""
    runs = max(200, round(4_000 * effort))
    random = np.random.default_rng(16)
    even = np.full(LOOKS, 0.5)
    fair = random.binomial(PER_LOOK, even, (runs, LOOKS))
    changing = np.repeat([0.5, 0.9], LOOKS // 2)
    changed = random.binomial(PER_LOOK, changing, (runs, LOOKS))
    fewer = max(200, runs // 10)
    users = users_until_alarm(random.binomial(PER_LOOK, 0.52, (fewer, LOOKS)))
    seen = int(np.isfinite(users).sum())
    return [
        rate_at_most(
            f"false alarms at {ALPHA:g}, {LOOKS} looks of {USERS:,} users",
            ALPHA,
            alarms(fair, even),
            runs,
            by_chance=False,
        ),
        rate_at_most(
            "the same, weights going from 50/50 to 90/10",
            ALPHA,
            alarms(changed, changing),
            runs,
            by_chance=False,
        ),
        contrast("false alarms of chi-square at each look", repeated_chi_square(fair), runs),
        rate_at_least("52/48 for 50/50 is seen", 1.0, seen, fewer),
        at_most("users until that is seen, median", 20_000, float(np.median(users))),
    ]


def first_alarms(first: Counts, shares: npt.NDArray[np.float64]) -> list[int | None]:
    """The look of the first alarm in each run, from arrivals in the first of two arms."""
    weights = np.stack([shares, 1 - shares], axis=1)
    arrivals = np.stack([first, PER_LOOK - first], axis=-1)
    return [sequential(run, weights).first_alarm for run in arrivals]


def alarms(first: Counts, shares: npt.NDArray[np.float64]) -> int:
    """The runs with an alarm at any look."""
    return sum(look is not None for look in first_alarms(first, shares))


def users_until_alarm(first: Counts) -> npt.NDArray[np.float64]:
    """How many users had come when each run alarmed; infinite where none did."""
    looks = first_alarms(first, np.full(LOOKS, 0.5))
    return np.array([np.inf if look is None else (look + 1.0) * PER_LOOK for look in looks])


def repeated_chi_square(first: Counts) -> float:
    """The share of runs that the test for one look alarms in, if it is used at each."""
    users = np.arange(1, LOOKS + 1) * float(PER_LOOK)
    statistic = (2 * first.cumsum(axis=1) - users) ** 2 / users
    return float((chdtrc(1, statistic) <= ALPHA).any(axis=1).mean())
