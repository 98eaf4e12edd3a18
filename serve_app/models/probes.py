"""Rows on which a compiled form could go wrong, made from rows of the training data."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from serve_app.core.columns import Array, Columns, concatenate, of_objects
from serve_app.core.signature import Column
from serve_app.models.compiled.operation import Operation
from serve_app.models.coverage import Coverage, coverage

MAX_PER_COLUMN = 1500
LEAST_PER_COLUMN = 50
SHUFFLED = 1000
EVERYWHERE = 200
STRANGE = 20
_TINY = (0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-45, 1.2e-38)
_HUGE = (1e15, 2.0**53, 2.0**53 + 2, 1e30, 3.4028234663852886e38, 3.5e38, 1e300, 1.79e308)
_EXACT = 2.0**53 - 1
_WORDS = ("", " ", "never seen in training", "ünïcödé ☃", "nan", "None", "0", "x" * 300)

Thresholds = Mapping[int, Array]
"""Numbers at which a model decides, by the position of the column."""


def ordinary(
    columns: Columns, inputs: Sequence[Column], thresholds: Thresholds, seed: int
) -> Iterator[Columns]:
    """Rows of finite numbers and any text, in batches of up to 1,000.

    Each is a row of the training data with one column changed to a value at or beside one
    that training saw, or at or beside a threshold; or it is put together of several rows; or
    each of its numbers is such a value. Of more columns than can be changed one by one, some of
    every kind are.
    """
    rng = np.random.default_rng(seed)
    bounds = coverage(len(inputs))
    budget = min(MAX_PER_COLUMN, max(LEAST_PER_COLUMN, bounds.rows // max(1, len(inputs))))
    chosen = some_of_every_kind(inputs, bounds.columns(LEAST_PER_COLUMN), seed)

    def values(position: int) -> Array:
        column, array = inputs[position], columns.arrays[position]
        if array.dtype.kind in "fiu":
            return _numbers_of(column, array, thresholds.get(position), budget, rng)
        return _values(column, array)

    yield from _changed(columns, ((at, values(at)) for at in chosen), bounds.batch, rng)
    yield from _batches(_shuffled(columns, bounds, rng), bounds.batch)
    yield _everywhere(columns, inputs, thresholds, bounds, rng)


def strange(columns: Columns, inputs: Sequence[Column], seed: int) -> list[Columns]:
    """Rows of which each holds one gap, infinity or number near the ends of its type.

    A batch has one such value per column: what refuses one of them may take another. Of more
    columns than there is room for, some of every kind are tried.
    """
    first = columns.slice(0, 1)
    bounds = coverage(len(inputs))
    edges = {
        at: _edges(inputs[at], first.arrays[at])
        for at in some_of_every_kind(inputs, bounds.columns(STRANGE), seed)
    }
    batches: list[Columns] = []
    rows = bounds.batch
    for number in range(max(map(len, edges.values()), default=0)):
        at = [j for j, values in edges.items() if len(values) > number]
        for start in range(0, len(at), rows):
            some = at[start : start + rows]
            changes = [
                (j, np.array([k]), edges[j][number : number + 1]) for k, j in enumerate(some)
            ]
            batches.append(_with(repeated(first, len(some)), changes))
    batches.append(_all_missing(first, inputs))
    return batches


def _edges(column: Column, array: Array) -> Array:
    if array.dtype.kind == "f":
        limits = np.array([np.nan, np.inf, -np.inf, *_HUGE, *(-h for h in _HUGE)])
        with np.errstate(over="ignore"):
            edges = limits.astype(array.dtype)
        return _whole(column, edges) if _holds_integers(column, array) else edges
    if array.dtype.kind in "iu":
        info = np.iinfo(array.dtype)
        return np.array([info.min, info.max, info.max // 2 + 1], dtype=array.dtype)
    if array.dtype.kind == "M":
        return np.array(["NaT"], dtype=array.dtype)
    return of_objects([None, *_WORDS]) if column.dtype == "string" else array[:0]


def probed(inputs: Sequence[Column]) -> int:
    """How many columns are changed one by one, to ordinary values and to strange ones."""
    bounds = coverage(len(inputs))
    return min(len(inputs), bounds.columns(LEAST_PER_COLUMN), bounds.columns(STRANGE))


def some_of_every_kind(inputs: Sequence[Column], count: int, seed: int) -> list[int]:
    """Positions of so many columns: in turns one of each kind, by chance among those alike."""
    rng = np.random.default_rng(seed)
    if len(inputs) <= count:
        return list(range(len(inputs)))
    kinds: dict[tuple[Any, ...], list[int]] = {}
    for at in rng.permutation(len(inputs)).tolist():
        column = inputs[at]
        kinds.setdefault((column.dtype, column.frame_dtype, column.nullable), []).append(at)
    turns = itertools.chain.from_iterable(itertools.zip_longest(*kinds.values()))
    return sorted(itertools.islice((at for at in turns if at is not None), count))


def _holds_integers(column: Column, array: Array) -> bool:
    """Whether floats stand for a column of integers and gaps, which takes no fractions."""
    return array.dtype.kind == "f" and column.dtype.lstrip("u").startswith("int")


def _whole(column: Column, values: Array) -> Array:
    """What a column of integers takes of the numbers, as far as floats are exact; gaps stay."""
    info = np.iinfo(column.dtype)
    low, high = max(float(info.min), -_EXACT), min(float(info.max), _EXACT)
    rounded = np.rint(values)
    return np.unique(rounded[np.isnan(rounded) | ((rounded >= low) & (rounded <= high))])


def learned(program: Operation) -> tuple[Array, tuple[str, ...]]:
    """The finite numbers and the words that a program holds: what it learned in training.

    Where there are few rows, values of training are to be found here and not among those.
    """
    numbers: list[Array] = []
    words: set[str] = set()
    _collect(program, numbers, words)
    held = np.unique(np.concatenate([np.zeros(1), *numbers]))
    return held[np.isfinite(held)], tuple(sorted(words))


def _collect(value: Any, numbers: list[Array], words: set[str]) -> None:
    if isinstance(value, Operation):
        for one in fields(value):
            _collect(getattr(value, one.name), numbers, words)
    elif isinstance(value, tuple):
        for inner in value:
            _collect(inner, numbers, words)
    elif isinstance(value, str):
        words.add(value)
    elif isinstance(value, np.ndarray) and value.dtype.kind == "U":
        words.update(value.ravel().tolist())
    elif isinstance(value, (bool, int, float)):
        numbers.append(np.array([float(value)]))
    # Arrays of bytes are graphs: what these compare with, `convert/forest.py` tells.
    elif isinstance(value, np.ndarray) and value.dtype.kind in "fi":
        numbers.append(value.ravel().astype(np.float64))


def _numbers_of(
    column: Column, array: Array, thresholds: Array | None, budget: int, rng: Any
) -> Array:
    """Values of a column, what lies between and beside them, as far as the column takes them."""
    values = _numbers(array, thresholds, budget, rng)
    return _whole(column, values) if _holds_integers(column, array) else values


def _numbers(array: Array, thresholds: Array | None, budget: int, rng: Any) -> Array:
    """Values of a column, what lies between and beside them, in its dtype."""
    finite = array[np.isfinite(array)]
    seen = np.unique(finite)
    if len(seen) == 0:
        seen = np.zeros(1, dtype=array.dtype)
    if array.dtype.kind in "iu":
        info = np.iinfo(array.dtype)
        wide = list(seen.astype(object)[: budget // 3])
        if thresholds is not None:
            below = np.unique(np.floor(np.asarray(thresholds, dtype=np.float64)))
            wide.extend(rng.permutation(below[np.isfinite(below)])[: budget // 3].tolist())
        near = {int(v) + d for v in wide for d in (-1, 0, 1)}
        return np.array([v for v in sorted(near) if info.min <= v <= info.max], dtype=array.dtype)
    points = [seen.astype(np.float64), (seen[:-1].astype(float) + seen[1:].astype(float)) / 2]
    if thresholds is not None:
        points.insert(0, np.unique(np.asarray(thresholds, dtype=np.float64)))
    base = np.concatenate(points)
    if len(base) > budget // 6:
        # Thresholds first: of the rest, as many as there is room for.
        base = rng.permutation(base)[: max(1, budget // 6)]
    span = float(seen[-1]) - float(seen[0])
    ends = np.array([seen[0] - span - 1, seen[-1] + span + 1, *_TINY])
    values = np.concatenate([_beside(base), ends])
    with np.errstate(over="ignore"):
        return np.unique(values.astype(array.dtype))


def _beside(base: Array) -> Array:
    """The numbers, their neighbours among doubles and floats, and where floats round."""
    with np.errstate(over="ignore", under="ignore"):
        single = base.astype(np.float32)
        up = np.nextafter(single, np.float32(np.inf)).astype(np.float64)
        down = np.nextafter(single, np.float32(-np.inf)).astype(np.float64)
        halfway = (single.astype(np.float64) + up) / 2
        near = [
            base,
            np.nextafter(base, np.inf),
            np.nextafter(base, -np.inf),
            single.astype(np.float64),
            up,
            down,
            halfway,
            np.nextafter(halfway, np.inf),
        ]
    values = np.concatenate(near)
    finite: Array = values[np.isfinite(values)]
    return finite


def _values(column: Column, array: Array) -> Array:
    if column.dtype == "bool":
        return np.array([True, False]) if array.dtype.kind == "b" else of_objects([True, False])
    if array.dtype.kind == "M":
        return np.unique(array)[:MAX_PER_COLUMN]
    seen = sorted({value for value in array.tolist() if value is not None})[:MAX_PER_COLUMN]
    if column.dtype == "decimal":
        return of_objects(seen)
    changed = [f"{value} " for value in seen[:20]] + [value.upper() for value in seen[:20]]
    return of_objects([*seen, *(column.categories or ()), *changed, *_WORDS])


def _changed(
    columns: Columns, changes: Iterable[tuple[int, Array]], batch: int, rng: Any
) -> Iterator[Columns]:
    """Rows with one column changed, those of several columns in one batch."""
    gathered: list[tuple[int, Array, Array]] = []
    size = 0
    for position, values in changes:
        taken = 0
        while taken < len(values):
            part = values[taken : taken + batch - size]
            gathered.append((position, np.arange(size, size + len(part)), part))
            taken, size = taken + len(part), size + len(part)
            if size == batch:
                yield _with(_rows(columns, rng.integers(0, columns.rows, size)), gathered)
                gathered, size = [], 0
    if size:
        yield _with(_rows(columns, rng.integers(0, columns.rows, size)), gathered)


def _rows(columns: Columns, index: Array) -> Columns:
    if columns.block is not None:
        return Columns.from_block(columns.names, columns.block[index])
    return Columns(columns.names, [a[index] for a in columns.arrays], None, len(index))


def _with(columns: Columns, changes: Sequence[tuple[int, Array, Array]]) -> Columns:
    """The same rows with values changed: in which column, in which rows, to what."""
    if columns.block is not None:
        block = columns.block.copy()
        for position, rows, values in changes:
            block[rows, position] = values
        return Columns.from_block(columns.names, block)
    arrays = list(columns.arrays)
    for position in {position for position, _, _ in changes}:
        arrays[position] = arrays[position].copy()
    for position, rows, values in changes:
        arrays[position] = _assigned(arrays[position], rows, values)
    return Columns(columns.names, arrays, None, columns.rows)


def _assigned(array: Array, rows: Array, values: Array) -> Array:
    if array.dtype != values.dtype:
        array = array.astype(
            np.result_type(array, values)
            if "O" not in (array.dtype.kind + values.dtype.kind)
            else object
        )
    array[rows] = values
    return array


def _shuffled(columns: Columns, bounds: Coverage, rng: Any) -> Columns:
    """Rows whose columns come from different rows."""
    count = min(SHUFFLED, 4 * columns.rows, bounds.rows)
    if columns.block is not None:
        width = len(columns.names)
        index = rng.integers(0, columns.rows, (count, width))
        return Columns.from_block(columns.names, columns.block[index, np.arange(width)])
    picked = [array[rng.integers(0, columns.rows, count)] for array in columns.arrays]
    return Columns(columns.names, picked, None, count)


def _everywhere(
    columns: Columns, inputs: Sequence[Column], thresholds: Thresholds, bounds: Coverage, rng: Any
) -> Columns:
    """Rows in which every number is one at or beside a value of training, or a threshold."""
    count = min(EVERYWHERE, bounds.batch)
    base = _rows(columns, rng.integers(0, columns.rows, count))
    rows = np.arange(count)
    changes = []
    for at, (column, array) in enumerate(zip(inputs, columns.arrays, strict=True)):
        if array.dtype.kind in "fiu":
            values = _numbers_of(column, array, thresholds.get(at), LEAST_PER_COLUMN, rng)
            changes.append((at, rows, rng.choice(values, count)))
    return _with(base, changes)


def _all_missing(first: Columns, inputs: Sequence[Column]) -> Columns:
    arrays: list[Array] = []
    for column, array in zip(inputs, first.arrays, strict=True):
        if array.dtype.kind == "M":
            arrays.append(np.array(["NaT"], dtype=array.dtype))
        elif array.dtype.kind == "O" or column.dtype == "bool":
            arrays.append(of_objects([None]))
        else:
            dtype = array.dtype if array.dtype.kind == "f" else np.float64
            arrays.append(np.array([np.nan], dtype=dtype))
    if first.block is not None:
        return Columns.from_block(first.names, np.column_stack(arrays))
    return Columns(first.names, arrays, None, 1)


def _batches(columns: Columns, batch: int) -> Iterator[Columns]:
    for start in range(0, columns.rows, batch):
        yield columns.slice(start, start + batch)


def of_sizes(columns: Columns) -> Iterator[Columns]:
    """The training rows themselves: in batches of 1, 2, 7 and 1,000, and all of them.

    Of wide rows there are fewer in a batch.
    """
    batch = coverage(len(columns)).batch
    yield from _batches(columns, batch)
    for size in (1, 2, 7):
        for start in range(0, min(columns.rows, 8 * size), size):
            yield columns.slice(start, start + size)
    if 0 < columns.rows < batch:
        yield repeated(columns, batch)


def repeated(columns: Columns, rows: int) -> Columns:
    """So many rows: the first ones, or all of them over and over where there are fewer."""
    times = -(-rows // columns.rows)
    return (columns if times == 1 else concatenate([columns] * times)).slice(0, rows)
