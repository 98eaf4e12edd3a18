"""What of one caller's queries is as if somebody were probing or copying the model."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.callers.queries import (
    QUERIES,
    Matrix,
    QueryReference,
    different,
    measured,
)

PATTERNS = ("distances", "near_duplicates", "sweeps", "near_threshold", "volume")
LEAST_Z = 4.0
"""Below so many standard deviations nothing is suspect."""
_LEAST_SPREAD = {"log_distance": 0.05, "normality": 0.02}
_LEAST_CALLERS = 5


def suspicions(
    rows: Matrix, reference: QueryReference, near: NDArray[np.bool_] | None = None
) -> dict[str, float]:
    """How suspect the queries of a caller are, by pattern, from 0 (not at all) to 1.

    `rows` are in standard deviations of each column, oldest first, the last 60 different ones of
    which are looked at; with fewer nothing is known. `near` says which rows lie near the
    threshold between classes.

    * `distances` from the nearest query before, their mean and how normal they are, lie further
      from those of training than its own subsets do;
    * `near_duplicates` are moved by little from one before;
    * `sweeps` change one column alone;
    * `near_threshold` lie where two classes are nearly equally likely.
    """
    scores = {}
    if near is not None and reference.near_threshold is not None and len(near) >= QUERIES:
        share = float(near[-QUERIES:].mean())
        scores["near_threshold"] = share_score(share, reference.near_threshold, QUERIES)
    queries = different(rows)[-QUERIES:]
    if len(queries) < QUERIES:
        return scores
    now, usual, spread = measured(queries, reference.radius), reference.mean, reference.deviation
    z = [
        (getattr(now, name) - getattr(usual, name)) / max(getattr(spread, name), least)
        for name, least in _LEAST_SPREAD.items()
    ]
    compared = QUERIES - 1
    return {
        **scores,
        "distances": z_score(max(map(abs, z))),
        "near_duplicates": share_score(now.near, usual.near, compared, spread.near),
        "sweeps": share_score(now.swept, usual.swept, compared, spread.swept),
    }


def z_score(z: float) -> float:
    """From 0 up to four standard deviations, one half at eight, towards 1."""
    return 0.0 if z <= LEAST_Z else 1 - LEAST_Z / z


def share_score(share: float, usual: float, rows: int, spread: float = 0.0) -> float:
    """By how much of what is left a share is greater than usual; 0 where that can be chance."""
    # One row more on either side keeps a usual share of 0 from making every row surprising.
    expected = (usual * rows + 1) / (rows + 2)
    chance = max(math.sqrt(expected * (1 - expected) / rows), spread)
    if share <= usual or (share - expected) / chance <= LEAST_Z:
        return 0.0
    return (share - usual) / (1 - usual)


def volume_scores(rows: Mapping[str, int]) -> dict[str, float]:
    """How suspect the number of each caller's rows is beside those of the others.

    By the logarithms of all, since some callers always ask far more than others. Of few callers
    nobody knows what is usual.
    """
    if len(rows) < _LEAST_CALLERS:
        return dict.fromkeys(rows, 0.0)
    logs = {caller: math.log(max(1, number)) for caller, number in rows.items()}
    every = np.array(list(logs.values()))
    usual = float(np.median(every))
    spread = max(1.4826 * float(np.median(np.abs(every - usual))), math.log(2))
    return {caller: z_score((value - usual) / spread) for caller, value in logs.items()}
