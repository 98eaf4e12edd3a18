"""Weights of an ensemble that sum to one, by which its held-out loss is least.

Both losses are convex, so that a gap bounds how much better any other weights could be; learning
ends when that is small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LEAST = 1e-15
"""Probabilities below count as this much, so that one mistake does not cost infinitely."""
_MOST_STEPS = 50_000
_GAP = 1e-7


def log_loss(weights: Floats, of_truth: Floats) -> float:
    """The mean of -ln p, p being the weighted mean of the members' probabilities of the truth.

    `of_truth` has shape (rows, members).
    """
    return float(-np.log(np.clip(of_truth, _LEAST, 1.0) @ weights).mean())


def squared_loss(weights: Floats, values: Floats, truth: Floats) -> float:
    """The mean squared error of the weighted mean of the members' values.

    `values` has shape (rows, members), `truth` (rows,).
    """
    return float(np.square(values @ weights - truth).mean())


def least_log_loss(of_truth: Floats) -> Floats:
    """The weights of the least `log_loss`, to 1e-7 of it.

    By expectation maximisation, in which a member's weight is multiplied by its mean share of the
    mixture; none can do better by more than the largest of these factors less 1.
    Source: Dempster, Laird and Rubin, "Maximum Likelihood from Incomplete Data via the EM
    Algorithm" (JRSS B 1977), example 4.3.

    Raises:
        ValueError: there are no rows or no members.
    """
    shares = np.clip(of_truth, _LEAST, 1.0)
    weights = _equal(shares)
    for _ in range(_MOST_STEPS):
        factors = (shares / (shares @ weights)[:, None]).mean(axis=0)
        if factors.max() - 1 <= _GAP:
            break
        weights = weights * factors
    return _tidy(weights)


def least_squared_loss(values: Floats, truth: Floats) -> Floats:
    """The weights, 0 or more each and 1 in all, of the least `squared_loss`.

    By accelerated projected gradients on the members' products, so that a step costs nothing by
    the row. Sources: Beck and Teboulle, "A Fast Iterative Shrinkage-Thresholding Algorithm"
    (SIAM J. Imaging Sciences 2009); the gap is that of Frank and Wolfe (1956).

    Raises:
        ValueError: there are no rows or no members.
    """
    weights = _equal(values)
    # Weights sum to one: what is learned are combinations of the members' errors.
    errors = values - truth[:, None]
    products = errors.T @ errors / len(errors)
    steepest = float(np.linalg.norm(products, 2))
    if not steepest:
        return weights
    ahead, momentum = weights, 1.0
    for _ in range(_MOST_STEPS):
        slope = products @ weights
        if float(slope @ weights - slope.min()) <= _GAP * float(weights @ slope):
            break
        former, weights = weights, _projected(ahead - products @ ahead / steepest)
        grown = (1 + np.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = weights + (momentum - 1) / grown * (weights - former)
        momentum = 1.0 if (ahead - weights) @ (products @ weights) > 0 else float(grown)
    return _tidy(weights)


def _equal(members: Floats) -> Floats:
    rows, count = members.shape
    if not rows or not count:
        raise ValueError("weights are learned from rows, of one member or more")
    return np.full(count, 1 / count)


def _tidy(weights: Floats) -> Floats:
    """Four decimals are more than held-out rows tell; a member below is not worth asking."""
    rounded = np.round(weights, 4)
    tidy: Floats = rounded / rounded.sum()
    return tidy


def _projected(point: Floats) -> Floats:
    """The nearest point whose parts are 0 or more and sum to one.

    Source: Duchi, Shalev-Shwartz, Singer and Chandra, "Efficient Projections onto the l1-Ball"
    (ICML 2008), figure 1.
    """
    falling = np.sort(point)[::-1]
    excess = (np.cumsum(falling) - 1) / np.arange(1, len(point) + 1)
    kept = np.flatnonzero(falling > excess)[-1]
    projected: Floats = np.maximum(point - excess[kept], 0)
    return projected
