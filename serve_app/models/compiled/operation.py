"""What every operation is: a frozen record of arrays and settings that can be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from serve_app.core.columns import Array, Columns

KINDS: dict[str, type[Operation]] = {}
"""Every kind of operation by the name under which it is stored."""


class Refused(ValueError):
    """Rows that the library itself would refuse."""


@dataclass(frozen=True, eq=False)
class Operation:
    """Takes columns or a matrix of shape (rows, features) and gives what the next one takes.

    Its fields are arrays, numbers, text, other operations, or tuples of these, and nothing
    else: that is what `storage.py` can write down.
    """

    stored_as: ClassVar[str] = ""
    row_by_row: ClassVar[bool] = True
    """Whether a row's result has the same bits however many rows stand beside it. BLAS and sums
    within rows choose their order of additions by the shape and the layout of the whole."""

    def __init_subclass__(cls, *, stored: bool = True) -> None:
        # What is made when a program is loaded has no name, so that no file can ask for it.
        cls.stored_as = cls.__name__ if stored else ""
        if stored:
            KINDS[cls.__name__] = cls

    def __call__(self, x: Any, /) -> Any:
        """The result for these rows.

        Raises:
            Refused: the library would refuse them.
        """
        raise NotImplementedError

    def inner_operations(self) -> Iterator[Operation]:
        """The operations in its fields."""
        for one in fields(self):
            value = getattr(self, one.name)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Operation):
                    yield part


def computes_row_by_row(operation: Operation) -> bool:
    """Whether an operation and all inside it compute each row by itself, to the last bit."""
    return operation.row_by_row and all(map(computes_row_by_row, operation.inner_operations()))


@dataclass(frozen=True, eq=False)
class Chain(Operation):
    """One operation after the other."""

    steps: tuple[Operation, ...]

    def __call__(self, x: Any, /) -> Any:
        """The result of the last one."""
        for step in self.steps:
            x = step(x)
        return x


def in_turns(compute: Callable[[Array], Array], x: Array, step: int) -> Array:
    """What is computed of so many rows at a time, stacked."""
    if x.shape[0] <= step:
        return compute(x)
    return np.concatenate([compute(x[at : at + step]) for at in range(0, x.shape[0], step)])


@dataclass(frozen=True, eq=False)
class InTurns(Operation):
    """The same operation on so many rows at a time, which bounds the memory of wide rows."""

    inner: Operation
    rows: int

    def __call__(self, x: Columns | Array, /) -> Array:
        """What the inner operation gives."""
        count = x.rows if isinstance(x, Columns) else x.shape[0]
        if count <= self.rows:
            whole: Array = self.inner(x)
            return whole
        starts = range(0, count, self.rows)
        if isinstance(x, Columns):
            return np.concatenate([self.inner(x.slice(at, at + self.rows)) for at in starts])
        return np.concatenate([self.inner(x[at : at + self.rows]) for at in starts])


def chain(*steps: Operation | None) -> Operation:
    """The steps as one operation, nested chains unfolded and absent ones left out."""
    flat: list[Operation] = []
    for step in steps:
        if isinstance(step, Chain):
            flat.extend(step.steps)
        elif step is not None:
            flat.append(step)
    return flat[0] if len(flat) == 1 else Chain(tuple(flat))


__all__ = [
    "KINDS",
    "Array",
    "Chain",
    "InTurns",
    "Operation",
    "Refused",
    "chain",
    "computes_row_by_row",
    "in_turns",
]
