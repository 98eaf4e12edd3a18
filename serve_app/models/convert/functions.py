"""Converts transformers that run a function of NumPy's on their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.preprocessing import FunctionTransformer

from serve_app.core.signature import Column
from serve_app.models.compiled.arithmetic import FUNCTIONS, Clip, Elementwise, Screen
from serve_app.models.compiled.functions import EachColumn, NumbersForGaps, Rounded
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert.dispatch import (
    NULLABLE,
    Given,
    Inconvertible,
    dense,
    numbers,
    transforms,
)

Converted = tuple[Operation, Given]


@transforms(FunctionTransformer)
def _function(transformer: Any, given: Given) -> Converted:
    function, settings = _unfolded(transformer.func, transformer.kw_args or {})
    start: Operation | None = None
    if transformer.validate:
        dense(given, transformer)
        to_matrix, given = numbers(given)
        start = chain(to_matrix, Screen())
        given = replace(given, screened=True)
    if function is None:
        return chain(start), given
    dense(given, transformer)
    operation = _operation(function, settings)
    if given.columns is None or function is np.nan_to_num:
        # nan_to_num makes a matrix of a frame; all else leaves its columns apart.
        to_matrix, matrix = numbers(given)
        return chain(start, to_matrix, operation), matrix.matrix(matrix.width)
    columns = tuple(_after(column, operation) for column in given.columns)
    return EachColumn(operation), replace(given, columns=columns, screened=False)


def _unfolded(function: Any, settings: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """A function without `functools.partial` around it, and what is given to it beside rows."""
    merged = dict(settings)
    while type(function) is partial:
        if function.args:
            raise _of_its_own(function)
        merged = {**function.keywords, **merged}
        function = function.func
    return function, merged


def _operation(function: Any, settings: dict[str, Any]) -> Operation:
    if function is np.clip:
        return Clip(*_bounds(settings))
    if function is np.nan_to_num and not set(settings) - {"nan", "posinf", "neginf", "copy"}:
        above, below = settings.get("posinf"), settings.get("neginf")
        return NumbersForGaps(_number(settings.get("nan", 0.0)), _bound(above), _bound(below))
    if function in {np.round, np.around} and not set(settings) - {"decimals"}:
        return Rounded(int(_number(settings.get("decimals", 0))))
    return Elementwise(_name(function, settings))


def _name(function: Any, settings: dict[str, Any]) -> str:
    """The name of a function of one number that `Elementwise` knows."""
    name = getattr(function, "__name__", "")
    plain = isinstance(function, np.ufunc) and (function.nin, function.nout) == (1, 1)
    if not plain or settings or FUNCTIONS.get(name) is not function:
        raise _of_its_own(function)
    return name


def _bounds(settings: dict[str, Any]) -> tuple[float | None, float | None]:
    low = settings.get("a_min", settings.get("min"))
    high = settings.get("a_max", settings.get("max"))
    if set(settings) - {"a_min", "a_max", "min", "max"}:
        raise _of_its_own(np.clip)
    return _bound(low), _bound(high)


def _bound(value: Any) -> Any:
    return None if value is None else _number(value)


def _number(value: Any) -> Any:
    """A plain number, whole ones as they are: bounds must not make floats of integers."""
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        msg = "a FunctionTransformer gives its function something else than numbers"
        raise Inconvertible(msg)
    return value


def _of_its_own(function: Any) -> Inconvertible:
    name = getattr(function, "__name__", type(function).__name__)
    return Inconvertible(
        f"a FunctionTransformer runs code of its own ({name}), and no function of NumPy's"
    )


def _after(column: Column, operation: Operation) -> Column:
    """What pandas makes of a column of numbers.

    Raises:
        Inconvertible: it holds something else.
    """
    kind = column.frame_dtype or column.dtype
    if column.dtype == "string" or kind in {"category", "object"} or kind.startswith(NULLABLE):
        msg = f"a FunctionTransformer is given the column {column.name!r} of {kind}"
        raise Inconvertible(msg)
    dtype = operation(np.ones(1, dtype=column.dtype)).dtype.name
    return replace(column, dtype=dtype, frame_dtype=dtype, categories=None)
