"""Conditions whose columns are known and whose constants fit: what is checked and compiled.

A comparison with null is false, whatever it compares; `is null` asks for it.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from serve_app.core.signature import Column

Source = Literal["column", "header", "caller", "share"]
Kind = Literal["number", "text", "truth", "moment"]

ORDERS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
"""The operators that compare two values."""
FLIPPED: Mapping[str, str] = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a condition reads of a request: a column, a header, the caller, or a share.

    `whole` says that a number has no fraction; `column` is what is known of a column.
    """

    source: Source
    name: str
    kind: Kind
    whole: bool = False
    column: Column | None = None

    def words(self) -> str:
        """What messages call it."""
        return self.name if self.source in {"column", "caller"} else f'{self.source}("{self.name}")'


@dataclass(frozen=True, slots=True)
class Atom:
    """One subject held against constants: by one of `ORDERS`, or `in`, `not in`, `null`, `given`.

    `null` and `given` ask whether there is no value or one, and have no constants.
    """

    subject: Subject
    operator: str
    constants: tuple[Any, ...] = ()

    def holds(self, value: Any) -> bool:
        """Whether it is true of a value, None being null."""
        if self.operator in {"null", "given"}:
            return (value is None) == (self.operator == "null")
        if value is None:
            return False
        if self.operator in {"in", "not in"}:
            return (value in self.constants) == (self.operator == "in")
        return bool(ORDERS[self.operator](value, self.constants[0]))


@dataclass(frozen=True, slots=True)
class Pair:
    """Two columns of one kind, compared."""

    left: Subject
    operator: str
    right: Subject


@dataclass(frozen=True, slots=True)
class Constant:
    """Always true, or never."""

    value: bool


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; of no parts all do."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: Condition


Condition = Atom | Pair | Constant | All | Some | Not


def atoms(condition: Condition) -> Iterator[Atom | Pair]:
    """The comparisons of a condition, in the order in which they are written."""
    if isinstance(condition, (All, Some)):
        for part in condition.parts:
            yield from atoms(part)
    elif isinstance(condition, Not):
        yield from atoms(condition.part)
    elif not isinstance(condition, Constant):
        yield condition


def subjects(condition: Condition) -> tuple[Subject, ...]:
    """What a condition reads, each once, in the order in which it is written."""
    read: list[Subject] = []
    for atom in atoms(condition):
        read.extend((atom.subject,) if isinstance(atom, Atom) else (atom.left, atom.right))
    return tuple(dict.fromkeys(read))
