"""Looks at a graph before it is registered: what it takes, and what its outputs are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array
from serve_app.core.signature import Column
from serve_app.errors import InvalidInput, RowsRefused
from serve_app.models.compiled.trees import session
from serve_app.models.frames import describe, to_columns
from serve_app.models.onnx_ends import Graph, GraphInput, GraphSettings
from serve_app.models.onnx_measured import BATCHES, measured, synthetic
from serve_app.models.onnx_roles import Evidence, roles
from serve_app.models.onnx_rows import Feeds, GraphRows, feeds

LOOKED_AT = 1000
"""Up to so many rows of training show what the outputs are."""
_SIZES = (4, 3, 1)
_WORDS = (("1", "2"), ("a", "b"), ("",))
"""What is tried where a graph takes text: it may read numbers there, or know no word."""
_STRETCH = (-30.0, -5.0, -1.0, 0.0, 5.0, 30.0, 1000.0)


def examined(graph: Graph, frame: pd.DataFrame, labels: Sequence[Any] = ()) -> Graph:
    """The graph with all that a version has to remember of it.

    `frame` holds rows that it takes, best those of training, or none; `labels` name its
    classes where it does not.

    Raises:
        InvalidInput: the columns are not those that it takes, it does not answer rows one by
            one, or what it gives is not what the labels say.
    """
    inputs, places, by_position = _bound(graph, frame)
    run = session(graph.content).run
    rows = len(frame)
    if rows:
        given = _given(frame, inputs, places)
        first = {name: a[np.arange(BATCHES[-1]) % len(a)] for name, a in given.items()}
        outputs, batch = measured(graph, inputs, run, first)
        compute = GraphRows(run, outputs, batch)
        tried = _joined([_tried(compute, given), _stretched(compute, first)])
    else:
        outputs, batch, tried = _made_up(graph, inputs, run)
    settings = GraphSettings(
        inputs,
        outputs,
        roles(Evidence(graph, outputs, tried, labels)),
        batch,
        places,
        by_position,
        renamed=bool(labels),
    )
    return replace(graph, settings=settings)


def inputs(graph: Graph, frame: pd.DataFrame) -> tuple[Column, ...]:
    """The columns that requests bring: those of the data, or the graph's own tensors."""
    assert graph.settings is not None  # noqa: S101 - examined before
    if graph.settings.columns is None:
        return tuple(one.column for one in graph.settings.inputs)
    return describe(frame)


def _given(
    frame: pd.DataFrame, inputs: Sequence[GraphInput], places: tuple[tuple[int, ...], ...] | None
) -> Feeds:
    try:
        return feeds(to_columns(frame.head(LOOKED_AT)), inputs, places)
    except RowsRefused as error:
        raise InvalidInput(error.message, **error.details) from error


def _tried(compute: GraphRows, given: Feeds) -> Mapping[str, Array]:
    try:
        return compute(given)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        msg = f"the graph does not answer the rows that were given with it ({reason})"
        raise InvalidInput(msg) from error


def _stretched(compute: GraphRows, rows: Feeds) -> Mapping[str, Array]:
    """What is said of rows far outside of the data: a score leaves 0..1 there at the latest."""
    far = {
        name: array * np.array(_STRETCH, array.dtype).reshape(-1, *[1] * (array.ndim - 1))
        if array.dtype.kind == "f"
        else array
        for name, array in rows.items()
    }
    try:
        return compute(far)
    except Exception:  # noqa: BLE001 - a graph may refuse what no data ever held
        return {}


def _joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """The rows of all parts that have some; shapes that differ leave the first alone."""
    first = parts[0]
    return {
        name: np.concatenate(
            [part[name] for part in parts if name in part and part[name].shape[1:] == a.shape[1:]]
        )
        for name, a in first.items()
    }


def _made_up(graph: Graph, inputs: Sequence[GraphInput], run: Any) -> Any:
    """The outputs for made-up rows, for lack of data; sizes that a graph leaves open are tried."""
    refused: InvalidInput | None = None
    dynamic = any(None in one.shape for one in inputs)
    text = any(one.dtype == "string" for one in inputs)
    words = ([*([graph.hints.texts] if graph.hints.texts else []), *_WORDS]) if text else [()]
    for size, known in product(_SIZES if dynamic else _SIZES[:1], words):
        rows = synthetic(inputs, known, size)
        try:
            outputs, batch = measured(graph, inputs, run, rows)
        except InvalidInput as error:
            refused = refused or error
            continue
        return outputs, batch, GraphRows(run, outputs, batch)(rows)
    msg = (
        f"{refused.message if refused else ''}; give rows that it takes with --data, if it is a "
        "table that it takes"
    )
    raise InvalidInput(msg)


