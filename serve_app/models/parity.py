"""Holds a compiled model against the library: the same classes, the same numbers, everywhere.

Every row that the library refuses must be refused, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.messages import Prediction
from serve_app.core.ports import Model
from serve_app.core.signature import SEVERAL
from serve_app.errors import ModelFailed, RowsRefused

PROBABILITY = 1e-6
RELATIVE = 1e-5
NEARLY_NOTHING = 1e-12
"""Of the largest value seen: below it a difference is one of rounding in a sum near zero."""

Computes = Callable[[Columns], "Outputs"]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is compared: `exact` must be equal, `near` within a tolerance."""

    exact: Array | None
    near: Array | None
    relative: bool


class Differs(Exception):
    """The compiled form does not answer like the library; the message says where."""


@dataclass(slots=True)
class Compared:
    """What a comparison went through; of values a difference is relative to the library's.

    `left` are rows that both refused among others and that nobody looked at alone, `halvings`
    how many batches were halved to look at less of them.
    """

    rows: int = 0
    refused: int = 0
    left: int = 0
    halvings: int = 0
    largest_difference: float = 0.0

    def add(self, other: Compared) -> None:
        """Count another comparison's rows as well."""
        self.rows += other.rows
        self.refused += other.refused
        self.left += other.left
        self.halvings += other.halvings
        self.largest_difference = max(self.largest_difference, other.largest_difference)


def outputs(model: Model, kind: str) -> Computes:
    """What a model says of rows, ready to be compared."""
    if kind == "transform":
        return lambda columns: _features(model.transform(columns))
    return lambda columns: _outputs_of(model.predict(columns), kind)


def scores(model: Model) -> Computes:
    """The raw scores that a model gives rows, ready to be compared."""
    return lambda columns: Outputs(None, model.predict_with_scores(columns).scores, relative=True)


def compare(
    native: Computes, compiled: Computes, batches: Iterable[Columns], halvings: int | None = None
) -> Compared:
    """Let both answer and compare.

    Where both refuse a batch it is halved, until each row that they refuse was refused alone; at
    most `halvings` times, and what is left then is counted.

    Raises:
        Differs: they do not agree.
    """
    compared = Compared()
    most = float("inf") if halvings is None else halvings
    for batch in batches:
        _compare((native, compiled), batch, compared, most)
    return compared


def _compare(
    both: tuple[Computes, Computes], batch: Columns, compared: Compared, most: float
) -> None:
    wanted, got = (_computed(computes, batch) for computes in both)
    if wanted is not None and got is not None:
        _hold(wanted, got, compared)
        compared.rows += batch.rows
    elif (wanted is None) != (got is None) and (batch.rows == 1 or compared.halvings >= most):
        who, other = ("the library", "the compiled form")
        if got is None:
            who, other = other, who
        msg = f"{who} refuses {'a row' if batch.rows == 1 else 'rows'} that {other} answers"
        raise Differs(msg)
    elif batch.rows == 1:
        compared.rows += 1
        compared.refused += 1
    elif compared.halvings >= most:
        compared.left += batch.rows
    else:
        # One row that is refused refuses its batch: look at each part on its own.
        compared.halvings += 1
        middle = batch.rows // 2
        _compare(both, batch.slice(0, middle), compared, most)
        _compare(both, batch.slice(middle, batch.rows), compared, most)


def _computed(computes: Computes, batch: Columns) -> Outputs | None:
    try:
        return computes(batch)
    except (ModelFailed, RowsRefused):
        return None


def _hold(wanted: Outputs, got: Outputs, compared: Compared) -> None:
    if wanted.exact is not None:
        if got.exact is None or wanted.exact.shape != got.exact.shape:
            raise Differs("the classes have another shape")
        differs = wanted.exact != got.exact
        other = np.flatnonzero(differs if differs.ndim == 1 else differs.any(axis=1))
        if len(other):
            row = int(other[0])
            msg = f"class {got.exact[row]!r} instead of {wanted.exact[row]!r} for a probed row"
            raise Differs(msg)
    if wanted.near is None or got.near is None:
        if wanted.near is not got.near:
            raise Differs("only one of them gives probabilities")
        return
    _hold_numbers(wanted.near, got.near, compared, relative=wanted.relative)


def _hold_numbers(wanted: Array, got: Array, compared: Compared, *, relative: bool) -> None:
    if wanted.shape != got.shape:
        msg = f"the shape {got.shape} instead of {wanted.shape}"
        raise Differs(msg)
    if wanted.dtype != got.dtype:
        msg = f"the dtype {got.dtype} instead of {wanted.dtype}"
        raise Differs(msg)
    a, b = wanted.astype(np.float64), got.astype(np.float64)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    if same.all():
        return
    scale = 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.where(same, 0.0, np.abs(a - b))
        if relative:
            finite = np.abs(a[np.isfinite(a)])
            scale = finite.max() if finite.size else 0.0
            allowed = RELATIVE * np.abs(a) + NEARLY_NOTHING * scale
        else:
            allowed = np.full(a.shape, PROBABILITY)
        bad = ~same & ~(difference <= allowed)
    if bad.any():
        at = np.unravel_index(int(np.argmax(bad)), bad.shape)
        msg = f"{b[at]!r} instead of {a[at]!r} for a probed row"
        raise Differs(msg)
    if relative:
        difference = difference / np.where(same, 1.0, np.maximum(np.abs(a), NEARLY_NOTHING * scale))
    compared.largest_difference = max(compared.largest_difference, float(difference.max()))


def _outputs_of(prediction: Prediction, kind: str) -> Outputs:
    if kind == "classification" or kind in SEVERAL:
        return Outputs(prediction.values, prediction.probabilities, relative=False)
    return Outputs(None, prediction.values, relative=True)


def _features(columns: Columns) -> Outputs:
    if columns.block is not None:
        return Outputs(None, columns.block, relative=True)
    return Outputs(None, np.column_stack(columns.arrays), relative=True)
