"""What is known of a row before there is one, and how operations compute with its values."""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from serve_app.models.compiled.operation import Operation

Values = Sequence[Any]
Step = Callable[[Values], Values]
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
MOST_VALUES = 256
"""A wider row takes longer value by value than NumPy's calls do."""
_Written = TypeVar("_Written", bound=Callable[..., "Made"])


class NoRowForm(Exception):
    """An operation is one that nobody wrote down for a single row, or not for such a one."""


class Unusual(Exception):
    """A row that is left to the program: one that it refuses, or of which it knows more."""


@dataclass(frozen=True, slots=True)
class Form:
    """The dtypes of a row's values, which are Python's own: those that `tolist` gives.

    Values of a `matrix` or a `line` have one dtype in common, and are floats whatever it is: its
    integers are so small that nothing is lost. A line is what NumPy calls shape (1,).
    """

    dtypes: tuple[np.dtype[Any], ...]
    shape: Literal["columns", "matrix", "line"]

    def __post_init__(self) -> None:
        if len(self.dtypes) > MOST_VALUES:
            raise NoRowForm(f"{len(self.dtypes)} values are too many to be taken one by one")

    @property
    def width(self) -> int:
        """How many values there are."""
        return len(self.dtypes)

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of all numbers.

        Raises:
            NoRowForm: they are columns, or there are none.
        """
        if self.shape == "columns" or not self.dtypes:
            raise NoRowForm("columns have dtypes of their own")
        return self.dtypes[0]

    @property
    def float_dtype(self) -> np.dtype[Any]:
        """That of all numbers, which are floats.

        Raises:
            NoRowForm: they are none, or of another precision.
        """
        if self.dtype not in (SINGLE, DOUBLE):
            raise NoRowForm(f"numbers of {self.dtype}")
        return self.dtype

    def of(self, dtype: np.dtype[Any], width: int | None = None) -> Form:
        """The same with another dtype, and perhaps of another width."""
        return replace(self, dtypes=(dtype,) * (self.width if width is None else width))


def matrix(dtype: np.dtype[Any], width: int) -> Form:
    """Numbers of shape (1, width)."""
    return Form((dtype,) * width, "matrix")


@dataclass(frozen=True, slots=True)
class Made:
    """What an operation does to the values of a row, None for nothing, and what they are then."""

    step: Step | None
    form: Form

    @property
    def run(self) -> Step:
        """What is done, as a step."""
        return _unchanged if self.step is None else self.step


def _unchanged(values: Values) -> Values:
    return values


_KINDS: dict[type[Operation], Callable[[Any, Form], Made]] = {}


def row_form(*kinds: type[Operation]) -> Callable[[_Written], _Written]:
    """Marks the function that writes operations of some kinds down for one row."""

    def mark(function: _Written) -> _Written:
        _KINDS.update(dict.fromkeys(kinds, function))
        return function

    return mark


def written(operation: Operation, form: Form) -> Made:
    """An operation for one row of a form.

    Raises:
        NoRowForm: it has none, or not for such rows.
    """
    function = _KINDS.get(type(operation))
    if function is None:
        raise NoRowForm(f"{type(operation).__name__} is computed by NumPy alone")
    return function(operation, form)


def in_order(steps: Sequence[Step | None]) -> Step | None:
    """One step after the other."""
    own = [step for step in steps if step is not None]
    if len(own) <= 1:
        return own[0] if own else None

    def run(values: Values) -> Values:
        for step in own:
            values = step(values)
        return values

    return run


def picked(positions: tuple[int, ...], width: int) -> Step | None:
    """The values at some places."""
    if positions == tuple(range(width)):
        return None
    if len(positions) > 1:
        return operator.itemgetter(*positions)
    return lambda values: [values[position] for position in positions]


def rounded(width: int) -> Step:
    """Doubles as the nearest float32 numbers; those too large for one are infinite."""
    packed = struct.Struct(f"{width}f")
    pack, unpack = packed.pack, packed.unpack
    return lambda values: unpack(pack(*values))


def rounded_to(dtype: np.dtype[Any], width: int) -> Step | None:
    """Doubles as numbers of a precision."""
    return rounded(width) if dtype == SINGLE else None
