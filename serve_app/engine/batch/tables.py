"""The columns of output: what was kept of the input, what is predicted, and whose row it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from serve_app.core import targets
from serve_app.core.columns import Array
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.errors import InvalidInput

VERSION, FILE, ROW, ERROR = "model_version", "_file", "_row", "_error"


@dataclass(frozen=True, slots=True)
class OutputRows:
    """Rows of output: by name an array of NumPy or Arrow, or a list, each of `rows` values."""

    columns: Mapping[str, Any]
    rows: int


def predicted(prediction: Prediction, output: Output) -> dict[str, Array]:
    """What is said of rows as columns of shape (n,), or (n, …) of a graph's tensors.

    `prediction`, `probability_<class>`; of several targets `prediction_<target>` and
    `probability_<target>` or `probability_<target>_<class>`.
    """
    if output.kind == "tensors" and prediction.tensors is not None:
        return dict(prediction.tensors)
    columns: dict[str, Array] = {}
    values, shares = prediction.values, prediction.probabilities
    if values.ndim == 1:
        columns["prediction"] = _typed(values, output.labels)
    elif output.targets:
        for j, target in enumerate(output.targets):
            columns[f"prediction_{target.name}"] = _typed(values[:, j], target.labels)
    else:
        columns.update({f"prediction_{j}": values[:, j] for j in range(values.shape[1])})
    if shares is None:
        return columns
    if output.kind == "multioutput":
        for target, part in zip(output.targets, targets.parts(shares, output.targets), strict=True):
            for j, label in enumerate(target.labels):
                columns[f"probability_{target.name}_{label}"] = part[:, j]
        return columns
    labels = [one.name for one in output.targets] or output.labels
    columns.update({f"probability_{label}": shares[:, j] for j, label in enumerate(labels)})
    return columns


def nothing_predicted(output: Output) -> dict[str, Array]:
    """The columns that are predicted, without rows; where only a model could tell, of doubles."""
    if output.kind == "tensors":
        return {
            column.name: np.empty((0, *(size or 0 for size in column.shape)))
            for column in output.columns
        }
    several = len(output.targets) or output.width
    shape = (0,) if several == 1 and not output.targets else (0, several)
    classes = bool(output.labels or output.targets)
    values: Array = np.empty(shape, dtype=object if classes else np.float64)
    shares = np.empty((0, output.shares)) if output.probabilities else None
    return predicted(Prediction(values, shares), output)


def check_names(kept: Sequence[str], output: Output) -> None:
    """Return where no column that is kept is called as one that is written.

    Raises:
        InvalidInput: one is; says which.
    """
    written = {*nothing_predicted(output), VERSION, FILE, ROW, ERROR}
    for name in kept:
        if name in written:
            msg = f"the output has a column {name!r} of its own; leave that of the input out"
            raise InvalidInput(msg, column=name)


def spread(values: Array, places: Sequence[int], rows: int) -> list[Any]:
    """The values at their places among so many rows, null in all others.

    A float of 32 bits is the number that its shortest digits say, as answers to requests have it.
    """
    column: list[Any] = [None] * rows
    plain = values.dtype != np.float32 or values.ndim > 1
    listed = values.tolist() if plain else map(float, values.astype(str))
    for place, value in zip(places, listed, strict=True):
        column[place] = value
    return column


def _typed(values: Array, labels: Sequence[Any]) -> Array:
    """Classes as numbers or truth values where all of them are; an array of objects may hold them.

    Of classes of several kinds, and of text, an array of objects.
    """
    kinds = set(map(type, labels))
    if values.dtype != object or len(kinds) != 1 or not kinds <= {bool, int, float}:
        return values
    return values.astype(np.array(labels).dtype)


def taken(column: Any, places: Sequence[int]) -> Any:
    """Some values of a column that is kept."""
    if isinstance(column, list):
        return [column[place] for place in places]
    return column.take(np.asarray(places, dtype=np.int64))
