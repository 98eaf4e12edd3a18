"""Conditions as functions of a request: built once, then all rows of a request at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from serve_app.core.cells import look
from serve_app.core.conversion import convert
from serve_app.core.signature import Column
from serve_app.routing.conditions.tree import ORDERS, Atom, Constant, Not, Pair, Some, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from serve_app.core.columns import Array
    from serve_app.core.messages import Request
    from serve_app.routing.conditions.tree import Condition

Mask = NDArray[np.bool_] | bool
"""Which rows a condition is true of; one truth where it reads none."""
Holds = Callable[["Facts"], Mask]
_NOTHING: Mapping[str, float] = {}
_DTYPES = {"number": "float64", "text": "string", "truth": "bool", "moment": "datetime64[us]"}


class Facts:
    """What conditions read of one request; each column is converted once.

    `shares` are in [0, 1), by name: those of the request's key.
    """

    __slots__ = ("_columns", "_known", "request", "shares")

    def __init__(self, request: Request, shares: Mapping[str, float] = _NOTHING) -> None:
        self.request = request
        self.shares = shares
        self._columns: dict[str, Array] = {}
        self._known: dict[int, Mask] = {}

    def with_shares(self, shares: Mapping[str, float]) -> Facts:
        """The same request with other shares; what was read of it stays."""
        facts = Facts(self.request, shares)
        facts._columns, facts._known = self._columns, self._known
        return facts

    def column(self, subject: Subject, column: Column) -> Array:
        """The values of a column: nulls where it has none, or none that fit."""
        array = self._columns.get(subject.name)
        if array is None:
            array = self._columns[subject.name] = self._read(column)
        return array

    def once(self, atom: Atom | Pair, holds: Holds) -> Mask:
        """What an atom that reads columns is true of, computed once for whatever shares."""
        # By identity: to hash an atom with its column would take longer than most comparisons.
        mask = self._known.get(id(atom))
        if mask is None:
            mask = self._known[id(atom)] = holds(self)
        return mask

    def _read(self, column: Column) -> Array:
        payload = self.request.payload
        values: Any = payload.columns.get(column.name)
        if values is None:
            values = [None] * payload.rows
        array = convert(values, column)
        if array is None:
            array = convert(look(values, column, lambda _: False).values, column)
        assert array is not None  # noqa: S101 - what does not fit is null by now
        return array


def compiled(condition: Condition) -> Holds:
    """A condition as a function of a request."""
    if isinstance(condition, Constant):
        value = condition.value
        return lambda _: value
    if isinstance(condition, Atom):
        return _atom(condition)
    if isinstance(condition, Pair):
        return _pair(condition)
    if isinstance(condition, Not):
        part = compiled(condition.part)
        return lambda facts: _contrary(part(facts))
    parts = [compiled(part) for part in condition.parts]
    return _some(parts) if isinstance(condition, Some) else _all(parts)


def _contrary(mask: Mask) -> Mask:
    return not mask if isinstance(mask, bool) else ~mask


def _all(parts: Sequence[Holds]) -> Holds:
    def holds(facts: Facts) -> Mask:
        mask: Mask = True
        for part in parts:
            mask = mask & part(facts)
            if mask is False:
                break
        return mask

    return holds


def _some(parts: Sequence[Holds]) -> Holds:
    def holds(facts: Facts) -> Mask:
        mask: Mask = False
        for part in parts:
            mask = mask | part(facts)
            if mask is True:
                break
        return mask

    return holds


def _atom(atom: Atom) -> Holds:
    subject = atom.subject
    if subject.source == "column":
        array_holds = _of_objects(atom) if subject.kind in {"text", "truth"} else _of_numbers(atom)
        column = _readable(subject)
        return lambda facts: facts.once(
            atom, lambda known: array_holds(known.column(subject, column))
        )
    if subject.source == "share":
        return lambda facts: atom.holds(facts.shares[subject.name])
    if subject.source == "header":
        return lambda facts: atom.holds(facts.request.headers.get(subject.name))
    return lambda facts: atom.holds(facts.request.caller.name)


def _of_objects(atom: Atom) -> Callable[[Array], Mask]:
    holds = atom.holds

    def masked(array: Array) -> Mask:
        return np.array([holds(value) for value in array.tolist()], dtype=np.bool_)

    return masked


def _of_numbers(atom: Atom) -> Callable[[Array], Mask]:
    operator = atom.operator
    if operator == "null":
        return _is_null
    if operator == "given":
        return lambda array: ~_is_null(array)
    if operator in {"in", "not in"}:
        members = np.array(atom.constants)
        if operator == "in":
            return lambda array: np.isin(array, members)
        return lambda array: ~np.isin(array, members) & ~_is_null(array)
    compare, constant = ORDERS[operator], atom.constants[0]
    if operator == "!=":
        return lambda array: (array != constant) & ~_is_null(array)
    return lambda array: compare(array, constant)


def _is_null(array: Array) -> NDArray[np.bool_]:
    # NaN and NaT are all that differs from itself.
    different: NDArray[np.bool_] = array != array  # noqa: PLR0124
    return different


def _pair(pair: Pair) -> Holds:
    left, right, compare = pair.left, pair.right, ORDERS[pair.operator]
    columns = _readable(left), _readable(right)

    def values_hold(one: Any, other: Any) -> bool:
        return one is not None and other is not None and bool(compare(one, other))

    def holds(facts: Facts) -> Mask:
        one, other = facts.column(left, columns[0]), facts.column(right, columns[1])
        if left.kind in {"text", "truth"}:
            pairs = zip(one.tolist(), other.tolist(), strict=True)
            return np.array([values_hold(*values) for values in pairs], dtype=np.bool_)
        mask: NDArray[np.bool_] = compare(one, other) & ~_is_null(one) & ~_is_null(other)
        return mask

    return lambda facts: facts.once(pair, holds)


def _readable(subject: Subject) -> Column:
    """The column as it is read: every number as a double, so that 0.1 is what people write."""
    column = subject.column
    if subject.kind == "moment" and column is not None:
        return Column(subject.name, column.dtype, nullable=True, zone=column.zone)
    return Column(subject.name, _DTYPES[subject.kind], nullable=True)
