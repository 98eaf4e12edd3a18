"""Two models on the same requests: how often they agree, and which is closer to the truth.

A table of answers has a row per class of the first model and a column per class of the second.
Pairs tell far more than two separate samples, since each request is answered twice. All but
`paired_test` does without SciPy, which images that only serve do not have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from serve_app.errors import InvalidInput
from serve_app.experiments import arguments, arrays
from serve_app.experiments.arguments import Alternative
from serve_app.experiments.arrays import Floats, Numbers
from serve_app.experiments.confidence_sequence import always_valid_p_value, critical_value
from serve_app.experiments.dirichlet_multinomial import log_e_value_of_two, tightest_concentration
from serve_app.experiments.estimate import Estimate, mean_estimate
from serve_app.experiments.interval import Comparison, Interval, around

Weighting = Literal["none", "linear", "quadratic"]
"""How near misses count for Cohen's kappa: not at all, or the less the further apart they are."""

_EXACT, _NORMAL = 1_000, 10_000_000
"""Up to so many tosses chances are quotients of whole numbers; of more than that, those of the
normal distribution with a correction for continuity, right within 1e-5 of themselves."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """On how many of n requests two models gave the same answer, with Wilson's interval."""

    n: int
    agreed: int
    rate: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Kappa:
    """Agreement beyond chance: 1 where all agree, 0 where chance would do as well.

    `standard_error` is for intervals, `standard_error_under_chance` for the test of kappa = 0
    that `z` and the two-sided `p_value` are of.
    """

    value: float
    standard_error: float
    interval: Interval
    standard_error_under_chance: float
    z: float
    p_value: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """Whether two models are right equally often, from the requests that one alone got right.

    `statistic` and `p_value` are of the chi-square test, `corrected_statistic` and
    `corrected_p_value` of that with Edwards' continuity correction, `exact_p_value` of the
    binomial test, `mid_p_value` half-way between steps of the latter. All p-values are two-sided
    and hold for one look.
    """

    only_first: int
    only_second: int
    statistic: float
    p_value: float
    corrected_statistic: float
    corrected_p_value: float
    exact_p_value: float
    mid_p_value: float


@dataclass(frozen=True, slots=True)
class ScoreDifferences:
    """How the scores of the second model differ from those of the first.

    `quantiles` are of the differences, by share: `quantiles[0.95]`.
    """

    n: int
    mean: float
    standard_deviation: float
    mean_absolute: float
    largest_absolute: float
    quantiles: dict[float, float]


def agreement(table: npt.ArrayLike, *, alpha: float = 0.05) -> Agreement:
    """How often two models gave the same answer.

    Raises:
        InvalidInput: the table is not square, holds what is no count, or is empty.
    """
    counts = _table(table)
    n, agreed = int(counts.sum()), int(np.trace(counts))
    z = _two_sided(alpha)
    rate = agreed / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    lower = 0.0 if agreed == 0 else centre - half
    upper = 1.0 if agreed == n else centre + half
    return Agreement(n, agreed, rate, Interval(lower, upper))


def cohens_kappa(
    table: npt.ArrayLike, *, weighting: Weighting = "none", alpha: float = 0.05
) -> Kappa | None:
    """Cohen's kappa with its standard errors; None where both gave one same answer throughout.

    J. L. Fleiss, J. Cohen and B. S. Everitt, Psychological Bulletin 72 (1969). With a weighting,
    the classes are in order, and misses by one class count less than those by two.

    Raises:
        InvalidInput: the table is not square, holds what is no count, or is empty; there is no
            such weighting, or alpha is no probability.
    """
    counts = _table(table)
    n = counts.sum()
    shares = counts / n
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    weights = _agreement_weights(len(shares), weighting)
    observed = float((weights * shares).sum())
    chance = float(rows @ weights @ columns)
    if chance >= 1 - 1e-12:
        return None
    value = (observed - chance) / (1 - chance)
    means = (weights @ columns)[:, None] + (rows @ weights)[None, :]
    spread = float((shares * (weights - means * (1 - value)) ** 2).sum())
    variance = (spread - (value - chance * (1 - value)) ** 2) / (n * (1 - chance) ** 2)
    under_chance = float((np.outer(rows, columns) * (weights - means) ** 2).sum()) - chance**2
    error = math.sqrt(max(0.0, variance))
    error_under_chance = math.sqrt(max(0.0, under_chance) / n) / (1 - chance)
    z = value / error_under_chance if error_under_chance > 0 else 0.0
    reach = _two_sided(alpha) * error
    limits = Interval(max(-1.0, value - reach), min(1.0, value + reach))
    return Kappa(value, error, limits, error_under_chance, z, math.erfc(abs(z) / math.sqrt(2)))


