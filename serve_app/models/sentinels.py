"""Numbers in data that look as if they stood for gaps: -999 among ages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array

_NINES = tuple(float(sign * int("9" * n)) for n in range(2, 11) for sign in (1, -1))
_ENDS = (-(2.0**31), 2.0**31 - 1, -(2.0**15), 2.0**15 - 1, -(2.0**63), 2.0**63 - 1, 2.0**16 - 1)
_HUGE = 1e18
_LARGE = 999
# Fewer different values are codes for something.
_CODES = 10
USUAL = frozenset({*_NINES, *_ENDS, -1.0, -9.0, -999.25, -9999.9})
"""Numbers that people take for gaps."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """A number at one end of a column, frequent and far from all others."""

    column: str
    value: float
    share: float

    @property
    def words(self) -> str:
        """Where it stands and how often."""
        return f"{self.value:.15g} in column {self.column!r} ({self.share:.1%} of the rows)"


def suspects(frame: pd.DataFrame) -> list[Suspect]:
    """Every number of a frame that looks as if it stood for a gap, the most frequent first.

    Zero is none: too many things are counted from it.
    """
    certain: list[Suspect] = []
    weak: list[Suspect] = []
    for label in frame.columns:
        series = frame[label]
        if not pd.api.types.is_numeric_dtype(series) or pd.api.types.is_bool_dtype(series):
            continue
        for value, share, sure in _ends(series.to_numpy(np.float64, na_value=np.nan)):
            (certain if sure else weak).append(Suspect(str(label), value, share))
    # What alone could be chance is none in a second column.
    sure_values = {suspect.value for suspect in certain}
    often = [s.value for s in weak]
    certain += [s for s in weak if s.value in sure_values or often.count(s.value) > 1]
    return sorted(certain, key=lambda suspect: -suspect.share)


def _ends(values: Array) -> list[tuple[float, float, bool]]:
    """The suspicious ones of the least and the largest number: value, share, how sure."""
    there = values[np.isfinite(values)]
    if len(there) == 0:
        return []
    seen, counts = np.unique(there, return_counts=True)
    if len(seen) < 2:
        return []
    ends = []
    for at, rest in ((0, slice(1, None)), (-1, slice(None, -1))):
        sure = _sure(float(seen[at]), int(counts[at]), seen[rest], counts[rest])
        if sure is not None:
            ends.append((float(seen[at]), float(counts[at] / len(values)), sure))
    return ends


def _sure(value: float, count: int, others: Array, counts: Array) -> bool | None:
    """Whether a number at one end is no value for sure; None where it may well be one."""
    far, often = _far(value, others), count >= 2 and count >= 2 * float(np.median(counts))
    below_all = value < 0 <= float(others[0])
    if abs(value) >= _HUGE:
        return True if far else None
    if value in USUAL:
        large = abs(value) >= _LARGE
        if far and (large or (len(others) > 1 and count > 1 and value != -1)):
            return True
        if below_all and often and (large or len(others) > _CODES):
            return True
        return False if below_all and often else None
    alone = often and value != 0 and count >= 0.02 * (count + counts.sum())
    return True if far and alone and len(others) > _CODES else None


def _far(value: float, others: Any) -> bool:
    """Whether it is farther from its neighbour than all others are from each other."""
    gap = min(abs(value - float(others[0])), abs(value - float(others[-1])))
    return gap > float(others[-1]) - float(others[0])
