"""Sudden changes of data: rows that stop or surge, columns that go missing or stand still.

A window is held against the windows before it, by their median and the median of their distances
from it, which a few odd windows hardly move.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from serve_app.monitoring.binning import Layout

MAD_SCALE = 1.4826
"""Times the median distance from the median is the standard deviation, where that is normal."""
MOST_Z = 1e6


@dataclass(frozen=True, slots=True)
class AnomalySettings:
    """When a change counts: `least_z` robust standard deviations, and by itself large enough.

    Rows must be `volume_factor` times as many as usual or as few, a share of missing values must
    change by `missing_change`, a column that is `constant` must have had `varied` before: a share
    of rows beyond its most frequent cell. Columns need `minimum_rows` rows, volume as many in
    the median, and both `minimum_windows` windows before.
    """

    least_z: float = 6.0
    volume_factor: float = 2.0
    missing_change: float = 0.1
    varied: float = 0.05
    minimum_rows: int = 100
    minimum_windows: int = 6


@dataclass(frozen=True, slots=True)
class Anomaly:
    """What of a window is unlike those before: `what` of the `subject`, now and usually."""

    subject: str
    what: str
    value: float
    usual: float
    z: float


def robust_z(value: float, history: Sequence[float], least_scale: float) -> float:
    """How many standard deviations a value lies from the median of former ones.

    The standard deviation is told by the median distance, and is `least_scale` at least.
    """
    usual = float(np.median(history))
    spread = MAD_SCALE * float(np.median(np.abs(np.asarray(history) - usual)))
    scale = max(spread, least_scale)
    if scale <= 0:
        return 0.0 if value == usual else math.copysign(MOST_Z, value - usual)
    return float(np.clip((value - usual) / scale, -MOST_Z, MOST_Z))


def volume_anomaly(rows: int, history: Sequence[int], settings: AnomalySettings) -> Anomaly | None:
    """Whether a window has far more or fewer rows than those before; none where it has not.

    Counts of rows vary by their root at least.
    """
    if len(history) < settings.minimum_windows:
        return None
    usual = float(np.median(history))
    if usual < settings.minimum_rows:
        return None
    if usual / settings.volume_factor < rows < usual * settings.volume_factor:
        return None
    z = robust_z(rows, history, math.sqrt(usual))
    if abs(z) < settings.least_z:
        return None
    what = "stopped" if rows == 0 else ("fell" if rows < usual else "rose")
    return Anomaly("rows", what, float(rows), usual, z)


@dataclass(frozen=True, slots=True)
class ColumnShares:
    """Of one column in one window: its rows, the share that is missing, and of the fullest cell.

    The latter is of the values that are there; 0 where none are.
    """

    rows: int
    missing: float
    fullest: float


def column_shares(layout: Layout, vector: NDArray[np.int64]) -> dict[str, ColumnShares]:
    """The shares of each column in the counts of a window."""
    shares = {}
    for feature in layout.profile.features:
        counts = vector[layout.features[feature.name]]
        rows, missing = int(counts.sum()), int(counts[feature.cells])
        there = rows - missing
        fullest = int(np.delete(counts, feature.cells).max()) / there if there else 0.0
        shares[feature.name] = ColumnShares(rows, missing / rows if rows else 0.0, fullest)
    return shares


def column_anomaly(
    name: str, now: ColumnShares, history: Iterable[ColumnShares], settings: AnomalySettings
) -> Anomaly | None:
    """Whether a column is suddenly missing more or less, or always the same; none if neither."""
    former = [one for one in history if one.rows >= settings.minimum_rows]
    if now.rows < settings.minimum_rows or len(former) < settings.minimum_windows:
        return None
    usual = float(np.median([one.missing for one in former]))
    # A share varies by chance with what is usual, and counts as one row in a hundred at least.
    chance = math.sqrt(max(usual, 0.01) * (1 - min(usual, 0.99)) / now.rows)
    z = robust_z(now.missing, [one.missing for one in former], chance)
    if abs(now.missing - usual) >= settings.missing_change and abs(z) >= settings.least_z:
        return Anomaly(name, "missing", now.missing, usual, z)
    fullest = float(np.median([one.fullest for one in former]))
    most = max(one.fullest for one in former)
    if now.missing < 1 and now.fullest == 1 and fullest <= 1 - settings.varied and most < 1:
        return Anomaly(name, "constant", now.fullest, fullest, MOST_Z)
    return None