def mcnemar(only_first: int, only_second: int) -> McNemar:
    """Test once whether two models are right equally often.

    `only_first` requests were answered rightly by the first model alone, `only_second` by the
    second alone; requests on which both were right, or both wrong, say nothing. Where those are
    fewer than about 25, take the exact p-value. With none at all every p-value is 1.

    Raises:
        InvalidInput: a count is not a whole number from 0 up.
    """
    b, c = _discordant(only_first, only_second)
    n = b + c
    if n == 0:
        return McNemar(0, 0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0)
    statistic = (b - c) ** 2 / n
    corrected = max(abs(b - c) - 1, 0) ** 2 / n
    fewer = min(b, c)
    at, up_to = _tosses(fewer, n)
    exact = min(1.0, 2 * up_to)
    mid = 1.0 if b == c else 2 * up_to - at
    return McNemar(
        only_first=b,
        only_second=c,
        statistic=statistic,
        p_value=_chi_square_tail(statistic),
        corrected_statistic=corrected,
        corrected_p_value=_chi_square_tail(corrected),
        exact_p_value=exact,
        mid_p_value=min(1.0, mid),
    )


def mcnemar_p_value_now(
    only_first: int, only_second: int, *, tightest_at: float = 100.0, alpha: float = 0.05
) -> float:
    """The same two-sided test, valid at every look; it is exact for any number of requests.

    The smallest that it ever was is an always-valid p-value. `tightest_at` is after how many
    requests that one model alone got right it tells most, at a level of `alpha`.

    Raises:
        InvalidInput: a count is not a whole number from 0 up, `tightest_at` is not above 0, or
            alpha is no probability.
    """
    b, c = _discordant(only_first, only_second)
    arguments.positive("tightest_at", tightest_at)
    concentration = tightest_concentration(tightest_at, arguments.probability("alpha", alpha))
    return min(1.0, math.exp(-log_e_value_of_two(b, c, concentration)))


def score_differences(
    first: Numbers, second: Numbers, shares: Sequence[float] = (0.01, 0.05, 0.5, 0.95, 0.99)
) -> ScoreDifferences:
    """The distribution of second minus first, request by request.

    Raises:
        InvalidInput: there are fewer than 2 scores or not equally many, one is NaN or infinite,
            or a share is not between 0 and 1.
    """
    before = arrays.numbers("the scores of the first model", first, at_least=2)
    after = arrays.numbers("the scores of the second model", second, at_least=2)
    n = arrays.same_length(first=before, second=after)
    for one in shares:
        arguments.probability("a share of the quantiles", one)
    apart = after - before
    values = np.quantile(apart, list(shares)).tolist() if shares else []
    return ScoreDifferences(
        n=n,
        mean=float(apart.mean()),
        standard_deviation=float(apart.std(ddof=1)),
        mean_absolute=float(np.abs(apart).mean()),
        largest_absolute=float(np.abs(apart).max()),
        quantiles=dict(zip(shares, values, strict=True)),
    )


