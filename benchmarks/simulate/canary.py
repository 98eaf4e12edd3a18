"""A canary with a tenth of 3,600 requests a minute, judged by its errors every minute.

The one-sided confidence sequence of the difference of error rates, at 0.05 and tightest at
10,000 requests, rolls back at the first minute at which the canary's rate is surely larger, once
it has had 1,000 requests. Tightest at 20,000, it is a little quicker and wrong a little more
often: that is shown for contrast.
"""

from __future__ import annotations

import numpy as np

from benchmarks.simulate.arms import Array, Running, bernoulli, shares_variance, z_of_difference
from benchmarks.simulate.guarantee import Guarantee, at_most, contrast, rate_at_least, rate_at_most
from serve_app.experiments.confidence_sequence import critical_value

ALPHA = 0.05
PER_MINUTE = (3_240, 360)
MINUTES = 300
TIGHTEST_AT = 10_000
QUICKER = 20_000
FIRST_REQUESTS = 1_000
BASE = 0.01
WORSE = 0.015
MEDIAN_MIN = 15.0


def measure(effort: float = 1.0) -> list[Guarantee]:
    """How often a healthy canary is rolled back, and how soon one with more errors is."""
    runs = max(500, round(10_000 * effort))
    random = np.random.default_rng(20_262)
    pairs = [_traffic(random, rate, runs) for rate in (BASE, WORSE, 2 * BASE)]
    healthy, worse, broken = (_minutes(pair, TIGHTEST_AT) for pair in pairs)
    quicker_false, quicker = (_minutes(pair, QUICKER) for pair in pairs[:2])
    false = int(np.isfinite(healthy).sum())
    sure = int(np.isfinite(worse).sum())
    return [
        rate_at_most(
            "healthy canary, 300 minutes: rolled back", 0.01, false, runs, by_chance=effort < 1
        ),
        rate_at_least("errors 1 % -> 1.5 %: rolled back", 1.0, sure, runs),
        at_most("errors 1 % -> 1.5 %: median time", MEDIAN_MIN, float(np.median(worse)), " min"),
        at_most("errors 1 % -> 2 %: median time", MEDIAN_MIN, float(np.median(broken)), " min"),
        contrast(
            f"healthy, tightest at {QUICKER:,}: rolled back",
            float(np.isfinite(quicker_false).mean()),
            runs,
        ),
        at_most(
            f"errors 1 % -> 1.5 %, tightest at {QUICKER:,}: median time",
            MEDIAN_MIN,
            float(np.median(quicker)),
            " min",
        ),
    ]


def _traffic(random: np.random.Generator, rate: float, runs: int) -> tuple[Running, Running]:
    control, canary = (
        bernoulli(random, share, np.full(MINUTES, rows, dtype=np.int64), runs)
        for share, rows in zip((BASE, rate), PER_MINUTE, strict=True)
    )
    return control, canary


def _minutes(arms: tuple[Running, Running], tightest_at: int) -> Array:
    """The minute at which each run is rolled back, infinite where it never is."""
    control, canary = arms
    z, n = z_of_difference(control, canary, (shares_variance(control), shares_variance(canary)))
    reach = critical_value(n, tightest_at=tightest_at, alpha=ALPHA, side="greater")
    crossed = (z > reach) & (canary.n >= FIRST_REQUESTS)
    minutes: Array = np.where(crossed.any(axis=1), crossed.argmax(axis=1) + 1.0, np.inf)
    return minutes
