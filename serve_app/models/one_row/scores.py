"""From the sums of trees and products to probabilities and classes, value by value."""

from __future__ import annotations

import numpy as np

from serve_app.models.compiled.classes import (
    Above,
    BothClasses,
    Difference,
    Largest,
    Sigmoid,
    SingleSigmoid,
    SingleSoftmax,
    Softmax,
)
from serve_app.models.compiled.trees import Trees
from serve_app.models.native.forest import NativeForest
from serve_app.models.one_row.form import (
    DOUBLE,
    SINGLE,
    Form,
    Made,
    NoRowForm,
    Unusual,
    Values,
    in_order,
    matrix,
    rounded,
    rounded_to,
    row_form,
)

_NUMBER = np.dtype(np.intp)
_MOST_POWER = 700.0
"""Beyond it the exponential may overflow, of which NumPy warns."""
_MOST_SINGLE_POWER = float(np.float32(88.7))
_IN_ORDER = 8
"""So many numbers and more NumPy adds in another order than one after the other."""


@row_form(NativeForest)
def _native_forest(forest: NativeForest, form: Form) -> Made:
    dtype = form.float_dtype
    if form.shape != "matrix":
        raise NoRowForm("trees of something else than rows")
    if forest.exactly and dtype != forest.dtype:
        raise NoRowForm(f"numbers of {dtype} where codes are of {forest.dtype}")
    return Made(forest.row, matrix(forest.sum_dtype, forest.outputs))


@row_form(Trees)
def _trees(trees: Trees, form: Form) -> Made:
    given, dtype = form.float_dtype, np.dtype(trees.dtype)
    if form.shape != "matrix":
        raise NoRowForm("trees of something else than rows")

    def step(values: Values) -> Values:
        sums: list[list[float]] = trees(np.array([values], dtype)).tolist()
        return sums[0]

    outputs = trees(np.zeros((1, form.width), dtype)).shape[1]
    narrowed = rounded(form.width) if given == DOUBLE and dtype == SINGLE else None
    return Made(in_order([narrowed, step]), matrix(SINGLE, outputs))


@row_form(SingleSigmoid)
def _single_sigmoid(_: SingleSigmoid, form: Form) -> Made:
    if form.dtype != SINGLE:
        raise NoRowForm(f"a sigmoid in float32 of {form.dtype}")
    exp, to_single = np.exp, rounded(form.width)

    def powers(values: Values) -> Values:
        return [float(exp(min(-value, _MOST_SINGLE_POWER))) for value in values]

    # To 1 and more, 1e-16 adds nothing in float32.
    def above_one(values: Values) -> Values:
        return [power + 1.0 for power in values]

    def inverted(values: Values) -> Values:
        return [1.0 / value for value in values]

    return Made(in_order([powers, to_single, above_one, to_single, inverted, to_single]), form)


@row_form(SingleSoftmax)
def _single_softmax(_: SingleSoftmax, form: Form) -> Made:
    if form.dtype != SINGLE or form.shape != "matrix":
        raise NoRowForm(f"a softmax in float32 of {form.dtype}")
    exp, to_single, one = np.exp, rounded(form.width), rounded(1)

    def step(values: Values) -> Values:
        largest = max(values)
        above = to_single([value - largest for value in values])
        powers = to_single([float(exp(value)) for value in above])
        total = 0.0
        for power in powers:
            total += power
        (sum_,) = one((total,))
        return to_single([power / sum_ for power in powers])

    return Made(step, form)


@row_form(Sigmoid)
def _sigmoid(sigmoid: Sigmoid, form: Form) -> Made:
    if form.dtype != DOUBLE:
        raise NoRowForm(f"a sigmoid of {form.dtype}")
    exp, scale = np.exp, sigmoid.scale

    def step(values: Values) -> Values:
        shares = []
        for value in values:
            power = -(value * scale)
            if not power < _MOST_POWER:
                raise Unusual
            shares.append(1.0 / (1.0 + float(exp(power))))
        return shares

    return Made(step, form)


@row_form(Softmax)
def _softmax(_: Softmax, form: Form) -> Made:
    if form.dtype != DOUBLE or form.shape != "matrix" or form.width >= _IN_ORDER:
        raise NoRowForm("a softmax of float32, or of many classes")
    exp = np.exp

    def step(values: Values) -> Values:
        largest = max(values)
        powers = [float(exp(value - largest)) for value in values]
        total = 0.0
        for power in powers:
            total += power
        return [power / total for power in powers]

    return Made(step, form)


@row_form(BothClasses)
def _both_classes(_: BothClasses, form: Form) -> Made:
    dtype = form.float_dtype
    if form.width != 1:
        raise NoRowForm("both classes of several numbers")

    def step(values: Values) -> Values:
        second = values[0]
        return (1.0 - second, second)

    return Made(in_order([step, rounded_to(dtype, 2)]), matrix(dtype, 2))


@row_form(Difference)
def _difference(_: Difference, form: Form) -> Made:
    dtype = form.float_dtype

    def step(values: Values) -> Values:
        return (values[1] - values[0],)

    return Made(in_order([step, rounded_to(dtype, 1)]), Form((dtype,), "line"))


@row_form(Largest)
def _largest(_: Largest, form: Form) -> Made:
    if form.shape != "matrix":
        raise NoRowForm("the largest of a line")

    def step(values: Values) -> Values:
        return (values.index(max(values)),)

    return Made(step, Form((_NUMBER,), "line"))


@row_form(Above)
def _above(above: Above, form: Form) -> Made:
    bound, at = above.bound, above.at
    inexact = form.float_dtype == SINGLE and float(np.float32(bound)) != bound
    if form.width != 1 or inexact:
        raise NoRowForm("a bound for several numbers, or one that is rounded")

    def step(values: Values) -> Values:
        value = values[0]
        return (int(value >= bound if at else value > bound),)

    return Made(step, Form((_NUMBER,), "line"))
