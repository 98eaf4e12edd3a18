"""The probability of each of several beta distributions to give the largest number."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_STEPS = np.sinh(np.linspace(-4.0, 4.0, 513))
"""Standard deviations from the mean at which densities are computed: dense there, far outside."""
_EVERYWHERE = np.linspace(0.0, 1.0, 129)
_END = 1e-12


def probability_best(
    alphas: Sequence[float] | NDArray[np.float64], betas: Sequence[float] | NDArray[np.float64]
) -> NDArray[np.float64]:
    """P(X_i = max_j X_j) of independent X_i ~ Beta(alpha_i, beta_i), to about 1e-4.

    The integral of f_i(x) times the product of F_j(x) over all others j, by the trapezoid rule.
    Parameters are 1 or more; the result adds up to 1.
    """
    a, b = np.asarray(alphas, float)[:, None], np.asarray(betas, float)[:, None]
    mean = a / (a + b)
    deviation = np.sqrt(mean * (1 - mean) / (a + b + 1))
    points = np.concatenate([_EVERYWHERE, (mean + deviation * _STEPS).ravel()])
    x = np.unique(np.clip(points, _END, 1 - _END))
    logs = (a - 1) * np.log(x) + (b - 1) * np.log1p(-x)
    # Whatever they are divided by, densities are made to integrate to 1 below.
    density = np.exp(logs - logs.max(axis=1, keepdims=True))
    width = np.diff(x)
    parts = (density[:, 1:] + density[:, :-1]) / 2 * width
    below = np.cumsum(np.concatenate([np.zeros_like(a), parts], axis=1), axis=1)
    total = below[:, -1:]
    below = below / total
    others = np.empty_like(below)
    for arm in range(len(a)):
        others[arm] = np.delete(below, arm, axis=0).prod(axis=0)
    integrand = density / total * others
    best = ((integrand[:, 1:] + integrand[:, :-1]) / 2 * width).sum(axis=1)
    shares: NDArray[np.float64] = best / best.sum()
    return shares
