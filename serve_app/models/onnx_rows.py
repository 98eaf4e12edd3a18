"""Runs an ONNX graph on rows: n rows go in, n answers come out, of every output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.errors import ModelFailed, RowsRefused
from serve_app.models.onnx_ends import GraphInput, GraphOutput

Feeds = Mapping[str, Array]
Run = Callable[[Sequence[str], Feeds], Sequence[Any]]


class GraphRows:
    """A graph that answers rows, all at once or `batch` at a time."""

    def __init__(self, run: Run, outputs: Sequence[GraphOutput], batch: int | None) -> None:
        self._run = run
        self._outputs = tuple(outputs)
        self._sources = list(dict.fromkeys(one.source for one in outputs))
        self._batch = batch

    def __call__(self, feeds: Feeds) -> dict[str, Array]:
        """One answer per row, of each output by name.

        Raises:
            ModelFailed: an output has more or fewer answers than there are rows.
        """
        rows = len(next(iter(feeds.values())))
        if self._batch is None:
            return self._once(feeds, rows)
        step = self._batch
        parts = [
            self._once({name: _padded(a[at : at + step], step) for name, a in feeds.items()}, step)
            for at in range(0, rows, step)
        ]
        return {
            one.name: np.concatenate([part[one.name] for part in parts])[:rows]
            for one in self._outputs
        }

    def _once(self, feeds: Feeds, rows: int) -> dict[str, Array]:
        raw = dict(zip(self._sources, self._run(self._sources, feeds), strict=True))
        outputs = {one.name: _of_rows(one, raw[one.source], rows) for one in self._outputs}
        for name, array in outputs.items():
            if len(array) != rows:
                msg = f"the ONNX graph gave {len(array)} answers of {name!r} to {rows} rows"
                raise ModelFailed(msg)
        return outputs


def _of_rows(one: GraphOutput, raw: Any, rows: int) -> Array:
    if one.item is None:
        return by_row(raw, one.axis, rows)
    if one.item == "all":
        return np.stack([by_row(part, one.axis, rows) for part in raw], axis=1)
    return by_row(raw[int(one.item)], one.axis, rows)


def by_row(raw: Any, axis: int | None, rows: int) -> Array:
    """The answers with the rows along the first axis.

    Raises:
        ModelFailed: there is not one of each row.
    """
    array: Array = np.asarray(raw)
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    if axis is None:
        return array[np.newaxis]
    if array.ndim <= axis or array.shape[axis] != rows:
        msg = f"the ONNX graph gave an answer of shape {list(array.shape)} to {rows} rows"
        raise ModelFailed(msg)
    return np.ascontiguousarray(np.moveaxis(array, axis, 0)) if axis else array


def _padded(array: Array, rows: int) -> Array:
    """The last row again, until there are so many: a graph may take no fewer."""
    lacking = rows - len(array)
    return np.concatenate([array, array[-1:].repeat(lacking, axis=0)]) if lacking else array


def feeds(
    columns: Columns, inputs: Sequence[GraphInput], places: Sequence[Sequence[int]] | None
) -> dict[str, Array]:
    """What a graph is given of some columns; `places` says which are in which input.

    Raises:
        RowsRefused: a value is none of what an input takes.
    """
    arrays = columns.arrays
    if places is None:
        return {one.name: cast(array, one) for one, array in zip(inputs, arrays, strict=True)}
    by_input: dict[str, Array] = {}
    for one, wanted in zip(inputs, places, strict=True):
        if not one.shape:
            by_input[one.name] = _checked(arrays[wanted[0]], one, columns.names[wanted[0]])
        elif columns.block is not None and tuple(wanted) == tuple(range(len(columns))):
            by_input[one.name] = cast(columns.block, one)
        else:
            block = np.column_stack([_checked(arrays[at], one, columns.names[at]) for at in wanted])
            by_input[one.name] = cast(block, one)
    return by_input


def _checked(array: Array, one: GraphInput, name: str) -> Array:
    try:
        return cast(array, one)
    except RowsRefused as error:
        raise RowsRefused(f"column {name!r}: {error.message}", column=name) from error


def cast(array: Array, one: GraphInput) -> Array:
    """Values in the dtype of an input.

    Raises:
        RowsRefused: one of them is another value there.
    """
    if one.dtype == "string":
        return _text(array)
    wanted = np.dtype(one.dtype)
    if array.dtype == wanted:
        return np.ascontiguousarray(array)
    try:
        with np.errstate(over="raise", invalid="raise"):
            made = np.ascontiguousarray(array, dtype=wanted)
    except (FloatingPointError, TypeError, ValueError, OverflowError):
        raise _refused(one) from None
    if wanted.kind in "iub" and not np.array_equal(made, array):
        raise _refused(one)
    return made


def _refused(one: GraphInput) -> RowsRefused:
    msg = f"the graph's input {one.name!r} takes {one.dtype}, and a value is none (or missing)"
    return RowsRefused(msg, input=one.name)


def _text(array: Array) -> Array:
    """Text with an empty word for every gap: ONNX knows no gaps in text."""
    filled = np.empty(array.shape, dtype=object)
    flat = filled.reshape(-1)
    flat[:] = ["" if value is None else value for value in array.reshape(-1).tolist()]
    return filled
