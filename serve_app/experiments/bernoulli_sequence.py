"""Exact confidence sequences for shares, at every look and from the first row on.

The beta-binomial mixture of `mixture.py` around each possible share (Howard et al. 2021,
section 5): no approximation, so that 3 errors of 2,000 requests are judged rightly. An **e-value**
measures evidence against a hypothesis: under it, the chance that it ever reaches `1 / alpha` is at
most `alpha`; e-values of independent data multiply.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betaln, xlogy

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import (
    count,
    finite,
    not_negative,
    positive,
    probability,
)
from serve_app.experiments.interval import Interval
from serve_app.experiments.mixture import tightest_rho

Shares = NDArray[np.float64]
Counts = tuple[float, float]
"""Of how many rows something is true, and how many there are."""
_STEPS = 60
"""Shares at which the evidence about a difference is looked for before it is minimised."""
_EDGE = 1e-12


def bernoulli_log_e_value(
    successes: int, trials: int, rate: float, *, tightest_at: float, alpha_opt: float = 0.05
) -> float:
    """The logarithm of the evidence against the true share being `rate`.

    Args:
        successes: rows where something is true.
        trials: all rows.
        rate: the share under the null hypothesis, strictly between 0 and 1.
        tightest_at: rows at which the sequence is narrowest.
        alpha_opt: the level for which it is.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    happened, rows = _counts(successes, trials)
    share = probability("rate", rate)
    strength = _strength(positive("tightest_at", tightest_at), alpha_opt)
    return float(_log_e_value((happened, rows), np.array([share]), strength)[0])


def bernoulli_sequence(
    successes: int,
    trials: int,
    *,
    tightest_at: float,
    alpha: float = 0.05,
    alpha_opt: float = 0.05,
) -> Interval:
    """Where a share lies, at every look: from 0 to 1 while little is known.

    Args:
        successes: rows where something is true.
        trials: all rows, 0 or more.
        tightest_at: rows at which the sequence is narrowest; chosen before the data are seen.
        alpha: how often the true share may ever lie outside.
        alpha_opt: the level for which `tightest_at` was chosen.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    happened, rows = _counts(successes, trials)
    strength = _strength(positive("tightest_at", tightest_at), alpha_opt)
    threshold = -math.log(probability("alpha", alpha))
    if rows == 0:
        return Interval(0.0, 1.0)
    share = happened / rows

    def excess(rate: float) -> float:
        return float(_log_e_value((happened, rows), np.array([rate]), strength)[0]) - threshold

    lower, upper = 0.0, 1.0
    if share > 0 and excess(_EDGE) > 0:
        top = min(share, 1 - _EDGE)
        lower = float(brentq(excess, _EDGE, top, xtol=1e-13)) if excess(top) < 0 else top
    if share < 1 and excess(1 - _EDGE) > 0:
        bottom = max(share, _EDGE)
        upper = float(brentq(excess, bottom, 1 - _EDGE, xtol=1e-13)) if excess(bottom) < 0 else 1.0
    return Interval(lower, upper)


@dataclass(frozen=True, slots=True)
class BernoulliDifference:
    """The treatment's share minus the control's, with its interval and the evidence.

    `e_value` is that against both shares being equal, infinite where it is too large to write;
    `p_value` its reciprocal, 1 at most.
    """

    difference: float
    interval: Interval
    e_value: float
    p_value: float
    alpha: float


def bernoulli_difference(
    control: tuple[int, int],
    treatment: tuple[int, int],
    *,
    tightest_at: float,
    alpha: float = 0.05,
) -> BernoulliDifference:
    """How far two shares are apart, exactly and at every look.

    The evidence against a difference `d` is the product of both arms' e-values, for the pair of
    shares `d` apart for which it is smallest. That is an e-value too, and gives narrower
    intervals than two sequences at half of alpha each.

    Args:
        control: successes and trials of the control.
        treatment: successes and trials of the treatment.
        tightest_at: rows of each arm at which its sequence is narrowest.
        alpha: how often the true difference may ever lie outside.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    return _apart(_counts(*control), _counts(*treatment), tightest_at, alpha)


