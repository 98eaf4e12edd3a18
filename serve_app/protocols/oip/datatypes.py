"""What the Open Inference Protocol calls the types of columns, labels and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.signature import Column, Output
from serve_app.protocols.bodies import several_targets

_DATATYPES = {"float32": "FP32", "float64": "FP64"}


def of_column(column: Column) -> str:
    """What the protocol calls the dtype of a column; dates and decimals are text to it."""
    if not column.is_numeric:
        return "BYTES"
    return _DATATYPES.get(column.dtype, column.dtype.upper())


def of_values(values: Array) -> str:
    """What the protocol calls the type of some values."""
    kind = values.dtype.kind
    if kind in "OUS":
        return of_labels(values.reshape(-1).tolist())
    return {"b": "BOOL", "i": "INT64", "u": "INT64"}.get(kind, "FP64")


def of_labels(labels: Sequence[Any]) -> str:
    """What the protocol calls the type of labels: text, where they are not all of one."""
    kinds = {type(label) for label in labels}
    for kind, name in ((bool, "BOOL"), (int, "INT64"), (float, "FP64")):
        if kinds == {kind}:
            return name
    return "BYTES"


def of_targets(output: Output) -> str:
    """What the protocol calls the type of the labels of all targets."""
    return of_labels(several_targets.all_labels(output))


def plain_labels(values: Array) -> Array:
    """Labels of one kind as an array of that kind; text and mixed ones stay objects."""
    if values.dtype.kind not in "OUS":
        return values
    dtype = {"BOOL": np.bool_, "INT64": np.int64, "FP64": np.float64}.get(of_values(values))
    return values if dtype is None else values.astype(dtype)