def paired_test(
    n: int, total: float, squares: float, *, side: Alternative = "two-sided", alpha: float = 0.05
) -> Comparison:
    """Student's t test of differences per request, for one look.

    `total` is the sum of n differences, second minus first, and `squares` that of their squares.

    Raises:
        InvalidInput: there are fewer than 2 differences, the sums cannot be, or an argument is
            out of its range.
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - all else here does without SciPy

    side = arguments.alternative(side)
    level = arguments.probability("alpha", alpha)
    estimate = mean_estimate(n, total, squares)
    error = estimate.standard_error
    if error == 0:
        return _unvarying(estimate, side, level)
    t = estimate.value / error
    tail = level / 2 if side == "two-sided" else level
    reach = -float(stdtrit(n - 1, tail)) * error
    by_side = {
        "greater": float(stdtr(n - 1, -t)),
        "less": float(stdtr(n - 1, t)),
        "two-sided": 2 * float(stdtr(n - 1, -abs(t))),
    }
    interval = around(estimate.value, reach, side)
    return Comparison(estimate.value, error, interval, by_side[side], side, 0.0, level)


def paired_sequence(
    n: int,
    total: float,
    squares: float,
    *,
    tightest_at: float,
    side: Alternative = "two-sided",
    alpha: float = 0.05,
) -> Comparison:
    """Whether differences per request are 0 on average, however often that is looked at.

    Of losses, second minus first: below 0 where the second model is better. The approximation is
    that of the central limit theorem, so results count from about 100 requests on, of which some
    differ. `tightest_at` is the number of requests at which the interval is narrowest.

    Raises:
        InvalidInput: there are fewer than 2 differences, the sums cannot be, or an argument is
            out of its range.
    """
    side = arguments.alternative(side)
    estimate = mean_estimate(n, total, squares)
    error = estimate.standard_error
    if error == 0:
        return _unvarying(estimate, side, arguments.probability("alpha", alpha))
    reach = float(critical_value(n, tightest_at=tightest_at, alpha=alpha, side=side)) * error
    p_value = always_valid_p_value(
        estimate.value / error, n, tightest_at=tightest_at, alpha=alpha, side=side
    )
    interval = around(estimate.value, reach, side)
    return Comparison(estimate.value, error, interval, p_value, side, 0.0, alpha)


def _unvarying(estimate: Estimate, side: Alternative, alpha: float) -> Comparison:
    """Equal differences say nothing of how they vary, so nothing is excluded."""
    everything = Interval(-math.inf, math.inf)
    return Comparison(estimate.value, 0.0, everything, 1.0, side, 0.0, alpha)


def _two_sided(alpha: float) -> float:
    """How many standard errors an interval for one look reaches to each side."""
    return -NormalDist().inv_cdf(arguments.probability("alpha", alpha) / 2)


def _chi_square_tail(statistic: float) -> float:
    """The chance of more than that, with one degree of freedom."""
    return math.erfc(math.sqrt(statistic / 2))


def _tosses(heads: int, n: int) -> tuple[float, float]:
    """The chances of exactly and of at most so many heads among n tosses; at most half of them."""
    missing = n - 2 * heads
    if n > _NORMAL:
        exactly = math.sqrt(2 / (math.pi * n)) * math.exp(-missing / n * missing / 2)
        return exactly, math.erfc((missing - 1) / math.sqrt(2 * n)) / 2
    if n <= _EXACT:
        exactly = math.comb(n, heads) / 2**n
    else:
        ways = math.lgamma(n + 1) - math.lgamma(heads + 1) - math.lgamma(n - heads + 1)
        exactly = math.exp(ways - n * math.log(2))
    # Each chance is that of one head more times k / (n - k + 1); they soon add nothing.
    k = heads - np.arange(min(heads, 5 * math.isqrt(n) + 50))
    return exactly, exactly * (1.0 + float(np.cumprod(k / (n - k + 1)).sum()))


def _discordant(only_first: int, only_second: int) -> tuple[int, int]:
    """The requests that one model alone got right."""
    counts = arrays.counts("the requests that one alone got right", [only_first, only_second])
    return int(counts[0]), int(counts[1])


def _table(table: npt.ArrayLike) -> Floats:
    counts = arrays.counts("the table of answers", table)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise InvalidInput(
            f"the table of answers has the shape {counts.shape}; it needs a row and a column for "
            "each class"
        )
    if counts.sum() == 0:
        raise InvalidInput("the table of answers is empty; both models need to answer something")
    return counts


def _agreement_weights(classes: int, weighting: Weighting) -> Floats:
    apart = np.abs(np.subtract.outer(np.arange(classes), np.arange(classes))).astype(np.float64)
    furthest = max(classes - 1, 1)
    if weighting == "none":
        return np.eye(classes)
    if weighting == "linear":
        return 1 - apart / furthest
    if weighting == "quadratic":
        return 1 - (apart / furthest) ** 2
    raise InvalidInput(f"there is no weighting {weighting!r}: it is none, linear or quadratic")
