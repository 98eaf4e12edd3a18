"""How often an effect is found that is there, with the rows that one look needs for 0.8.

Shares of 0.10 and 0.11 and 14,748 rows of each arm, looked at once, ten times or a hundred
times; and how many rows a look at any time needs for the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulate.arms import Array, bernoulli, shares_variance, z_of_difference
from benchmarks.simulate.guarantee import Guarantee, at_most, contrast, rate_at_least, rate_at_most
from serve_app.experiments.confidence_sequence import critical_value
from serve_app.experiments.effect import difference
from serve_app.experiments.estimate import unadjusted
from serve_app.experiments.group_sequential import group_sequential_design
from serve_app.experiments.plans import AlwaysValidPlan
from serve_app.experiments.power import sample_price

ALPHA = 0.05
ROWS = 14_748
LOOKS = 100
FEW_LOOKS = 10
BASE, BETTER = 0.10, 0.11
LARGER = 1.7


def measure(effort: float = 1.0) -> list[Guarantee]:
    """Power of each way of looking, and how often each is wrong with the same rows."""
    runs = max(1_000, round(10_000 * effort))
    random = np.random.default_rng(20_261)
    z, n = _runs(random, BETTER, ROWS, runs)
    null_z, _ = _runs(random, BASE, ROWS, runs)
    few = np.arange(LOOKS // FEW_LOOKS - 1, LOOKS, LOOKS // FEW_LOOKS)
    by_chance = effort < 1
    lines = [
        contrast("one look: power", float((np.abs(z[:, -1]) > 1.959964).mean()), runs),
        contrast("100 looks, uncorrected: false", _naive(null_z), runs),
    ]
    for spending in ("obrien-fleming", "pocock"):
        design = group_sequential_design(
            [float(x) for x in n[few] / n[-1]], alpha=ALPHA, spending=spending
        )
        title = f"10 looks, {spending}"
        false = _crossed(null_z[:, few], np.array(design.boundaries))
        lines.append(rate_at_most(f"{title}: false", ALPHA, false, runs, by_chance=True))
        found = _crossed(z[:, few], np.array(design.boundaries))
        if spending == "obrien-fleming":
            lines.append(rate_at_least(f"{title}: power", 0.78, found, runs, by_chance=by_chance))
        else:
            lines.append(contrast(f"{title}: power", found / runs, runs))
    reach = critical_value(n, tightest_at=2 * ROWS, alpha=ALPHA)
    title = "100 looks, always valid"
    lines.append(
        rate_at_most(f"{title}: false", ALPHA, _crossed(null_z, reach), runs, by_chance=True)
    )
    lines.append(
        rate_at_least(f"{title}: power", 0.50, _crossed(z, reach), runs, by_chance=by_chance)
    )
    z, n = _runs(random, BETTER, round(LARGER * ROWS), runs)
    found = _crossed(z, critical_value(n, tightest_at=2 * ROWS, alpha=ALPHA))
    lines.append(
        rate_at_least(
            f"{title}, {LARGER} x the rows: power", 0.78, found, runs, by_chance=by_chance
        )
    )
    lines.append(at_most("the price of looking all the time, computed", 1.75, _price(), " x"))
    return lines


def _runs(random: np.random.Generator, p: float, rows: int, runs: int) -> tuple[Array, Array]:
    ends = np.round(np.linspace(0, rows, LOOKS + 1)).astype(np.int64)
    batches: NDArray[np.int64] = np.diff(ends)
    arms = [bernoulli(random, share, batches, runs) for share in (BASE, p)]
    return z_of_difference(arms[0], arms[1], (shares_variance(arms[0]), shares_variance(arms[1])))


def _crossed(z: Array, bounds: Array) -> int:
    return int((np.abs(z) >= bounds).any(axis=1).sum())


def _naive(z: Array) -> float:
    return float((np.abs(z) > 1.959964).any(axis=1).mean())


def _price() -> float:
    expected = difference(
        unadjusted(ROWS, BASE, BASE * (1 - BASE)), unadjusted(ROWS, BETTER, BETTER * (1 - BETTER))
    )
    return sample_price(expected, AlwaysValidPlan(tightest_at=2 * ROWS, looks=LOOKS))
