"""How often an effect is seen that is not there, by those who look all the time.

Two arms of the same distribution, looked at after every hundred rows. The first look that
excludes zero counts, from the burn-in on.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulate.arms import (
    Array,
    Running,
    bernoulli,
    counted,
    shares_variance,
    well_known,
    z_of_difference,
    z_of_lift,
)
from benchmarks.simulate.guarantee import Guarantee, contrast, rate_at_most
from serve_app.experiments.bernoulli_sequence import equality_log_e_value
from serve_app.experiments.confidence_sequence import critical_value

ALPHA = 0.05
ONE_LOOK = 1.959964
LOOKS = 200
TUNINGS = (1_000, 5_000, 20_000)
SHARES = (0.5, 0.1, 0.02)
CHUNK = 100
"""Runs whose rows are in memory at once."""
CORRELATED = 0.8


def measure(effort: float = 1.0) -> list[Guarantee]:
    """Each kind of metric with three tunings, and what looking without correction does."""
    runs = max(300, round(4_000 * effort))
    random = np.random.default_rng(20_260)
    lines: list[Guarantee] = []
    for p in SHARES:
        lines += _shares(random, p, (50, 50), runs)
    lines += _shares(random, 0.1, (95, 5), runs)
    for p, split in ((0.1, (50, 50)), (0.02, (50, 50)), (0.1, (5, 95))):
        lines += _shares(random, p, split, runs, relative=True)
    fewer = max(300, runs // 2)
    lines += _means(random, "lognormal means", _lognormal, fewer)
    lines += _means(random, "lognormal means with CUPED", _adjusted, fewer)
    lines.append(_rare_events(random, max(60, runs // 10)))
    return lines


def _shares(
    random: np.random.Generator,
    p: float,
    split: tuple[int, int],
    runs: int,
    *,
    relative: bool = False,
) -> list[Guarantee]:
    first, second = (
        bernoulli(random, p, np.full(LOOKS, rows, dtype=np.int64), runs) for rows in split
    )
    z_of = z_of_lift if relative else z_of_difference
    z, n = z_of(first, second, (shares_variance(first), shares_variance(second)))
    name = f"share {p:g}, {split[0]}/{split[1]}" + (", relative lift" if relative else "")
    enough = counted((first, second), events=True)
    if relative:
        enough &= well_known(first) & well_known(second)
    return _lines(name, z, n, enough)


def _lines(name: str, z: Array, n: Array, enough: NDArray[np.bool_]) -> list[Guarantee]:
    runs = len(z)
    naive = (np.abs(z) > ONE_LOOK) & enough
    lines = [contrast(f"{name}: tested again and again", naive.any(axis=1).mean(), runs)]
    for tightest_at in TUNINGS:
        seen = (np.abs(z) > critical_value(n, tightest_at=tightest_at, alpha=ALPHA)) & enough
        false = int(seen.any(axis=1).sum())
        title = f"{name}: always valid, tightest at {tightest_at:,}"
        lines.append(rate_at_most(title, ALPHA, false, runs, by_chance=True))
    return lines


Draw = Callable[[np.random.Generator, tuple[int, ...]], tuple[Array, Array | None]]
"""Draws metrics, and covariates where there are some, of that shape."""


def _lognormal(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, None]:
    return random.lognormal(0.0, 1.0, shape), None


def _adjusted(random: np.random.Generator, shape: tuple[int, ...]) -> tuple[Array, Array]:
    before = random.standard_normal(shape)
    during = CORRELATED * before + np.sqrt(1 - CORRELATED**2) * random.standard_normal(shape)
    return np.exp(during), np.exp(before)


def _means(random: np.random.Generator, name: str, draw: Draw, runs: int) -> list[Guarantee]:
    parts = [_z_of_chunk(random, draw, min(CHUNK, runs - start)) for start in range(0, runs, CHUNK)]
    z = np.concatenate([part for part, _ in parts])
    n = parts[0][1]
    return _lines(name, z, n, np.broadcast_to(n >= 200, z.shape))


def _z_of_chunk(random: np.random.Generator, draw: Draw, runs: int) -> tuple[Array, Array]:
    arms, covariates, products = [], [], []
    for _ in range(2):
        metric, before = draw(random, (runs, LOOKS, 50))
        arms.append(_running(metric))
        if before is not None:
            covariates.append(_running(before))
            products.append((metric * before).sum(axis=2).cumsum(axis=1))
    if not covariates:
        return z_of_difference(arms[0], arms[1], (arms[0].variance, arms[1].variance))
    return _z_adjusted((arms[0], arms[1]), (covariates[0], covariates[1]), products)


def _running(values: Array) -> Running:
    n = np.arange(50, 50 * LOOKS + 1, 50).astype(np.float64)
    return Running(n, values.sum(axis=2).cumsum(axis=1), (values**2).sum(axis=2).cumsum(axis=1))


def _z_adjusted(
    arms: tuple[Running, Running], covariates: tuple[Running, Running], products: list[Array]
) -> tuple[Array, Array]:
    """With the slope that `cuped_estimates` takes: that of both arms together, at each look."""
    both = [
        Running(x.n + y.n, x.total + y.total, x.squares + y.squares) for x, y in (arms, covariates)
    ]
    joint = (products[0] + products[1] - both[0].total * both[1].total / both[0].n) / (
        both[0].n - 1
    )
    theta = joint / both[1].variance
    apart, spread = np.zeros_like(theta), np.zeros_like(theta)
    for sign, arm, covariate, product in zip((-1, 1), arms, covariates, products, strict=True):
        covariance = (product - arm.total * covariate.total / arm.n) / (arm.n - 1)
        variance = arm.variance + theta**2 * covariate.variance - 2 * theta * covariance
        apart = apart + sign * (arm.mean - theta * covariate.mean)
        spread = spread + variance / arm.n
    return np.asarray(apart / np.sqrt(spread)), arms[0].n + arms[1].n


def _rare_events(random: np.random.Generator, runs: int) -> Guarantee:
    """Shares of 0.001, exactly: 20 looks at up to 5,000 rows of each arm."""
    batches = np.full(20, 250, dtype=np.int64)
    arms = [bernoulli(random, 0.001, batches, runs) for _ in range(2)]
    threshold = float(np.log(1 / ALPHA))
    false = sum(
        any(
            equality_log_e_value(
                (int(arms[0].total[run, look]), int(n)),
                (int(arms[1].total[run, look]), int(n)),
                tightest_at=2_000,
            )
            >= threshold
            for look, n in enumerate(arms[0].n)
        )
        for run in range(runs)
    )
    return rate_at_most("share 0.001: exact", ALPHA, false, runs, by_chance=True)
