"""Mixture supermartingales and the boundaries they give, which hold at every look.

Howard, Ramdas, McAuliffe and Sekhon 2021, "Time-uniform, nonparametric, nonasymptotic confidence
sequences", Annals of Statistics 49(2), propositions 4 to 9. A sum `s` of deviations with
intrinsic time `v` (the sum of their variances) stays below `mixture_bound(kind, v, alpha)` for
ever with probability `1 - alpha`; `exp(-log_mixture(kind, s, v))` is an always-valid p-value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betainc, betaln, gammainc, gammaincc, gammaln, log_ndtr, zeta

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import finite, not_negative, positive, probability

_DOUBLINGS = 200
_ETA, _S, _DELTA = 2.0, 1.4, 0.5
"""The parameters of stitched bounds that their authors' library takes by default."""


@dataclass(frozen=True, slots=True)
class Mixture:
    """The logarithm of a mixture supermartingale at `(s, v)`, and the largest `s` there can be."""

    log_value: Callable[[float, float], float]
    largest: Callable[[float], float]


def tightest_rho(v_opt: float, alpha_opt: float = 0.05, *, one_sided: bool = False) -> float:
    """The tuning with which a normal mixture's boundary is lowest at intrinsic time `v_opt`.

    Raises:
        InvalidInput: `v_opt` is not above zero, or `alpha_opt` no probability, below 0.5 for
            a one-sided boundary.
    """
    v = positive("v_opt", v_opt)
    level = probability("alpha_opt", alpha_opt)
    if one_sided:
        level = probability("alpha_opt of a one-sided boundary, doubled,", 2 * level)
    doubled = -2 * math.log(level)
    return v / (doubled + math.log1p(doubled))


def normal_mixture(v_opt: float, *, alpha_opt: float = 0.05, one_sided: bool = True) -> Mixture:
    """For sub-Gaussian deviations (propositions 4 and 5)."""
    rho = tightest_rho(v_opt, alpha_opt, one_sided=one_sided)

    def log_value(s: float, v: float) -> float:
        both = 0.5 * math.log(rho / (v + rho)) + s * s / (2 * (v + rho))
        if not one_sided:
            return both
        return both + math.log(2) + float(log_ndtr(s / math.sqrt(v + rho)))

    return Mixture(log_value, lambda _v: math.inf)


def beta_binomial_mixture(
    v_opt: float, g: float, h: float, *, alpha_opt: float = 0.05, one_sided: bool = True
) -> Mixture:
    """For deviations from `-g` to `h` (propositions 6 and 7)."""
    below, above = positive("g", g), positive("h", h)
    rho = tightest_rho(v_opt, alpha_opt, one_sided=one_sided)
    r = max(rho - below * above, 1e-3 * below * above)
    whole = below + above
    cut = above / whole if one_sided else 1.0

    def log_beta(a: float, b: float) -> float:
        part = betainc(a, b, cut) if one_sided else 1.0
        return float(betaln(a, b)) + (math.log(part) if part > 0 else -math.inf)

    normaliser = log_beta(r / (below * whole), r / (above * whole))

    def log_value(s: float, v: float) -> float:
        first, second = v - below * s, v + above * s
        # `first` is zero where every deviation was the largest there is.
        a, b = (r + max(first, 0.0)) / (below * whole), (r + max(second, 0.0)) / (above * whole)
        return (
            v / (below * above) * math.log(whole)
            - second / (above * whole) * math.log(below)
            - first / (below * whole) * math.log(above)
            + log_beta(a, b)
            - normaliser
        )

    return Mixture(log_value, lambda v: v / below)


def gamma_exponential_mixture(v_opt: float, c: float, *, alpha_opt: float = 0.05) -> Mixture:
    """For deviations whose tails are those of an exponential of scale `c` (proposition 8)."""
    scale = positive("c", c)
    rho = tightest_rho(v_opt, alpha_opt, one_sided=True)
    shape = rho / scale**2
    leading = shape * math.log(shape) - gammaln(shape) - math.log(gammainc(shape, shape))

    def log_value(s: float, v: float) -> float:
        a, x = (v + rho) / scale**2, (scale * s + v) / scale**2
        mass = math.log(gammainc(a, x + shape)) - a * math.log(x + shape)
        return float(leading + gammaln(a) + mass + x)

    return Mixture(log_value, lambda _v: math.inf)


def gamma_poisson_mixture(v_opt: float, c: float, *, alpha_opt: float = 0.05) -> Mixture:
    """For deviations whose tails are those of a Poisson of scale `c` (proposition 9)."""
    scale = positive("c", c)
    rho = tightest_rho(v_opt, alpha_opt, one_sided=True)
    shape = rho / scale**2
    leading = shape * math.log(shape) - gammaln(shape) - math.log(gammaincc(shape, shape))

    def log_value(s: float, v: float) -> float:
        x = (v + rho) / scale**2
        a = s / scale + x
        mass = math.log(gammaincc(a, x)) - a * math.log(x)
        return float(leading + gammaln(a) + mass + v / scale**2)

    return Mixture(log_value, lambda _v: math.inf)


def log_mixture(mixture: Mixture, s: float, v: float) -> float:
    """The logarithm of the supermartingale; its reciprocal is an always-valid p-value.

    Raises:
        InvalidInput: `s` is not finite, or `v` negative.
    """
    return mixture.log_value(finite("s", s), not_negative("v", v))


