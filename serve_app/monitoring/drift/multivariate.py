"""Drift of features together: how badly principal components of the reference rebuild rows.

Rows whose features no longer go together as they did are rebuilt worse, although each feature
alone may look as before. The error of a row is one number, and its sums add up over replicas
and windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
SMALLEST_ERROR = 0.01
"""A mean error counts as this one at least, in standard deviations of a column."""
MOST_Z = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class PrincipalComponents:
    """How to standardise a row of the reference, and the directions that rebuild it."""

    mean: Matrix
    scale: Matrix
    components: Matrix
    """One direction per row, in standardised units."""

    def standardised(self, matrix: Matrix) -> Matrix:
        """Rows in standard deviations from the reference's mean, which missing values count as."""
        rows = (matrix - self.mean) / self.scale
        return np.where(np.isfinite(rows), rows, 0.0)

    def errors(self, matrix: Matrix) -> Matrix:
        """The error of each row: the length of what the components do not rebuild.

        In standard deviations; missing values count as the reference's mean.

        Raises:
            ValueError: The matrix has other columns than the reference.
        """
        if matrix.ndim != 2 or matrix.shape[1] != self.mean.size:
            raise ValueError(f"rows of {self.mean.size} numbers are needed, not {matrix.shape}")
        rows = self.standardised(matrix)
        rest = rows - (rows @ self.components.T) @ self.components
        lengths: Matrix = np.sqrt((rest**2).sum(axis=1))
        return lengths


def fit_components(
    matrix: Matrix, *, explained: float = 0.65, most: int | None = None
) -> PrincipalComponents:
    """Principal components of a reference that explain this share of its variance.

    There are at most `most` of them, though they explain less then.

    Constant columns are left as they are; missing values count as the column's mean. At least
    one component is kept, and at least one is left out where there is more than one column.

    Raises:
        ValueError: Fewer than two rows, no columns, or a share that is not between 0 and 1.
    """
    if matrix.ndim != 2 or matrix.shape[0] < 2 or matrix.shape[1] < 1:
        raise ValueError(f"components need two rows and a column, not {matrix.shape}")
    if not 0 < explained < 1:
        raise ValueError(f"the explained share must lie between 0 and 1, not at {explained}")
    known = np.where(np.isfinite(matrix), matrix, np.nan)
    rows_known = np.maximum(np.isfinite(matrix).sum(axis=0), 1)
    mean = np.nansum(known, axis=0) / rows_known
    scale = np.sqrt(np.nansum((known - mean) ** 2, axis=0) / rows_known)
    scale[scale == 0] = 1.0
    rows = (known - mean) / scale
    rows = np.where(np.isfinite(rows), rows, 0.0)
    variances, directions = np.linalg.eigh(rows.T @ rows / len(rows))
    variances, directions = variances[::-1].clip(min=0), directions[:, ::-1]
    total = variances.sum()
    wanted = np.searchsorted(np.cumsum(variances), explained * total) + 1 if total else 1
    kept = max(1, min(int(wanted), matrix.shape[1] - 1, most or matrix.shape[1]))
    return PrincipalComponents(mean, scale, np.ascontiguousarray(directions[:, :kept].T))


@dataclass(frozen=True, slots=True)
class ErrorSums:
    """Errors of rows added up; those of replicas and windows are added with `+`."""

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, errors: Matrix) -> ErrorSums:
        """The sums of these errors."""
        return cls(errors.size, float(errors.sum()), float((errors**2).sum()))

    def __add__(self, other: ErrorSums) -> ErrorSums:
        return ErrorSums(
            self.rows + other.rows, self.total + other.total, self.squares + other.squares
        )

    @property
    def mean(self) -> float:
        """The mean error; 0 without rows."""
        return self.total / self.rows if self.rows else 0.0

    @property
    def deviation(self) -> float:
        """The standard deviation of a row's error; 0 below two rows."""
        if self.rows < 2:
            return 0.0
        spread = (self.squares - self.total**2 / self.rows) / (self.rows - 1)
        return float(np.sqrt(max(spread, 0.0)))