def bounded_ratio_difference(
    control: tuple[float, float],
    treatment: tuple[float, float],
    *,
    tightest_at: float,
    alpha: float = 0.05,
) -> BernoulliDifference:
    """How far two ratios are apart, exactly and at every look, as of shares.

    Each independent unit adds `a` to the numerator and `b` to the denominator, with
    0 <= a <= b <= 1: the failed requests of a subject and all of them, by the most that one can
    have. A product of likelihood ratios of shares is an e-value of such sums too, since each factor
    `exp(a x + b y)` is convex in both and so at most linear between its values at the corners.

    Args:
        control: numerator and denominator of the control, summed over its units.
        treatment: those of the treatment.
        tightest_at: the denominator of each arm at which its sequence is narrowest.
        alpha: how often the true difference may ever lie outside.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    return _apart(_sums(*control), _sums(*treatment), tightest_at, alpha)


def _apart(first: Counts, second: Counts, tightest_at: float, alpha: float) -> BernoulliDifference:
    strength = _strength(positive("tightest_at", tightest_at), 0.05)
    level = probability("alpha", alpha)
    if not first[1] or not second[1]:
        return BernoulliDifference(math.nan, Interval(-1.0, 1.0), 1.0, 1.0, level)
    difference = second[0] / second[1] - first[0] / first[1]

    def evidence(apart: float) -> float:
        return _least_evidence(first, second, apart, strength)

    def excess(apart: float) -> float:
        return evidence(apart) + math.log(level)

    lower, upper, nearly = -1.0, 1.0, 1 - 1e-9
    if excess(difference) >= 0:
        # Only where alpha is within rounding of 1.
        lower = upper = difference
    else:
        if difference > -nearly and excess(-nearly) > 0:
            lower = float(brentq(excess, -nearly, difference, xtol=1e-10))
        if difference < nearly and excess(nearly) > 0:
            upper = float(brentq(excess, difference, nearly, xtol=1e-10))
    against_equal = evidence(0.0)
    e_value = math.exp(against_equal) if against_equal < 700 else math.inf
    p_value = min(1.0, math.exp(-against_equal)) if against_equal > 0 else 1.0
    return BernoulliDifference(difference, Interval(lower, upper), e_value, p_value, level)


def equality_log_e_value(
    control: tuple[int, int], treatment: tuple[int, int], *, tightest_at: float
) -> float:
    """The logarithm of the evidence against both shares being equal, as of the difference.

    What a check that runs all the time needs: it costs a thirtieth of the interval.

    Args:
        control: successes and trials of the control.
        treatment: successes and trials of the treatment.
        tightest_at: rows of each arm at which its sequence is narrowest.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    first, second = _counts(*control), _counts(*treatment)
    strength = _strength(positive("tightest_at", tightest_at), 0.05)
    if not first[1] or not second[1]:
        return 0.0
    return _least_evidence(first, second, 0.0, strength)


def _counts(successes: float, trials: float) -> tuple[int, int]:
    happened, rows = count("the number of successes", successes), count("of trials", trials)
    if happened > rows:
        raise InvalidInput(f"{happened} successes of {rows} trials: there are more than trials")
    return happened, rows


def _sums(numerator: float, denominator: float) -> Counts:
    part = not_negative("the numerator", numerator)
    whole = not_negative("the denominator", denominator)
    if part > whole:
        raise InvalidInput(f"the numerator {part:g} is above the denominator {whole:g}")
    return part, whole


def _strength(tightest_at: float, alpha_opt: float) -> float:
    """How many rows the mixing beta distribution is worth, so that it is narrowest there."""
    return max(tightest_rho(tightest_at, alpha_opt) - 1, 1e-3)


def _log_e_value(counts: Counts, rate: Shares, strength: float) -> Shares:
    """The two-sided mixture of `mixture.py` for shares: a beta around the rate, to the data."""
    happened, missing = counts[0], counts[1] - counts[0]
    other = 1 - rate
    value: Shares = (
        betaln(strength * rate + happened, strength * other + missing)
        - betaln(strength * rate, strength * other)
        - xlogy(happened, rate)
        - xlogy(missing, other)
    )
    return value


def _least_evidence(control: Counts, treatment: Counts, apart: float, strength: float) -> float:
    """The least evidence against any pair of shares that far apart."""
    low, high = max(0.0, -finite("the difference", apart)), min(1.0, 1 - apart)
    span = high - low
    low, high = low + _EDGE * span, high - _EDGE * span

    def both(rate: Shares) -> Shares:
        shares = np.clip(rate, _EDGE, 1 - _EDGE), np.clip(rate + apart, _EDGE, 1 - _EDGE)
        return _log_e_value(control, shares[0], strength) + _log_e_value(
            treatment, shares[1], strength
        )

    # Where both arms' shares would be if they were as observed, and a grid for what lies between.
    shares = np.concatenate(
        [
            np.linspace(low, high, _STEPS),
            np.clip([control[0] / control[1], treatment[0] / treatment[1] - apart], low, high),
            np.clip([(control[0] + treatment[0]) / (control[1] + treatment[1])], low, high),
        ]
    )
    shares = np.unique(shares)
    values = both(shares)
    best = int(np.argmin(values))
    bounds = shares[max(best - 1, 0)], shares[min(best + 1, len(shares) - 1)]
    if bounds[0] == bounds[1]:
        return float(values[best])
    minimum = minimize_scalar(
        lambda rate: float(both(np.array([rate]))[0]),
        bounds=bounds,
        method="bounded",
        options={"xatol": 1e-12},
    )
    return min(float(minimum.fun), float(values[best]))
