"""Columns of numbers: as doubles, in quantile bins or value by value, counted in sorted order.

Every cell is a range of doubles from one boundary up to the next, NaN being the greatest of all.
So how many values lie in each is what a sorted column says at its boundaries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serve_app.core.columns import Array
from serve_app.monitoring.profile.feature import Feature, Kind

BINS = 32
ROWS_PER_BIN = 10
EXACT_VALUES = 50
ROWS_PER_VALUE = 10
_GREATEST = float(np.finfo(np.float64).max)
_SECONDS = {"D": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_PARTS = {"ms": 1e3, "us": 1e6, "ns": 1e9}


def as_numbers(array: Array, rows: int) -> NDArray[np.float64]:
    """A column as doubles, whatever it holds: NaN stands for what is no number.

    Dates and times are seconds since 1970, truth values 0 and 1, decimals their nearest doubles.
    What is no column of so many rows is NaN in all of them.
    """
    if array.ndim != 1 or len(array) != rows:
        return np.full(rows, np.nan)
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    if array.dtype.kind in "mM":
        return _seconds(array)
    if array.dtype.kind not in "OUS":
        return np.full(rows, np.nan)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.array([_number(value) for value in array.tolist()], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return float(value)
    except Exception:  # noqa: BLE001 - whatever an object says of itself, it is no number
        return float("nan")


def _seconds(array: Array) -> NDArray[np.float64]:
    unit, step = np.datetime_data(array.dtype)
    if unit not in _SECONDS and unit not in _PARTS:
        array, unit, step = array.astype(f"{array.dtype.kind}8[s]"), "s", 1
    # Dividing rounds once, as multiplying with 1e-9 would not.
    ticks = array.astype(np.int64).astype(np.float64) * step
    seconds: NDArray[np.float64] = (
        ticks * _SECONDS[unit] if unit in _SECONDS else ticks / _PARTS[unit]
    )
    seconds[np.isnat(array)] = np.nan
    return seconds


def number_feature(name: str, array: Array, rows: int) -> Feature:
    """What a reference says of a column of numbers, dates or truth values."""
    ordered = np.sort(as_numbers(array, rows))
    low, high = ordered.searchsorted([-_GREATEST, np.inf])
    finite = ordered[low:high]
    distinct = _distinct(finite)
    few = distinct <= EXACT_VALUES and len(finite) >= ROWS_PER_VALUE * distinct
    if few or array.dtype == bool:
        return of_values(name, array, ordered, np.unique(finite).tolist())
    return of_bins(name, array, ordered, quantile_edges(finite))


def of_values(name: str, array: Array, ordered: Array, values: Sequence[float]) -> Feature:
    """A feature with one cell for each of some values, from a sorted column."""
    return _feature(name, array, ordered, "values", [], sorted(map(float, values)))


def of_bins(name: str, array: Array, ordered: Array, edges: Sequence[float]) -> Feature:
    """A feature with bins between given edges, from a sorted column."""
    return _feature(name, array, ordered, "numbers", [float(edge) for edge in edges], [])


def quantile_edges(finite: Array) -> list[float]:
    """Edges of up to 32 bins with about as many of some sorted values in each.

    An edge is one of the values. A value that fills a bin or more has one to itself, and of few
    rows there are fewer bins, so that about ten rows fall into each.
    """
    bins = min(BINS, max(4, len(finite) // ROWS_PER_BIN))
    places = np.round(np.linspace(0, len(finite) - 1, bins + 1)).astype(np.intp)
    values, times = np.unique(finite[places], return_counts=True)
    # Not where one row stands for several places.
    heavy = values[(times > 1) & (values < _GREATEST)] if len(finite) > bins else values[:0]
    edges = np.unique(np.concatenate([values, _after(heavy)]))
    if len(edges) == 1:
        towards = np.inf if edges[0] < _GREATEST else -np.inf
        edges = np.sort([edges[0], np.nextafter(edges[0], towards)])
    return [float(edge) for edge in edges]


def boundaries(feature: Feature) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Where the cells of a feature begin, and which place of its vector each of them has.

    There is one place more than boundaries: that of what lies before the first.
    """
    at = feature.cells
    missing, minus, plus = at, at + 1, at + 2
    if feature.kind == "numbers":
        *inner, last = feature.edges
        starts = [*inner, *_after([last]).tolist()]
        places = list(range(at))
    else:
        ends = _after(feature.values).tolist()
        starts = [x for pair in zip(feature.values, ends, strict=True) for x in pair]
        unseen = at - 1
        places = [unseen] + [p for i in range(len(ends)) for p in (i, unseen)]
    starts = [-_GREATEST, *starts, np.inf, np.nan]
    return np.array(starts), np.array([minus, *places, plus, missing], dtype=np.intp)


def _after(values: ArrayLike) -> NDArray[np.float64]:
    """The next greater numbers; infinity after the greatest."""
    with np.errstate(over="ignore"):
        following: NDArray[np.float64] = np.nextafter(np.asarray(values, dtype=np.float64), np.inf)
    return following


def counted(ordered: Array, feature: Feature) -> NDArray[np.int64]:
    """How many values of a sorted column lie in each place of a feature's vector."""
    starts, places = boundaries(feature)
    reached = [0, *ordered.searchsorted(starts).tolist(), len(ordered)]
    vector = np.zeros(feature.size, dtype=np.int64)
    np.add.at(vector, places, np.diff(reached))
    return vector


def _feature(
    name: str,
    array: Array,
    ordered: Array,
    kind: Kind,
    edges: Sequence[float],
    values: Sequence[float],
) -> Feature:
    cells = len(edges) + 1 if kind == "numbers" else len(values) + 2
    blank = Feature(
        name,
        str(array.dtype),
        kind,
        (0,) * cells,
        edges=tuple(edges),
        values=tuple(values),
    )
    *counts, missing, minus, plus = counted(ordered, blank).tolist()
    low, high = ordered.searchsorted([-_GREATEST, np.inf])
    finite = ordered[low:high]
    with np.errstate(all="ignore"):
        mean, deviation = (finite.mean(), finite.std()) if len(finite) else (np.nan, np.nan)
    return Feature(
        name,
        blank.dtype,
        kind,
        tuple(counts),
        missing,
        minus,
        plus,
        blank.edges,
        blank.values,
        distinct=_distinct(finite),
        minimum=float(finite[0]) if len(finite) else None,
        maximum=float(finite[-1]) if len(finite) else None,
        mean=float(mean) if np.isfinite(mean) else None,
        deviation=float(deviation) if np.isfinite(deviation) else None,
    )


def _distinct(ordered: Array) -> int:
    return int(np.count_nonzero(ordered[1:] != ordered[:-1])) + 1 if len(ordered) else 0
