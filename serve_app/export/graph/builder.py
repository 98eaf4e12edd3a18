"""An ONNX graph while it is built, and what flows between its nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import onnx
from onnx import helper, numpy_helper

from serve_app.core.columns import Array
from serve_app.core.signature import Column
from serve_app.errors import ConfigError
from serve_app.models.compiled.operation import Operation

OPSET, ML_OPSET, IR_VERSION = 17, 3, 8
TEXT = np.dtype(np.object_)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A tensor of the graph: of shape (rows, width), or (rows,) where `width` is None."""

    name: str
    dtype: np.dtype[Any]
    width: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """Columns that stay apart, each of shape (rows, 1)."""

    columns: tuple[Matrix, ...]


Value = Matrix | Table


class NoForm(ConfigError):
    """A step that has no form in ONNX, or none that would answer alike."""


class Builder:
    """Collects nodes and constants."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self._names = 0

    def input(self, column: Column) -> Matrix:
        """A column of the signature as an input of shape (rows, 1).

        Raises:
            NoForm: dates, decimals and tensors have no such form.
        """
        if column.shape or column.is_datetime or column.dtype == "decimal":
            raise NoForm(f"column {column.name!r} of {column.dtype} has no ONNX form here")
        dtype = column.array_dtype
        if column.nullable and column.is_numeric and dtype.kind != "f":
            # Integers and truth values beside gaps are floats, whose NaN is the gap.
            dtype = np.dtype(np.float64)
        self.inputs.append(helper.make_tensor_value_info(column.name, onnx_type(dtype), [None, 1]))
        return Matrix(column.name, dtype, 1)

    def constant(self, array: Array) -> str:
        """The name of an array."""
        name = self._name("constant")
        if array.dtype == TEXT:
            texts: Any = [str(one).encode() for one in array.reshape(-1)]
            tensor = helper.make_tensor(name, onnx.TensorProto.STRING, array.shape, texts)
        else:
            tensor = numpy_helper.from_array(np.asarray(array, order="C"), name)
        self.constants.append(tensor)
        return name

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """The name of the one output of a node."""
        name = self._name(kind)
        self.nodes.append(helper.make_node(kind, list(inputs), [name], domain=domain, **attributes))
        return name

    def cast(self, x: Matrix, dtype: np.dtype[Any] | str) -> Matrix:
        """The same numbers in another type."""
        wanted = np.dtype(dtype)
        if x.dtype == wanted:
            return x
        return Matrix(self.node("Cast", x.name, to=onnx_type(wanted)), wanted, x.width)

    def _name(self, kind: str) -> str:
        self._names += 1
        # Columns may be called anything but this, since a name of ours holds a slash.
        return f"/{kind}/{self._names}"


def onnx_type(dtype: np.dtype[Any]) -> int:
    """ONNX's number of a type."""
    if dtype == TEXT:
        return int(onnx.TensorProto.STRING)
    return int(helper.np_dtype_to_tensor_dtype(dtype))


_O = TypeVar("_O", bound=Operation)
Convert = Callable[[Any, Value, Builder], Value]
FORMS: dict[type[Operation], Convert] = {}
"""How each kind of operation is written in ONNX."""


def form_of(*kinds: type[Operation]) -> Callable[[Convert], Convert]:
    """Register a function as the form of some kinds of operations."""

    def register(convert: Convert) -> Convert:
        FORMS.update(dict.fromkeys(kinds, convert))
        return convert

    return register


def written(operation: Operation, x: Value, builder: Builder) -> Value:
    """What an operation gives, as nodes.

    Raises:
        NoForm: it, or one inside it, has no form in ONNX; names it.
    """
    convert = FORMS.get(type(operation))
    if convert is None:
        name = type(operation).__name__
        words = (type(operation).__doc__ or "").strip().partition("\n")[0].rstrip(".")
        raise NoForm(f"the step {name} ({words}) has no ONNX form")
    return convert(operation, x, builder)


def matrix(x: Value, step: Operation) -> Matrix:
    """A value as a tensor.

    Raises:
        NoForm: it is a table of columns.
    """
    if isinstance(x, Table):
        raise NoForm(f"the step {type(step).__name__} of columns that stay apart has no ONNX form")
    return x


def table(x: Value, step: Operation) -> Sequence[Matrix]:
    """A value as columns.

    Raises:
        NoForm: it is one tensor.
    """
    if isinstance(x, Matrix):
        raise NoForm(f"the step {type(step).__name__} of a matrix has no ONNX form")
    return x.columns
