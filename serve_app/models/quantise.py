"""Compiled models in coarser numbers: smaller files, for a loss that is measured.

Weights of linear models and of layers become 8-bit integers with one scale per output, or
16-bit floats; so do the leaves of scikit-learn's trees. Arithmetic stays in float64, so that
what is lost is precision of what was learned, and nothing of what is computed.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np

from serve_app.core.columns import Array, Columns
from serve_app.core.ports import Model
from serve_app.models.compiled.arithmetic import CoarseMatMul, MatMul
from serve_app.models.compiled.operation import Operation
from serve_app.models.compiled.trees import Leaves

Precision = Literal["int8", "float16"]


def quantised(operation: Operation, precision: Precision) -> Operation:
    """The same operation with coarser weights and leaves."""
    if type(operation) is MatMul:
        return _weights(operation, precision)
    if type(operation) is Leaves:
        return _leaves(operation, precision)
    changed = {
        field.name: _inside(getattr(operation, field.name), precision)
        for field in fields(operation)
    }
    return replace(operation, **changed)


def is_coarse(operation: Any) -> bool:
    """Whether anything in an operation is quantised."""
    if isinstance(operation, CoarseMatMul):
        return True
    if isinstance(operation, Leaves):
        return operation.values.dtype != np.float64
    if isinstance(operation, Operation):
        return any(is_coarse(getattr(operation, field.name)) for field in fields(operation))
    return isinstance(operation, tuple) and any(is_coarse(inner) for inner in operation)


def score(model: Model, columns: Columns, target: Array, kind: str) -> tuple[str, float]:
    """Accuracy of a classifier, R² of a regressor, on rows whose target is known."""
    values = model.predict(columns).values
    if kind == "classification":
        hits = [
            answer == true for answer, true in zip(values.tolist(), target.tolist(), strict=True)
        ]
        return "accuracy", float(np.mean(hits))
    wanted = target.astype(np.float64)
    rest = ((wanted - values) ** 2).sum()
    total = ((wanted - wanted.mean(axis=0)) ** 2).sum()
    return "r2", float(1 - rest / total) if total else 0.0


def _inside(value: Any, precision: Precision) -> Any:
    if isinstance(value, Operation):
        return quantised(value, precision)
    if isinstance(value, tuple):
        return tuple(_inside(inner, precision) for inner in value)
    return value


def _weights(product: MatMul, precision: Precision) -> Operation:
    weights = product.weights
    if precision == "float16":
        if np.abs(weights).max(initial=0.0) > np.finfo(np.float16).max:
            return product
        return CoarseMatMul(weights.astype(np.float16), np.ones(1), str(weights.dtype))
    largest = np.abs(weights).max(axis=0)
    scales = np.where(largest == 0, 1.0, largest / 127)
    codes = np.round(weights / scales).astype(np.int8)
    return CoarseMatMul(codes, np.atleast_1d(np.asarray(scales, dtype=float)), str(weights.dtype))


def _leaves(leaves: Leaves, precision: Precision) -> Leaves:
    values = leaves.values
    largest = float(np.abs(values).max(initial=0.0))
    if precision == "float16":
        if largest > np.finfo(np.float16).max:
            return leaves
        return replace(leaves, values=values.astype(np.float16))
    scale = largest / 127 or 1.0
    return replace(leaves, values=np.round(values / scale).astype(np.int8), scale=scale)
