"""ONNX forms of trees, and of what is made of scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from serve_app.core.columns import Array
from serve_app.export.graph.builder import Builder, Matrix, NoForm, Value, form_of, matrix
from serve_app.models.compiled.classes import (
    Above,
    BothClasses,
    Largest,
    Shares,
    Sigmoid,
    SingleSigmoid,
    SingleSoftmax,
    Softmax,
)
from serve_app.models.compiled.trees import SumOfTrees, Trees

_DOUBLE, _SINGLE = np.dtype(np.float64), np.dtype(np.float32)


@form_of(Trees)
def _trees(step: Trees, x: Value, builder: Builder) -> Value:
    given = builder.cast(matrix(x, step), step.dtype)
    model = onnx.load_from_string(step.graph.tobytes())
    node = onnx.NodeProto()
    node.CopyFrom(model.graph.node[0])
    name = f"/Trees/{len(builder.nodes)}"
    node.input[:], node.output[:] = [given.name], [name]
    builder.nodes.append(node)
    outputs = next(one.i for one in node.attribute if one.name == "n_targets")
    return Matrix(name, _SINGLE, int(outputs))


@form_of(SumOfTrees)
def _sum_of_trees(step: SumOfTrees, x: Value, builder: Builder) -> Value:
    leaves = step.leaves
    if not isinstance(leaves.trees, Trees):
        raise NoForm("the step SumOfTrees of trees that NumPy walks has no ONNX form")
    numbers = builder.cast(matrix(_trees(leaves.trees, x, builder), step), "int64")
    places = builder.node("Add", numbers.name, builder.constant(leaves.starts.astype(np.int64)))
    values = builder.constant(_from_start(step))
    if step.groups is not None:
        places = builder.node("Gather", places, builder.constant(step.groups), axis=1)
    # Cumulative sums add one tree after the other, as the library does; ReduceSum may not.
    axis = 1 if step.groups is None else 2
    terms = builder.node("Gather", values, places, axis=0)
    sums = builder.node("CumSum", terms, builder.constant(np.array(axis, np.int64)))
    last = builder.node("Gather", sums, builder.constant(np.array(-1, np.int64)), axis=axis)
    width = step.start.size
    if step.groups is None and leaves.values.ndim == 1:
        shape = builder.constant(np.array([-1, 1], np.int64))
        last = builder.node("Reshape", last, shape)
    if step.divisor is not None:
        divisor = builder.constant(np.array(step.divisor, step.start.dtype))
        last = builder.node("Div", last, divisor)
    return Matrix(last, step.start.dtype, width)


def _from_start(step: SumOfTrees) -> Array:
    """What stands in the leaves, that of the first tree of each output with its start added.

    Raises:
        NoForm: a tree counts for several outputs, so that it would start from several.
    """
    leaves, start = step.leaves, step.start
    values = leaves.values if leaves.scale == 1.0 else leaves.values * leaves.scale
    values = values.astype(start.dtype)
    ends = np.append(leaves.starts[1:], len(values))
    if step.groups is None:
        values[: ends[0]] = start + values[: ends[0]]
        return values
    if len(np.unique(step.groups)) != step.groups.size:
        raise NoForm("the step SumOfTrees of trees that several outputs share has no ONNX form")
    for output, tree in enumerate(step.groups[:, 0]):
        at = slice(leaves.starts[tree], ends[tree])
        values[at] = start[output] + values[at]
    return values


def _sigmoid_of(x: Matrix, dtype: np.dtype[Any], builder: Builder) -> Matrix:
    """`1 / (1 + exp(-x))`."""
    one = builder.constant(np.array(1, dtype))
    powers = builder.node("Exp", builder.node("Neg", builder.cast(x, dtype).name))
    return Matrix(builder.node("Div", one, builder.node("Add", one, powers)), dtype, x.width)


@form_of(Sigmoid)
def _sigmoid(step: Sigmoid, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    if step.scale != 1.0:
        scale = builder.constant(np.array(step.scale, given.dtype))
        given = Matrix(builder.node("Mul", given.name, scale), given.dtype, given.width)
    return _sigmoid_of(given, given.dtype, builder)


@form_of(SingleSigmoid)
def _single_sigmoid(step: SingleSigmoid, x: Value, builder: Builder) -> Value:
    return builder.cast(_sigmoid_of(matrix(x, step), _DOUBLE, builder), _SINGLE)


@form_of(Softmax, SingleSoftmax)
def _softmax(step: Softmax | SingleSoftmax, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    dtype = _SINGLE if isinstance(step, SingleSoftmax) else given.dtype
    largest = builder.node("ReduceMax", given.name, axes=[1], keepdims=1)
    above = Matrix(builder.node("Sub", given.name, largest), given.dtype, given.width)
    powers = builder.node("Exp", builder.cast(above, _DOUBLE).name)
    shares = builder.node("Div", powers, _row_totals(powers, builder))
    return builder.cast(Matrix(shares, _DOUBLE, given.width), dtype)


def _row_totals(name: str, builder: Builder) -> str:
    axes = builder.constant(np.array([1], np.int64))
    return builder.node("ReduceSum", name, axes, keepdims=1)


@form_of(Shares)
def _shares(step: Shares, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    total = _row_totals(given.name, builder)
    empty = builder.node("Equal", total, builder.constant(np.array(0, given.dtype)))
    shares = builder.node("Div", given.name, total)
    uniform = builder.constant(np.array(1 / (given.width or 1), given.dtype))
    return Matrix(builder.node("Where", empty, uniform, shares), given.dtype, given.width)


@form_of(BothClasses)
def _both_classes(step: BothClasses, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    shape = builder.constant(np.array([-1, 1], np.int64))
    second = builder.node("Reshape", given.name, shape)
    first = builder.node("Sub", builder.constant(np.array(1, given.dtype)), second)
    return Matrix(builder.node("Concat", first, second, axis=1), given.dtype, 2)


@form_of(Above)
def _above(step: Above, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    flat = builder.node("Reshape", given.name, builder.constant(np.array([-1], np.int64)))
    kind = "GreaterOrEqual" if step.at else "Greater"
    above = builder.node(kind, flat, builder.constant(np.array(step.bound, given.dtype)))
    return builder.cast(Matrix(above, np.dtype(bool), None), "int64")


@form_of(Largest)
def _largest(step: Largest, x: Value, builder: Builder) -> Value:
    given = matrix(x, step)
    name = builder.node("ArgMax", given.name, axis=1, keepdims=0)
    return Matrix(name, np.dtype(np.int64), None)
