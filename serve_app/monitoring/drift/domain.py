"""Drift of features together: whether a classifier can tell rows of a window from the reference.

The AUC of its scores on rows that it was not fitted on is 0.5 where nothing changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.drift.multivariate import Matrix
from serve_app.monitoring.drift.special import special

Score = Callable[[Matrix], Matrix]
Fit = Callable[[Matrix, NDArray[np.bool_]], Score]
"""Fits rows and which of them are current; the result scores rows, current ones higher."""

MAX_PRODUCTS = 32
"""Columns up to which products of two are terms as well: 32 make 528 of them."""


@dataclass(frozen=True, slots=True)
class AucTest:
    """How well current rows are told from the reference's, and whether that is chance."""

    auc: float
    standard_error: float
    """Of the AUC where nothing changed."""
    p: float
    """How likely an AUC at least as large is by chance."""


def auc(scores: Matrix, positive: NDArray[np.bool_]) -> float:
    """The chance that a positive row scores above a negative one; ties count half.

    Raises:
        ValueError: All rows are of one kind.
    """
    positives = int(positive.sum())
    negatives = positive.size - positives
    if not positives or not negatives:
        raise ValueError("an AUC needs rows of both kinds")
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = (last - (counts - 1) / 2)[places]
    above = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def fit_quadratic(rows: Matrix, current: NDArray[np.bool_], *, ridge: float = 1.0) -> Score:
    """Logistic regression on standardised columns, their squares and their products.

    It sees shifts, changes of spread and changes of correlation. Both kinds of rows weigh the
    same; `ridge` is the penalty, in rows.
    """
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale == 0] = 1.0

    def terms(matrix: Matrix) -> Matrix:
        # Clipped, so that one absurd value cannot own the fit.
        columns = ((matrix - mean) / scale).clip(-6, 6)
        parts = [np.ones((len(columns), 1)), columns, columns**2 - 1]
        if columns.shape[1] <= MAX_PRODUCTS:
            left, right = np.triu_indices(columns.shape[1], 1)
            parts.append(columns[:, left] * columns[:, right])
        return np.concatenate(parts, axis=1)

    weights = np.where(current, 0.5 / max(current.sum(), 1), 0.5 / max((~current).sum(), 1))
    coefficients = _logistic(terms(rows), current, weights * current.size, ridge)
    return lambda matrix: terms(matrix) @ coefficients


def _logistic(
    terms: Matrix, current: NDArray[np.bool_], weights: Matrix, ridge: float, steps: int = 8
) -> Matrix:
    """Coefficients by Newton's method, which the penalty keeps finite."""
    penalty = np.full(terms.shape[1], ridge)
    penalty[0] = 1e-6
    coefficients = np.zeros(terms.shape[1])
    for _ in range(steps):
        chances = special().expit(terms @ coefficients)
        slope = terms.T @ (weights * (current - chances)) - penalty * coefficients
        curve = (terms * (weights * chances * (1 - chances))[:, None]).T @ terms
        step = np.linalg.solve(curve + np.diag(penalty), slope)
        coefficients = coefficients + step
        if np.abs(step).max() < 1e-6:
            break
    return coefficients


def domain_test(
    reference: Matrix,
    current: Matrix,
    *,
    random: np.random.Generator,
    fit: Fit = fit_quadratic,
) -> AucTest:
    """Whether a classifier tells current rows from the reference's.

    It is fitted on a random half of each and scores the other halves. Given the classifier, the
    AUC is a Mann-Whitney statistic of independent rows, whose variance without drift is known;
    that of cross-validation, whose folds depend on each other, is larger than it says. Missing
    values count as the column's mean.

    Raises:
        ValueError: Other columns, or fewer than four rows of either.
    """
    if reference.ndim != 2 or current.ndim != 2 or reference.shape[1] != current.shape[1]:
        raise ValueError(f"columns differ: {reference.shape} against {current.shape}")
    if min(len(reference), len(current)) < 4:
        raise ValueError(f"{len(reference)} and {len(current)} rows are too few: four are needed")
    rows = _filled(np.concatenate((reference, current)))
    labels = np.arange(len(rows)) >= len(reference)
    held = np.empty(len(rows), dtype=np.bool_)
    for kind in (labels, ~labels):
        held[kind] = random.permutation(kind.sum()) % 2 == 0
    score = fit(rows[~held], labels[~held])
    value = auc(score(rows[held]), labels[held])
    theirs, ours = int((held & ~labels).sum()), int((held & labels).sum())
    error = math.sqrt((theirs + ours + 1) / (12 * theirs * ours))
    return AucTest(value, error, float(special().ndtr(-(value - 0.5) / error)))


def _filled(rows: Matrix) -> Matrix:
    """Rows without missing values, and none so large that its square overflows."""
    known = np.isfinite(rows)
    rows = rows.clip(-1e100, 1e100)
    if known.all():
        return rows
    sums = np.where(known, rows, 0.0).sum(axis=0)
    means = sums / np.maximum(known.sum(axis=0), 1)
    return np.where(known, rows, means)


@dataclass(frozen=True, slots=True)
class DomainDrift:
    """Whether current rows are told from those of a reference, and by which columns.

    `low` and `high` are the bounds of the AUC (95 %). `columns` are those that tell most, with
    the Kolmogorov-Smirnov distance of each, the greatest first.
    """

    rows: int
    reference_rows: int
    auc: float
    low: float
    high: float
    p: float
    columns: tuple[tuple[str, float], ...]


def domain_drift(
    reference: Matrix,
    current: Matrix,
    names: Sequence[str],
    random: np.random.Generator,
    *,
    most_columns: int = 5,
) -> DomainDrift:
    """`domain_test`, the interval of its AUC, and the columns that tell rows apart by themselves.

    The interval is Hanley and McNeil's ("The meaning and use of the area under a receiver
    operating characteristic (ROC) curve", Radiology 143, 1982).

    Raises:
        ValueError: As `domain_test`.
    """
    test = domain_test(reference, current, random=random)
    half = 1.959964 * auc_error(test.auc, len(current) // 2, len(reference) // 2)
    distances = [
        (name, ks_distance(reference[:, place], current[:, place]))
        for place, name in enumerate(names)
    ]
    ranked = sorted(distances, key=lambda pair: (-pair[1], pair[0]))[:most_columns]
    low, high = max(0.0, test.auc - half), min(1.0, test.auc + half)
    rows = len(current), len(reference)
    return DomainDrift(*rows, test.auc, low, high, test.p, tuple(ranked))


def auc_error(value: float, positives: int, negatives: int) -> float:
    """The standard error of an AUC that was measured, by Hanley and McNeil (1982)."""
    both, other = value / (2 - value), 2 * value**2 / (1 + value)
    spread = (
        value * (1 - value)
        + (positives - 1) * (both - value**2)
        + (negatives - 1) * (other - value**2)
    )
    return math.sqrt(max(spread, 0.0) / (positives * negatives))


def ks_distance(first: Matrix, second: Matrix) -> float:
    """The Kolmogorov-Smirnov distance of two samples."""
    first, second = np.sort(first), np.sort(second)
    every = np.concatenate((first, second))
    shares = [one.searchsorted(every, "right") / len(one) for one in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())
