"""Rows like those of training, made of a profile: what an explanation holds a row against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.columns import Array, Columns, of_objects
from serve_app.core.signature import Column
from serve_app.monitoring.profile.categories import key
from serve_app.monitoring.profile.feature import Feature
from serve_app.monitoring.profile.profile import FeatureProfile

_SEED = 2017
"""Every process makes the same rows, so that one and the same row is explained alike."""


def background_rows(
    profile: FeatureProfile | None,
    inputs: Sequence[Column],
    rows: int,
    sample: Columns | None = None,
) -> Columns | None:
    """So many rows whose columns are distributed as in training, each by itself.

    Numbers are spread over their bins so that their mean is that of training; names come as often
    as they did. Columns that the profile does not count are those of the `sample`, over and over.

    Returns:
        None where a column is in neither, so that nothing is known of it.
    """
    features = {} if profile is None else {one.name: one for one in profile.features}
    random = np.random.default_rng(_SEED)
    arrays: dict[str, Array] = {}
    for column in inputs:
        # One draw for each column, whatever becomes of it.
        order = random.permutation(rows)
        made = _of_feature(features.get(column.name), column, rows)
        if made is not None:
            arrays[column.name] = made[order]
        elif sample is not None and sample.rows and column.name in sample:
            arrays[column.name] = sample[column.name][np.resize(np.arange(sample.rows), rows)]
        else:
            return None
    return _as_columns(arrays)


def _as_columns(arrays: Mapping[str, Array]) -> Columns:
    dtypes = {array.dtype for array in arrays.values()}
    if len(dtypes) == 1 and next(iter(dtypes)).kind == "f":
        return Columns.from_block(tuple(arrays), np.column_stack(list(arrays.values())))
    return Columns.of(arrays)


def _of_feature(feature: Feature | None, column: Column, rows: int) -> Array | None:
    """The values of one column, in order; none where its kind cannot be made of counts."""
    if feature is None or column.shape or column.dtype == "decimal":
        return None
    if feature.kind == "categories":
        return _names(feature, column, rows) if column.dtype == "string" else None
    if column.dtype == "string":
        return None
    numbers = _numbers(feature, rows)
    return None if numbers is None else _typed(numbers, column)


def _numbers(feature: Feature, rows: int) -> NDArray[np.float64] | None:
    """Values of a column of numbers, NaN where training had gaps."""
    known = feature.counts[: len(feature.values)] if feature.kind == "values" else feature.counts
    if not sum(known):
        return None
    counts = _apportioned((*known, feature.missing), rows)
    if not sum(counts[:-1]):
        counts = _apportioned((*known, 0), rows)
    *cells, gaps = counts
    made = np.full(rows, np.nan)
    if feature.kind == "values":
        made[: rows - gaps] = np.repeat(np.array(feature.values), cells)
    else:
        made[: rows - gaps] = _spread(feature, cells)
    return made


def _spread(feature: Feature, cells: Sequence[int]) -> NDArray[np.float64]:
    """Values within bins, pushed to one side of them all so far that their mean is the true one."""
    low, high, place = [], [], []
    # What lies beyond the edges was not in the reference: its bounds are those of the values.
    starts = (_or(feature.minimum, feature.edges[0]), *feature.edges)
    ends = (*feature.edges, _or(feature.maximum, feature.edges[-1]))
    for count, start, end in zip(cells, starts, ends, strict=True):
        low += [start] * count
        high += [end] * count
        place += [(at + 0.5) / count for at in range(count)]
    lows, widths, places = np.array(low), np.array(high) - np.array(low), np.array(place)
    wanted = None if feature.mean is None else feature.mean * len(lows)
    even: NDArray[np.float64] = lows + widths * places
    if wanted is None or not np.isfinite(even).all():
        return even
    left, right = float(widths @ places), float(widths @ (1 - places))
    if even.sum() > wanted:
        share = max(0.0, (wanted - lows.sum()) / left) if left else 0.0
        shifted: NDArray[np.float64] = lows + widths * places * share
        return shifted
    share = max(0.0, ((lows + widths).sum() - wanted) / right) if right else 0.0
    raised: NDArray[np.float64] = lows + widths * (1 - (1 - places) * share)
    return raised


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def _names(feature: Feature, column: Column, rows: int) -> Array | None:
    """Names as often as in training, None where it had gaps."""
    whole = {key(name): name for name in column.categories or () if isinstance(name, str)}
    # What stands for a long name is not what a model knows.
    names = [whole.get(name, None if "…" in name else name) for name in feature.categories]
    listed = [
        (name, count)
        for name, count in zip(names, feature.counts, strict=False)
        if name is not None and count
    ]
    if not listed:
        return None
    counts = _apportioned((*(count for _, count in listed), feature.missing), rows)
    made = np.empty(rows, dtype=object)
    at = 0
    for (name, _), count in zip(listed, counts, strict=False):
        made[at : at + count] = name
        at += count
    return made


def _apportioned(weights: Sequence[int], rows: int) -> list[int]:
    """So many rows shared out by weights: whole numbers, by the largest remainders."""
    exact = np.asarray(weights, dtype=np.float64) * rows / sum(weights)
    counts = np.floor(exact).astype(int)
    left = rows - int(counts.sum())
    for place in np.argsort(-(exact - counts), kind="stable")[:left]:
        counts[place] += 1
    return [int(count) for count in counts]


def _typed(numbers: NDArray[np.float64], column: Column) -> Array:
    """Numbers as the column has them: whole ones, truth values, or dates and times."""
    dtype: Any = column.array_dtype
    gaps = np.isnan(numbers)
    if column.is_datetime:
        moments = np.round(np.where(gaps, 0.0, numbers)).astype(np.int64)
        made = moments.astype("datetime64[s]").astype(dtype)
        made[gaps] = np.datetime64("NaT")
        return made
    if dtype.kind == "f":
        return numbers.astype(dtype)
    if not gaps.any():
        return _whole(numbers).astype(dtype)
    if dtype.kind != "b":
        return _whole(numbers)
    return of_objects([None if gap else bool(one) for one, gap in zip(numbers, gaps, strict=True)])


def _whole(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Whole numbers next to these, with a sum that is theirs but for half a unit."""
    known = ~np.isnan(numbers)
    made = numbers.copy()
    rounded = np.round(numbers[known])
    over = int(np.round((rounded - numbers[known]).sum()))
    # Those that were rounded farthest go the other way.
    farthest = np.argsort((numbers[known] - rounded) * np.sign(over), kind="stable")[: abs(over)]
    rounded[farthest] -= np.sign(over)
    made[known] = rounded
    return made
