"""A few rows with their outputs, kept to prove that a loaded model is the registered one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from serve_app.core import times
from serve_app.core.columns import Array, Columns, of_objects
from serve_app.core.messages import Prediction
from serve_app.core.ports import Model
from serve_app.core.signature import Column, Signature
from serve_app.errors import ArtifactRejected, ModelFailed, RowsRefused

ROWS = 8
TENSOR = "tensor:"
"""Stands before the names of a graph's own outputs."""
# Matrix products differ in the last bits between processors.
RELATIVE, ABSOLUTE = 1e-6, 1e-9
_REMEDY = "register the version again"


def to_json(columns: Columns, inputs: Sequence[Column] = ()) -> dict[str, list[Any]]:
    """Columns as JSON values; NaN becomes null, dates and decimals text.

    `inputs` tell which columns have a time zone, and so what a request would say.
    """
    zoned = {column.name for column in inputs if column.zone is not None}
    return {name: _values(array, name in zoned) for name, array in columns.as_dict().items()}


def sample_columns(inputs: Mapping[str, list[Any]], signature: Signature) -> Columns:
    """The columns that `to_json` wrote.

    Raises:
        ArtifactRejected: they are not what it wrote.
    """
    try:
        arrays = {column.name: _array(column, inputs[column.name]) for column in signature.inputs}
        if len({len(array) for array in arrays.values()}) > 1:
            raise ValueError("its columns have different lengths")
        dtypes = {array.dtype for array in arrays.values()}
        if len(dtypes) == 1 and next(iter(dtypes)).kind == "f":
            return Columns.from_block(tuple(arrays), np.column_stack(list(arrays.values())))
        return Columns.of(arrays)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        why = f"it lacks the column {error}" if isinstance(error, KeyError) else str(error)
        raise ArtifactRejected(f"the version's sample is damaged ({why}); {_REMEDY}") from error


def expected(model: Model, columns: Columns, kind: str) -> dict[str, Any]:
    """What a model says of some rows, as JSON values."""
    if kind == "transform":
        return {"columns": to_json(model.transform(columns))}
    return answered(model.predict(columns))


def answered(prediction: Prediction) -> dict[str, Any]:
    """A prediction as JSON values."""
    body: dict[str, Any] = {"values": _values(prediction.values)}
    if prediction.probabilities is not None:
        body["probabilities"] = _values(prediction.probabilities)
    for name, values in (prediction.tensors or {}).items():
        body[f"{TENSOR}{name}"] = _values(values)
    return body


def hold(got: Array, wanted: Array) -> None:
    """Hold the features that a stored transformer gives against those of the one in memory.

    Raises:
        ArtifactRejected: they are others.
    """
    if got.shape != wanted.shape or not _same(_values(wanted), _values(got)):
        msg = "what was stored does not transform rows like the transformer that was given"
        raise ArtifactRejected(msg)


def check(model: Model, columns: Columns, wanted: Mapping[str, Any], kind: str) -> None:
    """Let a model answer the sample again.

    Raises:
        ArtifactRejected: it says something else; names the first row that differs.
    """
    try:
        got = expected(model, columns, kind)
    except (ModelFailed, RowsRefused) as error:
        msg = f"the version cannot answer its own sample: {error.message}"
        raise ArtifactRejected(msg) from error
    pairs = (wanted["columns"], got["columns"]) if kind == "transform" else (dict(wanted), got)
    if pairs[0].keys() != pairs[1].keys():
        msg = f"the version gives {sorted(pairs[1])}, but gave {sorted(pairs[0])} when registered"
        raise ArtifactRejected(msg)
    for name, values in pairs[0].items():
        if not isinstance(values, list) or len(values) != len(pairs[1][name]):
            why = f"it does not hold {columns.rows} {name}"
            raise ArtifactRejected(f"the version's sample is damaged ({why}); {_REMEDY}")
        for row, (before, now) in enumerate(zip(values, pairs[1][name], strict=True)):
            if not _same(before, now):
                msg = (
                    f"row {row} of the version's sample gave {name} {before} when it was "
                    f"registered, and gives {now} now; the libraries or the files have changed"
                )
                raise ArtifactRejected(msg, row=row, output=name)


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, list):
        return (
            isinstance(now, list)
            and len(before) == len(now)
            and all(_same(a, b) for a, b in zip(before, now, strict=True))
        )
    if isinstance(before, float) and isinstance(now, float):
        return bool(np.isclose(before, now, rtol=RELATIVE, atol=ABSOLUTE))
    return bool(before == now)


def _values(array: Array, zoned: bool = False) -> list[Any]:
    if array.dtype.kind == "f":
        # Through float64, which JSON writes exactly.
        listed: list[Any] = array.astype(np.float64).tolist()
        return _without_nan(listed)
    if array.dtype.kind == "M":
        return list(times.texts(array, zoned=zoned))
    values: list[Any] = array.tolist()
    return _plain(values) if array.dtype == object else values


def _plain(values: list[Any]) -> list[Any]:
    """The same with what JSON holds in place of NumPy's scalars and of decimals."""
    return [_plain_value(value) for value in values]


def _plain_value(value: Any) -> Any:
    if isinstance(value, list):
        return _plain(value)
    if isinstance(value, np.generic):
        return value.item()
    return str(value) if isinstance(value, Decimal) else value


def _without_nan(values: list[Any]) -> list[Any]:
    return [
        _without_nan(value) if isinstance(value, list) else None if value != value else value  # noqa: PLR0124
        for value in values
    ]


def _array(column: Column, values: list[Any]) -> Array:
    if column.is_datetime:
        return times.array_of(values, column)
    if column.dtype == "decimal":
        values = [None if value is None else Decimal(value) for value in values]
    if column.array_dtype.kind == "O" or (column.dtype == "bool" and None in values):
        return of_objects(values)
    if None in values:
        dtype = np.float32 if column.dtype == "float32" else np.float64
        return np.array([np.nan if value is None else value for value in values], dtype=dtype)
    return np.array(values, dtype=column.dtype)
