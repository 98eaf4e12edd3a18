"""Gives what was written its types: which columns there are, and what may be compared."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

from serve_app.core import times
from serve_app.errors import ConfigError
from serve_app.routing.conditions.grammar import (
    Absence,
    Comparison,
    Joined,
    Literal,
    Membership,
    Name,
    Negated,
    parse,
)
from serve_app.routing.conditions.tree import (
    FLIPPED,
    All,
    Atom,
    Condition,
    Constant,
    Kind,
    Not,
    Pair,
    Some,
    Subject,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from serve_app.core.signature import Column
    from serve_app.routing.conditions.grammar import Operand, Written

_FUNCTIONS = ("column", "header", "share")
_WORDS: Mapping[Kind, str] = {
    "number": "a number",
    "text": "text",
    "truth": "true or false",
    "moment": "a date or time",
}


def condition_of(text: str, columns: Mapping[str, Column] | None) -> Condition:
    """The condition that a text is, on rows of these columns.

    Without `columns` every name is one, of the kind of what it is compared with.

    Raises:
        ConfigError: it cannot be read, names no column, or compares what does not compare; says
            at which character.
    """
    return _Typing(columns).condition(parse(text))


class _Typing:
    def __init__(self, columns: Mapping[str, Column] | None) -> None:
        self._columns = columns

    def condition(self, written: Written) -> Condition:
        if isinstance(written, Joined):
            parts = tuple(self.condition(part) for part in written.parts)
            return All(parts) if written.word == "and" else Some(parts)
        if isinstance(written, Negated):
            return Not(self.condition(written.part))
        if isinstance(written, Membership):
            return self._membership(written)
        if isinstance(written, Absence):
            subject = self._subject(self._named(written.operand, "is null"), "number")
            if subject.source in {"share", "caller"}:
                raise _at(written.at, f"{subject.words()} is never null")
            return Atom(subject, "given" if written.negated else "null")
        return self._comparison(written)

    def _comparison(self, written: Comparison) -> Condition:
        operands, operators = written.operands, written.operators
        if len(operands) == 1:
            return self._truth(operands[0])
        if len(operands) > 3 or (len(operands) == 3 and set(operators) & {"==", "!="}):
            raise _at(
                written.at, "these are too many comparisons in a row; join them by `and`, or by ()"
            )
        pairs = zip(operands, operators, operands[1:], strict=False)
        parts = tuple(self._compared(*pair) for pair in pairs)
        return parts[0] if len(parts) == 1 else All(parts)

    def _compared(self, left: Operand, operator: str, right: Operand) -> Condition:
        if isinstance(left, Literal):
            if isinstance(right, Literal):
                raise _at(left.at, "two constants are compared; name a column on one side")
            left, operator, right = right, FLIPPED[operator], left
        if isinstance(right, Literal):
            subject = self._subject(left, _kind_of(right))
            return Atom(subject, operator, (_constant(subject, operator, right, left.at),))
        return self._pair(left, operator, right)

    def _pair(self, left: Name, operator: str, right: Name) -> Pair:
        one = self._subject(left, "number")
        other = self._subject(right, "number")
        for subject, name in ((one, left), (other, right)):
            if subject.source != "column":
                raise _at(name.at, f"{subject.words()} is compared with constants only")
        if one.kind != other.kind:
            raise _at(
                left.at,
                f"{one.words()} is {_WORDS[one.kind]} and {other.words()} {_WORDS[other.kind]}, "
                "which do not compare",
            )
        return Pair(one, operator, other)

    def _membership(self, written: Membership) -> Condition:
        name = self._named(written.operand, "in")
        subject = self._subject(name, _kind_of(written.constants[0]))
        if subject.source == "share":
            raise _at(name.at, f"{subject.words()} is a part of all keys; compare it by <")
        constants = tuple(_constant(subject, "==", one, name.at) for one in written.constants)
        return Atom(subject, "not in" if written.negated else "in", constants)

    def _truth(self, operand: Operand) -> Condition:
        if isinstance(operand, Literal):
            if isinstance(operand.value, bool):
                return Constant(operand.value)
            raise _at(operand.at, f"{operand.value!r} alone is no condition; compare it")
        subject = self._subject(operand, "truth")
        if subject.kind != "truth":
            raise _at(
                operand.at,
                f"{subject.words()} is {_WORDS[subject.kind]}, which alone is no condition; "
                "compare it with something",
            )
        return Atom(subject, "==", (True,))

    def _named(self, operand: Operand, words: str) -> Name:
        if isinstance(operand, Literal):
            raise _at(operand.at, f"name a column before `{words}`, not a constant")
        return operand

    def _subject(self, name: Name, kind: Kind) -> Subject:
        """What a name stands for; `kind` is that of a column of which nothing is known."""
        if name.function == "share":
            return Subject("share", _given(name), "number")
        if name.function == "header":
            return Subject("header", _given(name).strip().lower(), "text")
        if name.function not in {None, "column"}:
            near = difflib.get_close_matches(str(name.function), _FUNCTIONS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            there_are = ", ".join(_FUNCTIONS)
            raise _at(name.at, f"there is no {name.function}(…), only {there_are}{hint}")
        if name.function is None and name.name == "caller":
            return Subject("caller", "caller", "text")
        if self._columns is None:
            return Subject("column", name.name, kind)
        column = self._columns.get(name.name)
        if column is None:
            raise _at(name.at, self._unknown(name.name))
        if column.shape:
            raise _at(name.at, f"{name.name} holds tensors, which no condition can compare")
        return Subject("column", name.name, _kind(column), _whole(column), column)

    def _unknown(self, name: str) -> str:
        known = list(self._columns or ())
        if name in {"True", "False", "None"}:
            return f"{name} is written {'null' if name == 'None' else name.lower()} here"
        near = difflib.get_close_matches(name, [*known, "caller"], n=1)
        if near:
            return f"there is no column {name!r}; did you mean {near[0]!r}?"
        some = ", ".join(known[:10]) + (", …" if len(known) > 10 else "")
        return (
            f"there is no column {name!r}, only {some or 'none'}; text stands in quotes, and "
            'header("…") reads a header'
        )


def _kind(column: Column) -> Kind:
    if column.dtype == "bool":
        return "truth"
    if column.dtype == "string":
        return "text"
    return "moment" if column.is_datetime else "number"


def _whole(column: Column) -> bool:
    return "int" in column.dtype


def _given(name: Name) -> str:
    if not name.name.strip():
        raise _at(name.at, f"{name.function}(…) names nothing; write a name in the quotes")
    return name.name


def _kind_of(literal: Literal) -> Kind:
    if isinstance(literal.value, bool):
        return "truth"
    return "text" if isinstance(literal.value, str) else "number"


def _constant(subject: Subject, operator: str, literal: Literal, at: int) -> Any:
    """The value of a constant that a subject is compared with."""
    value = literal.value
    if value is None:
        asks = "is null" if operator == "==" else "is not null"
        raise _at(at, f"a comparison with null is never true; write `{subject.words()} {asks}`")
    if subject.kind == "moment" and isinstance(value, str) and subject.column is not None:
        try:
            return times.moment(value, subject.column)
        except times.NoMoment as error:
            raise _at(literal.at, f"{subject.words()} takes {error}, not {value!r}") from None
    if _kind_of(literal) != subject.kind:
        quoted = f'"{value}"' if isinstance(value, str) else str(value)
        raise _at(
            literal.at,
            f"{subject.words()} is {_WORDS[subject.kind]}, and is compared with "
            f"{quoted if not isinstance(value, bool) else quoted.lower()}, which is not",
        )
    if isinstance(value, bool) and operator not in {"==", "!="}:
        raise _at(at, f"{subject.words()} is true or false, and nothing is less; compare by ==")
    if isinstance(value, float) and not math.isfinite(value):
        raise _at(literal.at, "the number is too large")
    if subject.source == "share":
        _check_share(subject, operator, float(value), at)
    return value


def _check_share(subject: Subject, operator: str, value: float, at: int) -> None:
    if operator in {"==", "!="}:
        raise _at(at, f"{subject.words()} is a part of all keys; compare it by < or >=")
    if not 0 <= value <= 1:
        raise _at(at, f"a share is from 0 to 1, got {value:g}; write 0.1 for 10 %")


def _at(at: int, message: str) -> ConfigError:
    return ConfigError(f"at character {at}: {message}")
