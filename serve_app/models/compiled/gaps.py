"""Gaps: as numbers, and filled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.models.compiled.kernels import squared_distances
from serve_app.models.compiled.operation import Operation, Refused


@dataclass(frozen=True, eq=False)
class AsFloats(Operation):
    """Some columns as float64, in which None becomes NaN."""

    positions: tuple[int, ...]

    def __call__(self, x: Columns, /) -> Columns:
        """The same columns."""
        arrays = list(x.arrays)
        for position in self.positions:
            arrays[position] = arrays[position].astype(np.float64)
        return Columns(x.names, arrays, None, x.rows)


@dataclass(frozen=True, eq=False)
class Impute(Operation):
    """Fills gaps: NaN when `missing` is NaN, else the numbers that equal it.

    `fills` has one value per column, `kept` are the columns that stay (all when None), and
    `flagged` those for which a column of zeros and ones follows that says where a gap was.
    """

    fills: Array
    missing: float
    kept: tuple[int, ...] | None = None
    flagged: tuple[int, ...] | None = None

    def __call__(self, x: Array, /) -> Array:
        """The numbers without gaps, in the same dtype."""
        if self.missing != self.missing:
            gaps = np.isnan(x) if x.dtype.kind == "f" else None
        else:
            gaps = x == self.missing
        filled = x if gaps is None else np.where(gaps, self.fills.astype(x.dtype, copy=False), x)
        if self.kept is not None:
            filled = filled[:, self.kept]
        if self.flagged is None:
            return filled
        flags = np.zeros(x.shape, bool) if gaps is None else gaps
        return np.hstack([filled, flags[:, self.flagged]])


@dataclass(frozen=True, eq=False)
class GapFlags(Operation):
    """A column of truth values per column of `flagged` that says where NaN was.

    `others` says whether gaps elsewhere are taken as well.
    """

    flagged: tuple[int, ...]
    others: bool

    def __call__(self, x: Array, /) -> Array:
        """Shape (rows, flagged).

        Raises:
            Refused: there is a gap where training had none.
        """
        gaps = np.isnan(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)
        if not self.others and np.delete(gaps, self.flagged, axis=1).any():
            raise Refused("the rows hold gaps in columns that had none in training")
        return gaps[:, self.flagged]


@dataclass(frozen=True, eq=False)
class NearestFill(Operation):
    """Fills gaps with the mean of what the nearest rows of training have there.

    `points` are those rows, with gaps of their own. Distances leave gaps out and are scaled up
    for them; `near_counts` weighs rows by 1 / distance. Where no distance is known, the mean of
    the column (`means`) is taken. `kept` and `flagged` are as in `Impute`.
    """

    row_by_row: ClassVar[bool] = False

    points: Array
    count: int
    near_counts: bool
    means: Array
    kept: tuple[int, ...] | None
    flagged: tuple[int, ...] | None

    def __call__(self, x: Array, /) -> Array:
        """The numbers without gaps, in the same dtype."""
        gaps = np.isnan(x)
        kept = tuple(range(x.shape[1])) if self.kept is None else self.kept
        filled = x[:, kept]
        rows = np.flatnonzero(gaps[:, kept].any(axis=1))
        if len(rows):
            filled = filled.copy()
            far = self._distances(x[rows])
            for place, column in enumerate(kept):
                at = gaps[rows, column]
                if at.any():
                    filled[rows[at], place] = self._worth(far[at], column)
        if self.flagged is None:
            return filled
        return np.hstack([filled, gaps[:, self.flagged]])

    def _distances(self, x: Array) -> Array:
        """Shape (rows, points), NaN where no column is known of both."""
        gaps, theirs = np.isnan(x), np.isnan(self.points)
        known, points = np.where(gaps, 0, x), np.where(theirs, 0, self.points)
        far = squared_distances(known, points)
        far -= (known * known) @ theirs.T
        far -= gaps @ (points * points).T
        np.clip(far, 0, None, out=far)
        shared = (1 - gaps) @ (~theirs).T
        far[shared == 0] = np.nan
        far /= np.maximum(1, shared)
        far *= x.shape[1]
        distances: Array = np.sqrt(far)
        return distances

    def _worth(self, far: Array, column: int) -> Array:
        """What stands for a gap in a column of rows that are so far from each point."""
        values = self.points[:, column]
        having = np.flatnonzero(~np.isnan(values))
        far, values = far[:, having], values[having]
        worth = np.full(len(far), self.means[column])
        known = ~np.isnan(far).all(axis=1)
        if not known.any():
            return worth
        far = far[known]
        count = min(self.count, len(having))
        nearest = np.argpartition(far, count - 1, axis=1)[:, :count]
        chosen = np.take_along_axis(far, nearest, axis=1)
        weights = _nearness(chosen) if self.near_counts else np.ones_like(chosen)
        weights[np.isnan(chosen)] = 0.0
        worth[known] = (values[nearest] * weights).sum(axis=1) / weights.sum(axis=1)
        return worth


def _nearness(far: Array) -> Array:
    """1 / distance; where some are 0, those alone count."""
    nearness = 1.0 / far
    endless = np.isinf(nearness)
    some = endless.any(axis=1)
    nearness[some] = endless[some]
    return nearness


@dataclass(frozen=True, eq=False)
class FillInTurn(Operation):
    """Fills gaps column by column with what a model says of the other columns.

    `start` fills all gaps for a start. Then, one after the other, `members` predict the
    columns `targets` from the columns `others`, kept within `low` and `high` of each column.
    `kept` and `flagged` are as in `Impute`.
    """

    start: Operation
    members: tuple[Operation, ...]
    targets: tuple[int, ...]
    others: tuple[tuple[int, ...], ...]
    low: Array
    high: Array
    kept: tuple[int, ...] | None
    flagged: tuple[int, ...] | None

    def __call__(self, x: Array, /) -> Array:
        """The numbers without gaps, in the same dtype."""
        missing = np.isnan(x)
        gaps = missing if self.kept is None else missing[:, self.kept]
        filled = self.start(x)
        if not gaps.all():
            filled = self._filled(filled.copy(), gaps)
        if self.flagged is None:
            return filled  # type: ignore[no-any-return]
        return np.hstack([filled, missing[:, self.flagged]])

    def _filled(self, filled: Array, gaps: Array) -> Array:
        for target, others, member in zip(self.targets, self.others, self.members, strict=True):
            rows = gaps[:, target]
            if rows.any():
                estimate = member(filled[rows][:, others])
                filled[rows, target] = np.clip(estimate, self.low[target], self.high[target])
        return filled
