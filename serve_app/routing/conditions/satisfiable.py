"""Whether a condition can hold at all, found by trying values of each kind that it can tell apart.

A comparison with constants tells apart only null, its constants and the gaps between them, so
that one value of each is enough. Subjects are tried one after the other, and what is false
already is not followed further (as DPLL does for truth values; Davis, Logemann and Loveland,
"A Machine Program for Theorem-Proving", CACM 1962).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.routing.conditions.tree import (
    FLIPPED,
    ORDERS,
    All,
    Atom,
    Constant,
    Not,
    Pair,
    Some,
    Subject,
    atoms,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from serve_app.routing.conditions.tree import Condition

MOST_TRIALS = 20_000
"""After so many it counts as possible: a mistake may be missed, and none is invented."""

_Columns = tuple[Subject, Subject]
"""Two columns that are compared; its values say which is the larger one: -1, 0, 1, or None."""
_Place = Subject | _Columns


def can_hold(condition: Condition) -> bool:
    """Whether some request makes a condition true, as far as `MOST_TRIALS` tell.

    A share counts as any number, so that one of 0 or 1 is no mistake: ramps begin and end there.
    """
    return _Search(condition).can_hold()


class _Search:
    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        domains: dict[_Place, list[Atom]] = {}
        for atom in atoms(condition):
            if isinstance(atom, Atom):
                domains.setdefault(atom.subject, []).append(atom)
            else:
                domains.setdefault(_compared(atom)[0], [])
        self._domains = [(place, _values(place, tests)) for place, tests in domains.items()]
        self._left = MOST_TRIALS

    def can_hold(self) -> bool:
        return self._tried({}, 0)

    def _tried(self, values: dict[_Place, Any], place: int) -> bool:
        held = _held(self._condition, values)
        if held is not None:
            return held
        if self._left <= 0:
            return True
        subject, domain = self._domains[place]
        for value in domain:
            self._left -= 1
            if self._tried({**values, subject: value}, place + 1):
                return True
        return False


def _held(condition: Condition, values: Mapping[_Place, Any]) -> bool | None:
    """Whether a condition holds for some values; None where that depends on others."""
    if isinstance(condition, Constant):
        return condition.value
    if isinstance(condition, Atom):
        known = condition.subject in values
        return condition.holds(values[condition.subject]) if known else None
    if isinstance(condition, Pair):
        return _pair_held(condition, values)
    if isinstance(condition, Not):
        held = _held(condition.part, values)
        return None if held is None else not held
    parts = [_held(part, values) for part in condition.parts]
    decisive = isinstance(condition, Some)
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _pair_held(pair: Pair, values: Mapping[_Place, Any]) -> bool | None:
    columns, operator = _compared(pair)
    if columns not in values:
        return None
    order = values[columns]
    return order is not None and bool(ORDERS[operator](order, 0))


def _compared(pair: Pair) -> tuple[_Columns, str]:
    """Which columns a pair compares, by name, and how: `b > a` as `a < b`."""
    if pair.left.name <= pair.right.name:
        return (pair.left, pair.right), pair.operator
    return (pair.right, pair.left), FLIPPED[pair.operator]


def _values(place: _Place, tests: Iterable[Atom]) -> list[Any]:
    """One value of each kind that some tests can tell apart."""
    if isinstance(place, tuple):
        return [None, 0] if place[0] == place[1] else [None, -1, 0, 1]
    constants = sorted({constant for test in tests for constant in test.constants})
    nothing = [] if place.source in {"share", "caller"} else [None]
    if place.kind == "truth":
        return [*nothing, True, False]
    if place.kind == "text":
        # Nothing lies between a text and the same with the least of all characters behind it.
        return [*nothing, "", *constants, *(f"{one}\0" for one in constants)]
    if place.kind == "moment":
        # A number is so many units of the column.
        near = [value for one in constants for value in (one - 1, one, one + 1)]
        return [*nothing, *(near or [np.datetime64(0, "D")])]
    return [*nothing, *_numbers(constants, whole=place.whole)]


def _numbers(constants: Sequence[float], *, whole: bool) -> list[float]:
    if not constants:
        return [0.0]
    if whole:
        floors = [math.floor(one) for one in constants]
        return sorted({near for one in floors for near in (one - 1, one, one + 1)})
    between = [math.nextafter(one, math.inf) for one in constants]
    return [math.nextafter(constants[0], -math.inf), *constants, *between]


def never(condition: Condition, before: Sequence[Condition]) -> str | None:
    """Why a condition is true of no request that those `before` it leave, if it is of none."""
    if not can_hold(condition):
        return (
            "no request can match this: what it asks for contradicts itself; correct it, or take "
            "the rule out"
        )
    if before and not can_hold(All((condition, Not(Some(tuple(before)))))):
        return (
            "this is never reached: the rules before it match every request that it would; move "
            "it up, or take it out"
        )
    return None