def mixture_bound(mixture: Mixture, v: float, alpha: float = 0.05) -> float:
    """What the sum exceeds with probability `alpha` at most, ever, at intrinsic time `v`.

    Raises:
        InvalidInput: `v` is not above zero, or `alpha` no probability.
    """
    time, threshold = positive("v", v), -math.log(probability("alpha", alpha))

    def excess(s: float) -> float:
        return mixture.log_value(s, time) - threshold

    if excess(0.0) >= 0:
        return 0.0
    upper = mixture.largest(time)
    if math.isinf(upper):
        upper = time
        for _ in range(_DOUBLINGS):
            if excess(upper) > 0:
                break
            upper *= 2
    if excess(upper) < 0:
        return upper
    return float(brentq(excess, 0.0, upper, xtol=1e-12, rtol=1e-14, maxiter=500))


def stitched_bound(
    v: float, alpha: float, v_min: float, *, c: float = 0.0, s: float = 1.4, eta: float = 2.0
) -> float:
    """The polynomial stitched boundary (theorem 1), of the rate of the iterated logarithm.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    time = max(positive("v", v), positive("v_min", v_min))
    if s <= 1 or eta <= 1:
        raise InvalidInput(f"s is {s} and eta {eta}: both must be above 1")
    tail = math.log(float(zeta(s)) / math.log(eta) ** s) - math.log(probability("alpha", alpha))
    level = s * math.log(math.log(eta * time / v_min)) + tail
    first = (eta**0.25 + eta**-0.25) / math.sqrt(2)
    second = (math.sqrt(eta) + 1) / 2 * finite("c", c) * level
    return float(np.sqrt(first**2 * time * level + second**2) + second)


def double_stitched_bound(
    quantile: float, n: float, *, tightest_at: float, alpha: float = 0.05
) -> float:
    """How many ranks an empirical distribution may ever be off, for all its quantiles at once.

    Howard and Ramdas 2022, "Sequential estimation of quantiles with applications to A/B testing
    and best-arm identification", Bernoulli 28(3), theorem 3.

    Args:
        quantile: the one looked at, 0.99 for the 99th percentile.
        n: how many values there are.
        tightest_at: how many values make it narrowest.
        alpha: how often any quantile may ever be off by more.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    p, start = probability("quantile", quantile), positive("tightest_at", tightest_at)
    time = max(positive("n", n), start)
    logit = math.log(p / (1 - p))
    widened = 1 / (1 + math.exp(-(logit + 2 * _DELTA * math.sqrt(start * _ETA / time))))
    r = p if p >= 0.5 else min(0.5, widened)
    variance = r * (1 - r)
    epochs = math.sqrt(time / start) * abs(logit) / (2 * _DELTA) + 1
    sum_of_series = float(zeta(_S))
    level = (
        _S * (math.log(math.log(_ETA * time / start)) + math.log(epochs))
        + math.log(2 * sum_of_series * (2 * sum_of_series + 1))
        - math.log(probability("alpha", alpha) * math.log(_ETA) ** _S)
    )
    growth = (_ETA**0.25 + _ETA**-0.25) / math.sqrt(2)
    skew = (math.sqrt(_ETA) + 1) / 2 * (1 - 2 * p) / 3 * level
    stitched = math.sqrt(growth**2 * variance * time * level + skew**2) + skew
    return _DELTA * math.sqrt(_ETA * time * variance / start) + stitched


def empirical_process_bound(
    n: float, *, starts_at: float, alpha: float = 0.05, scale: float = 0.85
) -> float:
    """How far an empirical distribution function may ever be off, at all its values at once.

    `scale * sqrt((log(1 + log(n / starts_at)) + C) / n)` from `starts_at` values on, before that
    infinite (Howard and Ramdas 2022, corollary 2): of the rate of the iterated logarithm.

    Args:
        n: how many values there are.
        starts_at: from how many on the bound holds, at least 1.
        alpha: how often it may ever be exceeded.
        scale: the leading constant, above `sqrt(1 / 2)`; the smaller it is, the larger is `C`.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    rows, first = positive("n", n), positive("starts_at", starts_at)
    leading, level = positive("scale", scale), probability("alpha", alpha)
    if first < 1:
        raise InvalidInput(f"starts_at is {starts_at}: at least 1 value is needed")
    if leading <= math.sqrt(0.5):
        raise InvalidInput(f"scale is {scale}: it must be above {math.sqrt(0.5):.4f}")
    if rows < first:
        return math.inf
    constant = _iterated_logarithm_constant(leading, level)
    return leading * math.sqrt((math.log1p(math.log(rows / first)) + constant) / rows)


def _iterated_logarithm_constant(scale: float, alpha: float) -> float:
    """The least `C` with which the bound is crossed with probability alpha, by the best epochs."""

    def log_chance(constant: float, log_eta: float) -> float:
        eta = math.exp(log_eta)
        slack = scale - math.sqrt(2 * (eta - 1) / constant)
        rate = 2 / eta * slack * slack
        if slack <= 0 or rate <= 1:
            return math.inf
        return math.log(4) - rate * constant + math.log1p(1 / ((rate - 1) * log_eta))

    def lacking(constant: float) -> float:
        # Epochs may grow until the rate falls to 1.
        widest = float(
            brentq(
                lambda eta: math.sqrt(eta / 2) + math.sqrt(2 * (eta - 1) / constant) - scale,
                1.0,
                2 * scale * scale,
            )
        )
        least = minimize_scalar(
            lambda log_eta: log_chance(constant, log_eta),
            bounds=(math.log(widest) * 1e-6, math.log(widest) * (1 - 1e-9)),
            method="bounded",
            options={"xatol": 1e-12},
        )
        return float(least.fun) - math.log(alpha)

    lower = upper = 1.0
    while lacking(upper) > 0:
        upper *= 2
    while lacking(lower) < 0:
        lower /= 2
    return float(brentq(lacking, lower, upper, xtol=1e-10))