@dataclass(frozen=True, slots=True)
class ErrorBaseline:
    """The reference's errors: their mean, and how much the mean of one row's worth varies."""

    rows: int
    mean: float
    deviation: float
    """Standard deviation of the mean of `n` rows, times the root of `n`."""

    def z(self, window: ErrorSums) -> float:
        """How many standard errors the mean error of a window lies above the reference's.

        0 without rows; infinite where the reference's rows all have one error and others come.
        """
        if not window.rows:
            return 0.0
        gap = window.mean - self.mean
        error = self.deviation * np.sqrt(1 / window.rows + 1 / self.rows)
        if error == 0:
            return 0.0 if gap == 0 else float(np.copysign(np.inf, gap))
        return float(gap / error)


def error_baseline(
    matrix: Matrix, *, explained: float = 0.65, chunks: int = 10, most: int | None = None
) -> ErrorBaseline:
    """What errors the reference's own rows have, rows being in the order of their time.

    Each half of the rows (every other one) is rebuilt by components of the other half, since
    components rebuild the rows that they come from too well. The spread is that between chunks
    of consecutive rows where it is larger than chance gives: real days differ.

    Raises:
        ValueError: Fewer than four rows per chunk, or fewer than two chunks.
    """
    if chunks < 2 or len(matrix) < 4 * chunks:
        raise ValueError(f"{len(matrix)} rows are too few for {chunks} chunks of at least four")
    errors = np.empty(len(matrix))
    for half in (0, 1):
        fitted = fit_components(matrix[1 - half :: 2], explained=explained, most=most)
        errors[half::2] = fitted.errors(matrix[half::2])
    sums = ErrorSums.of(errors)
    means = [float(part.mean()) for part in np.array_split(errors, chunks)]
    between = float(np.std(means, ddof=1)) * np.sqrt(len(matrix) / chunks)
    return ErrorBaseline(sums.rows, sums.mean, max(sums.deviation, float(between)))


def to_arrays(components: PrincipalComponents, baseline: ErrorBaseline) -> dict[str, Matrix]:
    """Both as named arrays, to be stored beside a version."""
    return {
        "mean": components.mean,
        "scale": components.scale,
        "components": components.components,
        "baseline": np.array([baseline.rows, baseline.mean, baseline.deviation]),
    }


def from_arrays(arrays: Mapping[str, Any]) -> tuple[PrincipalComponents, ErrorBaseline]:
    """What `to_arrays` made.

    Raises:
        ValueError: An array is missing or does not fit the others.
    """
    missing = {"mean", "scale", "components", "baseline"} - set(arrays)
    if missing:
        raise ValueError(f"arrays are missing: {', '.join(sorted(missing))}")
    mean, scale, components, baseline = (
        np.asarray(arrays[name], dtype=np.float64)
        for name in ("mean", "scale", "components", "baseline")
    )
    fits = mean.ndim == 1 and scale.shape == mean.shape and baseline.shape == (3,)
    if not fits or components.ndim != 2 or components.shape[1] != mean.size:
        raise ValueError("the arrays of principal components do not fit each other")
    rows, error, deviation = (float(value) for value in baseline)
    return PrincipalComponents(mean, scale, components), ErrorBaseline(int(rows), error, deviation)


@dataclass(frozen=True, slots=True)
class ErrorVerdict:
    """What the errors of a window say beside those of the reference.

    `change` is how much greater their mean is, in parts of the reference's; `z` how many standard
    errors that is. `score` is the lesser of both in thresholds: from 1 on the window drifted.
    """

    rows: int
    mean: float
    change: float
    z: float
    score: float


def judged_errors(
    baseline: ErrorBaseline, window: ErrorSums, *, least_z: float, least_change: float
) -> ErrorVerdict:
    """Hold the errors of a window against the reference's; both thresholds must be reached."""
    gap = window.mean - baseline.mean
    # Columns that follow from each other are rebuilt up to rounding, which is no drift.
    change = gap / max(baseline.mean, SMALLEST_ERROR)
    z = float(np.clip(baseline.z(window), -MOST_Z, MOST_Z))
    score = min(abs(z) / least_z, abs(change) / least_change)
    return ErrorVerdict(window.rows, window.mean, change, z, score)
