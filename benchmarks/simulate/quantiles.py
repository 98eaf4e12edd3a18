"""Intervals of the 95th percentile and of its difference between two arms of equal latency."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from benchmarks.simulate.guarantee import Guarantee, rate_at_most
from serve_app.experiments.quantile import (
    quantile_difference,
    quantile_difference_sequence,
    quantile_interval,
)

SHARE = 0.95
VALUES = 1_000
LOOKS = range(100, VALUES + 1, 100)
TRUTH_MS = 20 * float(np.exp(0.6 * ndtri(SHARE)))


def measure(effort: float = 1.0) -> list[Guarantee]:
    """One arm and two arms at one look, and two arms at every hundredth value."""
    runs = max(100, round(2_000 * effort))
    random = np.random.default_rng(18)
    missed, apart, ever_apart = 0, 0, 0
    for _ in range(runs):
        control, treatment = 20 * random.lognormal(0, 0.6, (2, VALUES))
        missed += not quantile_interval(control, SHARE).interval.contains(TRUTH_MS)
        apart += not quantile_difference(control, treatment, SHARE).interval.contains(0)
        ever_apart += excluded_at_any_look(control, treatment)
    names = {
        "p95 interval misses the value, one look": missed,
        "equal p95 are told apart, one look": apart,
        f"equal p95 are told apart, {len(LOOKS)} looks": ever_apart,
    }
    return [
        rate_at_most(name, 0.05, events, runs, by_chance=True) for name, events in names.items()
    ]


def excluded_at_any_look(
    control: npt.NDArray[np.float64], treatment: npt.NDArray[np.float64]
) -> bool:
    """Whether the sequence ever tells equal arms apart."""
    for look in LOOKS:
        result = quantile_difference_sequence(
            control[:look], treatment[:look], SHARE, tightest_at=VALUES
        )
        if not result.interval.contains(0):
            return True
    return False
