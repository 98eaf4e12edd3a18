"""Arithmetic, value by value.

Sums, products and quotients of two float32 numbers are computed in double and rounded, which gives
what float32 gives: a double has more than twice the digits.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from itertools import repeat, zip_longest
from typing import Any

import numpy as np

from serve_app.core.cells import EXACT
from serve_app.core.columns import Array
from serve_app.models.compiled.arithmetic import (
    AsFloat,
    Beside,
    Cast,
    Elementwise,
    MatMul,
    Pick,
    Screen,
    ToMatrix,
)
from serve_app.models.compiled.operation import Chain, InTurns, Operation
from serve_app.models.compiled.shapes import Column, Flatten
from serve_app.models.native.forest import NativeForest
from serve_app.models.one_row.form import (
    DOUBLE,
    SINGLE,
    Form,
    Made,
    NoRowForm,
    Step,
    Unusual,
    Values,
    in_order,
    matrix,
    picked,
    rounded_to,
    row_form,
    written,
)

_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}


@row_form(Chain)
def _chain(chain: Chain, form: Form) -> Made:
    steps: list[Step | None] = []
    for operation, following in zip_longest(chain.steps, chain.steps[1:]):
        made = written(operation, form)
        steps.append(None if _rounds_itself(following, operation) else made.step)
        form = made.form
    return Made(in_order(steps), form)


def _rounds_itself(forest: Operation | None, cast: Operation) -> bool:
    """Whether trees round to what numbers are rounded to before them."""
    if not isinstance(forest, NativeForest) or not isinstance(cast, Cast):
        return False
    return cast.dtype == forest.dtype


@row_form(InTurns)
def _in_turns(turns: InTurns, form: Form) -> Made:
    return written(turns.inner, form)


@row_form(Pick)
def _pick(pick: Pick, form: Form) -> Made:
    dtypes = tuple(form.dtypes[position] for position in pick.positions)
    return Made(picked(pick.positions, form.width), Form(dtypes, form.shape))


@row_form(ToMatrix)
def _to_matrix(_: ToMatrix, form: Form) -> Made:
    if not form.dtypes:
        raise NoRowForm("there are no columns")
    if any(dtype.kind not in "fiub" for dtype in form.dtypes):
        raise NoRowForm("columns hold something else than numbers")
    dtype = np.result_type(*form.dtypes)
    if dtype.kind == "f" and dtype not in (SINGLE, DOUBLE):
        raise NoRowForm(f"numbers of {dtype}")
    whole = [j for j, own in enumerate(form.dtypes) if own.kind != "f"]
    return Made(_as_floats(whole) if whole else None, matrix(dtype, form.width))


def _as_floats(whole: list[int]) -> Step:
    """Integers as floats, as long as none of them loses a digit."""

    def step(values: Values) -> Values:
        row = list(values)
        for position in whole:
            if not -EXACT <= row[position] <= EXACT:
                raise Unusual
            row[position] = float(row[position])
        return row

    return step


@row_form(AsFloat)
def _as_float(_: AsFloat, form: Form) -> Made:
    return Made(None, form if form.dtype in (SINGLE, DOUBLE) else form.of(DOUBLE))


@row_form(Cast)
def _cast(cast: Cast, form: Form) -> Made:
    dtype = np.dtype(cast.dtype)
    if dtype == form.dtype:
        return Made(None, form)
    if dtype not in (SINGLE, DOUBLE):
        raise NoRowForm(f"numbers of {dtype}")
    return Made(rounded_to(dtype, form.width), form.of(dtype))


@row_form(Screen)
def _screen(screen: Screen, form: Form) -> Made:
    if form.dtype.kind != "f":
        return Made(None, form)
    return Made(_without_infinities if screen.nan else _finite, form)


def _finite(values: Values) -> Values:
    # A sum of what is finite may be infinite as well, which is left to the program like the rest.
    total = sum(values)
    if total - total != 0.0:
        raise Unusual
    return values


_INFINITE = float("inf")


def _without_infinities(values: Values) -> Values:
    total = sum(values)
    if total - total != 0.0 and (_INFINITE in values or -_INFINITE in values):
        raise Unusual
    return values


@row_form(Elementwise)
def _elementwise(step: Elementwise, form: Form) -> Made:
    function, operand = _FUNCTIONS.get(step.function), step.operand
    if function is None or operand is None:
        raise NoRowForm(f"the function {step.function}")
    dtype = form.float_dtype
    if isinstance(operand, np.ndarray):
        operands, dtype = _operands(operand, dtype, form.width, alike=step.alike)
        line = operands.tolist()
        run = _with_each(function, line, turned=step.turned)
    else:
        # A number of Python's own is rounded to the precision of what it meets.
        number = float(dtype.type(operand))
        run = _with_one(function, number, turned=step.turned)
    return Made(in_order([run, rounded_to(dtype, form.width)]), form.of(dtype))


def _operands(
    operand: Array, dtype: np.dtype[Any], width: int, *, alike: bool
) -> tuple[Array, np.dtype[Any]]:
    """The operand of each value, and the dtype of the results."""
    own = operand.astype(dtype) if alike else operand
    if own.dtype not in (SINGLE, DOUBLE) or own.ndim > 1 or own.size not in (1, width):
        raise NoRowForm("an operand of another shape or dtype")
    return np.broadcast_to(own.reshape(-1), (width,)), np.result_type(own.dtype, dtype)


def _with_each(function: Callable[[Any, Any], Any], line: list[float], *, turned: bool) -> Step:
    if turned:
        return lambda values: list(map(function, line, values))
    return lambda values: list(map(function, values, line))


def _with_one(function: Callable[[Any, Any], Any], number: float, *, turned: bool) -> Step:
    if turned:
        return lambda values: list(map(function, repeat(number), values))
    return lambda values: list(map(function, values, repeat(number)))


@row_form(MatMul)
def _mat_mul(product: MatMul, form: Form) -> Made:
    dtype, weights = form.float_dtype, product.weights
    out = np.result_type(dtype, weights.dtype)
    if out not in (SINGLE, DOUBLE) or form.shape != "matrix":
        raise NoRowForm("a product of something else than rows of floats")

    # Beyond it a sum might overflow, of which NumPy warns.
    most = float(np.finfo(dtype).max) / (2.0 + float(np.abs(weights).sum()))

    def of_vector(values: Values) -> Any:
        if not (-most <= min(values) and max(values) <= most):
            raise Unusual
        # The order of additions is BLAS's own.
        return np.array([values], dtype).dot(weights).tolist()

    def of_matrix(values: Values) -> Values:
        row: Values = of_vector(values)[0]
        return row

    if weights.ndim == 1:
        return Made(of_vector, Form((out,), "line"))
    return Made(of_matrix, matrix(out, weights.shape[1]))


@row_form(Beside)
def _beside(beside: Beside, form: Form) -> Made:
    parts = [written(branch, form) for branch in beside.branches]
    dtype = np.result_type(*(part.form.dtype for part in parts))
    width = sum(part.form.width for part in parts)
    steps = [part.step for part in parts]

    def step(values: Values) -> Values:
        row: list[float] = []
        for own in steps:
            row += values if own is None else own(values)
        return row

    joined = matrix(dtype, width)
    if beside.dtype is None:
        return Made(step, joined)
    cast = _cast(Cast(beside.dtype), joined)
    return Made(in_order([step, cast.step]), cast.form)


@row_form(Flatten)
def _flatten(_: Flatten, form: Form) -> Made:
    if form.width != 1:
        raise NoRowForm("several numbers as one dimension")
    return Made(None, Form((form.dtype,), "line"))


@row_form(Column)
def _column(column: Column, form: Form) -> Made:
    position = column.position
    return Made(lambda values: [values[position]], Form((form.dtype,), "line"))
