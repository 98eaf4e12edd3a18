"""ONNX forms of arithmetic, gaps and categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.export.graph.builder import (
    TEXT,
    Builder,
    Matrix,
    NoForm,
    Table,
    Value,
    form_of,
    matrix,
    table,
    written,
)
from serve_app.models.compiled.arithmetic import (
    AsFloat,
    Beside,
    Cast,
    Clip,
    Elementwise,
    MatMul,
    Pick,
    Screen,
    ToMatrix,
    ValueMissing,
)
from serve_app.models.compiled.categories import OneHot, ScreenColumns
from serve_app.models.compiled.gaps import Impute
from serve_app.models.compiled.operation import Chain
from serve_app.models.compiled.shapes import Column, Flatten, RowSum

ALONE = {
    "absolute": "Abs", "ceil": "Ceil", "exp": "Exp", "floor": "Floor", "log": "Log",
    "negative": "Neg", "sqrt": "Sqrt",
}  # fmt: skip
WITH_OPERAND = {"add": "Add", "subtract": "Sub", "multiply": "Mul", "divide": "Div"}


@form_of(Chain)
def _chain(step: Chain, x: Value, builder: Builder) -> Value:
    for inner in step.steps:
        x = written(inner, x, builder)
    return x


@form_of(Screen, ScreenColumns)
def _screen(_: Any, x: Value, __: Builder) -> Value:
    # A graph cannot refuse rows: whoever calls it must not give it what the server refuses.
    return x


@form_of(Pick)
def _pick(step: Pick, x: Value, builder: Builder) -> Value:
    if isinstance(x, Table):
        return Table(tuple(x.columns[j] for j in step.positions))
    chosen = builder.constant(np.array(step.positions, np.int64))
    name = builder.node("Gather", x.name, chosen, axis=1)
    return Matrix(name, x.dtype, len(step.positions))


@form_of(ToMatrix)
def _to_matrix(step: ToMatrix, x: Value, builder: Builder) -> Value:
    columns = table(x, step)
    if any(column.dtype == TEXT for column in columns):
        raise NoForm("the step ToMatrix of text has no ONNX form")
    return _joined(columns, np.result_type(*(column.dtype for column in columns)), builder)


def _joined(parts: Any, dtype: np.dtype[Any], builder: Builder) -> Matrix:
    cast = [builder.cast(part, dtype) for part in parts]
    if len(cast) == 1:
        return cast[0]
    name = builder.node("Concat", *(part.name for part in cast), axis=1)
    return Matrix(name, dtype, sum(part.width or 1 for part in cast))


@form_of(AsFloat)
def _as_float(step: AsFloat, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    floats = given.dtype in {np.dtype(np.float32), np.dtype(np.float64)}
    return given if floats else builder.cast(given, np.float64)  # type: ignore[arg-type]


@form_of(Cast)
def _cast(step: Cast, x: Value, builder: Builder) -> Value:
    return builder.cast(matrix(x, step), step.dtype)


@form_of(Elementwise)
def _elementwise(step: Elementwise, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    kind = (ALONE if step.operand is None else WITH_OPERAND).get(step.function)
    if kind is None or given.dtype.kind != "f":
        raise NoForm(f"the step Elementwise of the function {step.function} has no ONNX form")
    if step.operand is None:
        return Matrix(builder.node(kind, given.name), given.dtype, given.width)
    operand = np.asarray(step.operand)
    if step.alike or not isinstance(step.operand, np.ndarray):
        operand = operand.astype(given.dtype)
    dtype = np.result_type(given.dtype, operand.dtype)
    given = builder.cast(given, dtype)
    pair = [given.name, builder.constant(operand.astype(dtype))]
    name = builder.node(kind, *(reversed(pair) if step.turned else pair))
    return Matrix(name, dtype, given.width)


@form_of(Clip)
def _clip(step: Clip, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    name = given.name
    # Max and Min give NaN for NaN, as NumPy's clip does.
    for kind, bound in (("Max", step.low), ("Min", step.high)):
        if bound is not None:
            limit = builder.constant(np.asarray(bound).astype(given.dtype))
            name = builder.node(kind, name, limit)
    return Matrix(name, given.dtype, given.width)


@form_of(MatMul)
def _mat_mul(step: MatMul, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    dtype = np.result_type(given.dtype, step.weights.dtype)
    given = builder.cast(given, dtype)
    name = builder.node("MatMul", given.name, builder.constant(step.weights.astype(dtype)))
    return Matrix(name, dtype, step.weights.shape[1] if step.weights.ndim == 2 else None)


@form_of(Beside)
def _beside(step: Beside, x: Value, builder: Builder) -> Value:
    parts = [
        _two_dimensional(matrix(written(one, x, builder), one), builder) for one in step.branches
    ]
    dtype = np.result_type(*(part.dtype for part in parts))
    joined = _joined(parts, dtype, builder)
    return joined if step.dtype is None else builder.cast(joined, step.dtype)


def _two_dimensional(x: Matrix, builder: Builder) -> Matrix:
    if x.width is not None:
        return x
    axes = builder.constant(np.array([1], np.int64))
    return Matrix(builder.node("Unsqueeze", x.name, axes), x.dtype, 1)


@form_of(Flatten)
def _flatten(step: Flatten, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    shape = builder.constant(np.array([-1], np.int64))
    return Matrix(builder.node("Reshape", given.name, shape), given.dtype, None)


@form_of(Column)
def _column(step: Column, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    position = builder.constant(np.array(step.position, np.int64))
    return Matrix(builder.node("Gather", given.name, position, axis=1), given.dtype, None)


@form_of(RowSum)
def _row_sum(step: RowSum, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    axes = builder.constant(np.array([1], np.int64))
    name = builder.node("ReduceSum", given.name, axes, keepdims=0)
    return Matrix(name, given.dtype, None)


@form_of(Impute)
def _impute(step: Impute, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    if np.isnan(step.missing):
        gaps = builder.node("IsNaN", given.name)
    else:
        missing = builder.constant(np.asarray(step.missing, given.dtype))
        gaps = builder.node("Equal", given.name, missing)
    fills = builder.constant(step.fills.astype(given.dtype))
    filled = Matrix(builder.node("Where", gaps, fills, given.name), given.dtype, given.width)
    if step.kept is not None:
        filled = _chosen(filled, step.kept, builder)
    if step.flagged is None:
        return filled
    flags = _chosen(Matrix(gaps, np.dtype(bool), given.width), step.flagged, builder)
    return _joined([filled, flags], given.dtype, builder)


def _chosen(x: Matrix, positions: tuple[int, ...], builder: Builder) -> Matrix:
    chosen = builder.constant(np.array(positions, np.int64))
    return Matrix(builder.node("Gather", x.name, chosen, axis=1), x.dtype, len(positions))


@form_of(ValueMissing)
def _value_missing(step: ValueMissing, x: Value, builder: Builder) -> Value:
    rounded = builder.cast(matrix(x, step), "float32")
    gap = builder.node("Equal", rounded.name, builder.constant(np.array(step.value, np.float32)))
    nothing = builder.constant(np.array(np.nan, np.float32))
    return Matrix(builder.node("Where", gap, nothing, rounded.name), rounded.dtype, rounded.width)


@form_of(OneHot)
def _one_hot(step: OneHot, x: Value, builder: Builder) -> Value:
    columns = zip(table(x, step), step.categories, step.places, step.unknown, strict=True)
    total: str | None = None
    for column, categories, places, unknown in columns:
        flags = _categories(column, categories, builder)
        part = builder.node("MatMul", flags, builder.constant(_spread(places, step.width)))
        if unknown >= 0:
            axes = builder.constant(np.array([1], np.int64))
            known = builder.node("ReduceSum", flags, axes, keepdims=1)
            none = builder.node("Sub", builder.constant(np.ones((1, 1), np.float64)), known)
            spread = builder.constant(_spread((unknown,), step.width))
            part = builder.node("Add", part, builder.node("MatMul", none, spread))
        total = part if total is None else builder.node("Add", total, part)
    if total is None:
        raise NoForm("the step OneHot of no columns has no ONNX form")
    return builder.cast(Matrix(total, np.dtype(np.float64), step.width), step.dtype)


def _spread(places: tuple[int, ...], width: int) -> Array:
    """Ones where a category (a row) sets a column."""
    spread = np.zeros((len(places), width))
    for row, place in enumerate(places):
        if place >= 0:
            spread[row, place] = 1.0
    return spread


def _categories(column: Matrix, categories: tuple[Any, ...], builder: Builder) -> str:
    """Ones and zeros in float64, of shape (rows, categories): which of them a value is."""
    if any(one is None or one != one or isinstance(one, bool) for one in categories):  # noqa: PLR0124
        raise NoForm("the step OneHot of gaps or truth values has no ONNX form")
    if column.dtype == TEXT:
        numbers = builder.node(
            "LabelEncoder", column.name, domain="ai.onnx.ml", default_int64=-1,
            keys_strings=[str(one) for one in categories],
            values_int64s=list(range(len(categories))),
        )  # fmt: skip
        wanted: Array = np.arange(len(categories), dtype=np.int64)
    else:
        numbers = builder.cast(column, np.float64).name  # type: ignore[arg-type]
        wanted = np.array(categories, np.float64)
    equal = builder.node("Equal", numbers, builder.constant(wanted[np.newaxis]))
    return builder.cast(Matrix(equal, np.dtype(bool), len(categories)), "float64").name
