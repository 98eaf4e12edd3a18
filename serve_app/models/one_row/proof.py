"""Holds the steps of one row against their program when a version is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from serve_app.core.columns import Array, Columns, of_objects
from serve_app.core.messages import Prediction
from serve_app.core.ports import Model
from serve_app.core.signature import Column, Signature
from serve_app.errors import ModelFailed, RowsRefused
from serve_app.models.compiled.model import OneRow
from serve_app.models.compiled.operation import Operation

SEED = 13
ROWS = 48
"""So many rows are compared, of which the first half has nothing odd: a few milliseconds."""
LEAST = 8
"""So many of them must have been answered value by value."""
_ODD = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 1e30, -1e300)
_SCALES = (0.01, 1.0, 100.0, 1e5)
_UNKNOWN = "\0none of the categories"


def same_bits(model: Model, lane: OneRow, program: Operation, signature: Signature) -> bool:
    """Whether both say the same of rows that are usual, and of those that are not.

    What the one leaves to the other needs no comparison. What it says of too few rows counts for
    nothing.
    """
    answered = 0
    for row in probes(program, signature):
        prediction = lane(row)
        if prediction is None:
            continue
        answered += 1
        try:
            known = model.predict(row)
        except (ModelFailed, RowsRefused):
            return False
        if not _equal(known, prediction):
            return False
    return answered >= LEAST


def probes(program: Operation, signature: Signature) -> Iterator[Columns]:
    """Rows of numbers of several sizes and of known categories, then of gaps and odd ones too."""
    rng = np.random.default_rng(SEED)
    words = sorted({word for word in _words(program) if isinstance(word, str)})
    odd = ROWS // 2
    drawn = [_drawn(column, words, odd, rng) for column in signature.inputs]
    one_block = len({array.dtype for array in drawn}) == 1 and drawn[0].dtype.kind == "f"
    for at in range(ROWS):
        arrays = [array[at : at + 1] for array in drawn]
        if one_block:
            yield Columns.from_block(signature.names, np.array(arrays).T)
        else:
            yield Columns(signature.names, arrays, None, 1)


def _words(value: Any) -> Iterator[Any]:
    """All categories that a program knows."""
    if isinstance(value, Operation):
        for name in value.__dataclass_fields__:
            yield from _words(getattr(value, name))
    elif isinstance(value, tuple):
        for part in value:
            yield from _words(part)
    else:
        yield value


def _drawn(column: Column, words: list[str], odd: int, rng: np.random.Generator) -> Array:
    dtype = column.array_dtype
    if dtype.kind == "b":
        return rng.random(ROWS) < 0.5
    if dtype.kind in "iu":
        return rng.integers(0, 100, ROWS).astype(dtype)
    if dtype.kind == "f":
        values = rng.normal(size=ROWS) * rng.choice(_SCALES, ROWS)
        strange = rng.random(ROWS) < 0.15
        strange[:odd] = False
        with np.errstate(all="ignore"):
            return np.where(strange, rng.choice(_ODD, ROWS), values).astype(dtype)
    if column.dtype == "string":
        known = words or [_UNKNOWN]
        texts: list[Any] = [known[i] for i in rng.integers(0, len(known), ROWS)]
        for row in range(odd, ROWS):
            if rng.random() < 0.2:
                texts[row] = rng.choice(np.array([None, _UNKNOWN], dtype=object))
        return of_objects(texts)
    return of_objects([None] * ROWS).astype(dtype)


def _equal(known: Prediction, other: Prediction) -> bool:
    return _same(known.values, other.values) and (
        _same(known.probabilities, other.probabilities)
        if known.probabilities is not None and other.probabilities is not None
        else known.probabilities is other.probabilities
    )


def _same(a: Array, b: Array) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a.tolist() == b.tolist() if a.dtype == object else a.tobytes() == b.tobytes()