def _bound(
    graph: Graph, frame: pd.DataFrame
) -> tuple[tuple[GraphInput, ...], tuple[tuple[int, ...], ...] | None, bool]:
    """The inputs, which columns of the data are in each, and whether that goes by position.

    Raises:
        InvalidInput: the columns are not those of the inputs.
    """
    names = [str(name) for name in frame.columns]
    if not names:
        if graph.tabular and not graph.columns:
            raise InvalidInput("the graph takes no columns")
        return graph.inputs, None, False
    if any(len(one.shape) > 1 for one in graph.inputs):
        msg = "the graph takes tensors and no table; leave --data out"
        raise InvalidInput(msg)
    inputs = _widened(graph.inputs, len(names))
    by_name = _by_name(inputs, names)
    wanted = sum(one.width or 0 for one in inputs)
    if wanted != len(names):
        msg = f"the graph takes {wanted} columns, but the data has {len(names)}"
        raise InvalidInput(msg)
    left = iter(at for at in range(len(names)) if at not in by_name.values())
    places = tuple(
        (by_name[one.name],)
        if one.name in by_name
        else tuple(next(left) for _ in range(one.width or 0))
        for one in inputs
    )
    _check_kinds(inputs, places, describe(frame))
    invented = len(frame) == 0 and names == [name for name, _ in graph.columns]
    by_position = len(by_name) < len(inputs) or (invented and inputs[0].width != 1)
    return inputs, places, by_position


def _widened(inputs: Sequence[GraphInput], columns: int) -> tuple[GraphInput, ...]:
    """The inputs with the width that the data shows, where one leaves it open."""
    open_ = [one for one in inputs if None in one.shape]
    if not open_:
        return tuple(inputs)
    if len(open_) > 1:
        msg = "several inputs of the graph do not say how many columns they have; leave --data out"
        raise InvalidInput(msg)
    rest = columns - sum(one.width or 0 for one in inputs if one is not open_[0])
    return tuple(replace(one, shape=(rest,)) if one is open_[0] else one for one in inputs)


def _by_name(inputs: Sequence[GraphInput], names: Sequence[str]) -> dict[str, int]:
    """Which columns the inputs name that are one column each; none where none is known.

    Converters write another sign for each that is none of a word, so that such names are
    taken for the same.

    Raises:
        InvalidInput: some are known and others are not, so that nothing says which is which.
    """
    single = [one.name for one in inputs if one.width == 1]
    places: dict[str, int] = {}
    for name in single:
        exact = [at for at, column in enumerate(names) if column == name]
        alike = exact or [at for at, column in enumerate(names) if _word(column) == _word(name)]
        if len(alike) == 1 and alike[0] not in places.values():
            places[name] = alike[0]
    lacking = [name for name in single if name not in places]
    if not places or (not lacking and len(single) < len(inputs)):
        return places
    besides = [column for at, column in enumerate(names) if at not in places.values()]
    if lacking:
        msg = (
            f"the graph takes a column {lacking[0]!r}, which the data does not have; it has "
            f"{', '.join(besides) or 'no others'} beside those that the graph knows by name"
        )
        raise InvalidInput(msg, columns=lacking)
    if besides:
        msg = (
            f"the data has the column {besides[0]!r}, which the graph does not take; leave it "
            "out, or name it as the target"
        )
        raise InvalidInput(msg, columns=besides)
    return places


def _word(name: str) -> str:
    return re.sub(r"[^0-9a-zA-Z_]", "_", name)


def _check_kinds(
    inputs: Sequence[GraphInput], places: Sequence[Sequence[int]], columns: Sequence[Column]
) -> None:
    for one, wanted in zip(inputs, places, strict=True):
        for at in wanted:
            column = columns[at]
            if (one.dtype == "string") != (column.dtype == "string"):
                msg = (
                    f"column {column.name!r} holds {column.dtype}, but the graph's "
                    f"{one.name!r} takes {one.dtype}"
                )
                raise InvalidInput(msg, column=column.name)
