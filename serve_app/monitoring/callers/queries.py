"""How queries lie to each other: those of one caller, or rows of training taken as if they were.

Juuti, Szyller, Marchal, Asokan: "PRADA: Protecting Against DNN Model Stealing Attacks", EuroS&P
2019 (arXiv:1805.02628) hold the distances of queries from the nearest former one against the
normal distribution. Rows of tables are not so even when nobody attacks, so that here they are
held against what the same number of rows of training gives.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
QUERIES = 60
"""So many different queries are looked at together: distances get shorter the more there are."""
NEIGHBOURS = 5
"""A query that differs in one column from one of so many before is part of a sweep."""
SUBSETS = 60
SMALLEST = 1e-9
NEAR = 0.2
"""Queries are nearly the same within this share of a short distance of training."""
MARGIN = 0.1
"""Between the two most likely classes; where it is less, a row lies near the threshold."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is measured of queries in their order.

    `log_distance` is the mean logarithm of the distance of each from the nearest before it,
    `normality` the W of Shapiro and Wilk of these distances, `near` the share of queries that lie
    within a radius of one before, `swept` of those that differ from one just before in one column.
    """

    log_distance: float
    normality: float
    near: float
    swept: float


@dataclass(frozen=True, slots=True)
class QueryReference:
    """What is measured of rows of training: means and standard deviations over many subsets.

    `radius` is within which queries are nearly the same, `near_threshold` the share of rows whose
    two most likely classes are nearly equally so, where that is known.
    """

    radius: float
    mean: Measured
    deviation: Measured
    near_threshold: float | None = None

    def to_json(self) -> dict[str, Any]:
        """It as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> QueryReference:
        """Read what `to_json` wrote.

        Raises:
            KeyError: it lacks a part.
            TypeError: a part lacks a field or has an unknown one.
        """
        return cls(
            body["radius"],
            Measured(**body["mean"]),
            Measured(**body["deviation"]),
            body["near_threshold"],
        )


def different(rows: Matrix) -> Matrix:
    """The rows in their order, each once: who asks the same again tries again."""
    _, first = np.unique(rows, axis=0, return_index=True)
    return rows[np.sort(first)]


def measured(rows: Matrix, radius: float) -> Measured:
    """What is measured of different queries, in standard deviations of each column.

    Raises:
        ValueError: there are fewer than four.
    """
    if len(rows) < 4:
        msg = f"{len(rows)} queries are too few to be measured"
        raise ValueError(msg)
    from scipy.stats import shapiro  # noqa: PLC0415 - takes a second

    nearest = nearest_before(rows)
    # Of equal distances there is no W; they are as little normal as can be.
    spread = float(np.ptp(nearest)) > SMALLEST * max(1.0, float(nearest.max()))
    return Measured(
        float(np.log(np.maximum(nearest, SMALLEST)).mean()),
        float(shapiro(nearest).statistic) if spread else 0.0,
        float((nearest <= radius).mean()),
        float(_swept(rows).mean()),
    )


def nearest_before(rows: Matrix) -> Matrix:
    """The distance of each query but the first from the nearest one before it."""
    squares = ((rows[:, None, :] - rows[None, :, :]) ** 2).sum(axis=2)
    squares[np.triu_indices(len(rows))] = np.inf
    nearest: Matrix = np.sqrt(squares[1:].min(axis=1))
    return nearest


def _swept(rows: Matrix) -> NDArray[np.bool_]:
    """Which queries but the first differ in one column from one of those just before."""
    swept = np.zeros(len(rows) - 1, dtype=np.bool_)
    for back in range(1, min(NEIGHBOURS, len(rows) - 1) + 1):
        swept[back - 1 :] |= (rows[back:] != rows[:-back]).sum(axis=1) == 1
    return swept


def query_reference(
    rows: Matrix, random: np.random.Generator, near_threshold: float | None = None
) -> QueryReference | None:
    """What rows of training give, taken as queries in many random subsets; none of too few.

    Subsets of few rows overlap, so that they vary less than others would; that is made up for.
    """
    rows = different(rows)
    if len(rows) < 2 * QUERIES:
        return None
    subsets = [rows[random.choice(len(rows), QUERIES, replace=False)] for _ in range(SUBSETS)]
    distances = np.concatenate([nearest_before(subset) for subset in subsets])
    radius = NEAR * float(np.quantile(distances, 0.05))
    table = np.array([list(asdict(measured(subset, radius)).values()) for subset in subsets])
    deviation = table.std(axis=0, ddof=1) / math.sqrt(1 - QUERIES / len(rows))
    return QueryReference(
        radius, Measured(*table.mean(axis=0).tolist()), Measured(*deviation.tolist()),
        near_threshold,
    )  # fmt: skip


def near_threshold(probabilities: Matrix | None) -> NDArray[np.bool_] | None:
    """Which rows have two most likely classes that are nearly equally so; none without classes."""
    if probabilities is None or probabilities.ndim != 2 or probabilities.shape[1] < 2:
        return None
    first, second = np.sort(probabilities, axis=1)[:, [-1, -2]].T
    near: NDArray[np.bool_] = first - second < MARGIN
    return near
