"""Whether there are more outliers in a window than the reference lets expect."""

from __future__ import annotations

from dataclasses import dataclass

from serve_app.monitoring.drift.significance import two_proportions_p
from serve_app.monitoring.profile.whole_rows import OutlierBaseline


@dataclass(frozen=True, slots=True)
class OutlierVerdict:
    """The outliers of a window: their share, that in the reference, and whether it is chance."""

    rows: int
    outliers: int
    ratio: float
    reference_ratio: float
    p: float
    is_unusual: bool


def judged_outliers(
    baseline: OutlierBaseline, rows: int, outliers: int, *, threshold: float, alpha: float
) -> OutlierVerdict:
    """A window is unusual whose share reaches a threshold and is significantly the greater one.

    Raises:
        ZeroDivisionError: a window or a reference has no rows.
    """
    ratio, reference = outliers / rows, baseline.outliers / baseline.rows
    p = two_proportions_p(baseline.outliers, baseline.rows, outliers, rows, grown=True)
    return OutlierVerdict(
        rows, outliers, ratio, reference, p, ratio >= threshold and ratio > reference and p <= alpha
    )
