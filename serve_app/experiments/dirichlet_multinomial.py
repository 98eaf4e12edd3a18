"""The evidence of counts against given shares, valid however often one looks.

The e-value is the likelihood of the counts averaged over a Dirichlet distribution of shares
around the expected ones, divided by their likelihood at the expected ones. Its mean is at most 1
at any time while the shares are as expected, so it exceeds 1 / alpha at any time with a
probability of at most alpha (Ville's inequality). Lindon and Malek, "Anytime-Valid Inference for
Multinomial Count Data" (2022).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from serve_app.experiments.arrays import Floats

CONCENTRATION = 10_000.0
"""How tightly the averaged shares lie around the expected ones, where nothing else is set."""


def log_e_values(
    counts: npt.ArrayLike,
    shares: npt.ArrayLike,
    concentration: float = CONCENTRATION,
    centre: npt.ArrayLike | None = None,
) -> Floats:
    """Natural logarithms of e-values of counts, over the last axis; the others are kept.

    `counts` are those since the test began, `shares` are above 0 and sum to 1. The Dirichlet
    distribution has the parameters `concentration` times `centre`, which is `shares` where
    nothing else is given. A small concentration finds large differences early, a large one small
    differences late.
    """
    from scipy.special import gammaln  # noqa: PLC0415 - counts of two shares do without SciPy

    n = np.asarray(counts, dtype=np.float64)
    expected = np.asarray(shares, dtype=np.float64)
    middle = expected if centre is None else np.asarray(centre, dtype=np.float64)
    alpha = concentration * middle
    averaged = (gammaln(alpha + n) - gammaln(alpha)).sum(axis=-1)
    averaged += gammaln(alpha.sum(axis=-1)) - gammaln((alpha + n).sum(axis=-1))
    return np.asarray(averaged - (n * np.log(expected)).sum(axis=-1), dtype=np.float64)


def log_e_value_of_two(first: int, second: int, concentration: float) -> float:
    """The same of two counts that should be equal."""
    half, n = concentration / 2, first + second
    averaged = math.lgamma(half + first) + math.lgamma(half + second) - 2 * math.lgamma(half)
    averaged += math.lgamma(concentration) - math.lgamma(concentration + n)
    return averaged + n * math.log(2)


def tightest_concentration(tightest_at: float, alpha: float) -> float:
    """The concentration with which `tightest_at` counts of two shares suffice to tell most.

    Of the beta-binomial mixture in S. R. Howard, A. Ramdas, J. McAuliffe and J. Sekhon,
    "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49
    (2021), tuned by the closed form for the normal mixture.
    """
    doubled = -2 * math.log(alpha)
    return max(tightest_at / (doubled + math.log1p(doubled)) - 1, 1e-3)
