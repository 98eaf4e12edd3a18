"""Two equally good models on the same requests, looked at again and again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.simulate.guarantee import Guarantee, contrast, rate_at_least, rate_at_most
from serve_app.experiments.paired import mcnemar_p_value_now, paired_sequence, paired_test

REQUESTS = 5_000
LOOKS = range(100, REQUESTS + 1, 100)
ALPHA = 0.05
Floats = npt.NDArray[np.float64]


def measure(effort: float = 1.0) -> list[Guarantee]:
    """Losses of 0 and 1 and such with heavy tails, and one model that errs less."""
    runs = max(60, round(1_000 * effort))
    fewer = max(60, runs // 5)
    random = np.random.default_rng(19)
    rare = random.choice([-1.0, 0.0, 1.0], (runs, REQUESTS), p=[0.05, 0.9, 0.05])
    heavy = random.normal(0, 1, (runs, REQUESTS)) ** 3
    better = random.choice([-1.0, 0.0, 1.0], (fewer, REQUESTS), p=[0.08, 0.87, 0.05])
    false = {
        "losses of 0 and 1": alarms(rare, sequence_p_value),
        "losses with heavy tails": alarms(heavy, sequence_p_value),
        "McNemar at every look": mcnemar_alarms(rare),
    }
    naive = alarms(heavy, lambda n, total, squares: paired_test(n, total, squares).p_value)
    return [
        *(
            rate_at_most(
                f"{name}: false positives, {len(LOOKS)} looks", ALPHA, events, runs, by_chance=True
            )
            for name, events in false.items()
        ),
        contrast("Student's t at each look", naive / runs, runs),
        rate_at_least(
            "errors on 5 % instead of 8 % are seen", 0.95, alarms(better, sequence_p_value), fewer
        ),
    ]


def sequence_p_value(n: int, total: float, squares: float) -> float:
    """That of the paired sequence, tuned for the last look."""
    return paired_sequence(n, total, squares, tightest_at=REQUESTS, alpha=ALPHA).p_value


def alarms(differences: Floats, p_value: Callable[[int, float, float], float]) -> int:
    """The runs in which a p-value is below alpha at any look."""
    totals = differences.cumsum(axis=1)
    squares = (differences**2).cumsum(axis=1)
    alarming = [
        any(p_value(look, total[look - 1], square[look - 1]) < ALPHA for look in LOOKS)
        for total, square in zip(totals, squares, strict=True)
    ]
    return sum(alarming)


def mcnemar_alarms(differences: Floats) -> int:
    """The runs in which McNemar's p-value at every look is below alpha at any."""
    first = (differences > 0).cumsum(axis=1)
    second = (differences < 0).cumsum(axis=1)
    alarming = [
        any(
            mcnemar_p_value_now(int(b[look - 1]), int(c[look - 1]), tightest_at=500) < ALPHA
            for look in LOOKS
        )
        for b, c in zip(first, second, strict=True)
    ]
    return sum(alarming)
