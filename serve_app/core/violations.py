"""The rules that the rows of one request break, and the words that tell of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np

from serve_app.core.messages import MISSING, Warned
from serve_app.errors import InvalidInput

Reaction = Literal["refuse", "warn", "ignore"]
Broken = tuple[int, str]
"""A row, and what was expected there."""

LISTED = 20
COUNTED = 2_000
"""A request that breaks as many rules is refused without being looked through to its end."""
_IN_MESSAGE = 3
_SEEN_CHARACTERS = 60
_QUOTED_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class ReceivedColumn:
    """A column of a request: its name, where it is listed, and its values as they came."""

    name: str
    position: int
    values: Sequence[Any]


class Violations:
    """Collects what a request breaks: how often, and the first `LISTED` in full.

    They are ordered by row, then by column, then by rule, whatever the order they were
    added in; memory stays bounded however many there are. The counts are exact unless somebody
    stopped looking.
    """

    def __init__(self) -> None:
        self._refused = _Ordered()
        self._warned = _Ordered()
        self._exact = True

    def add(
        self, reaction: Reaction, rule: str, place: ReceivedColumn, broken: Sequence[Broken]
    ) -> None:
        """Note that `rule` is broken in these rows of a column (rows ascending)."""
        if reaction == "refuse":
            self._refused.add(rule, place, broken)
        elif reaction == "warn":
            self._warned.add(rule, place, broken)

    def add_rows(
        self,
        reaction: Reaction,
        rule: str,
        place: ReceivedColumn,
        rows: Sequence[int],
        expected: str,
    ) -> None:
        """The same, where one thing was expected in all of the rows."""
        self.add(reaction, rule, place, [(row, expected) for row in rows[:LISTED]])
        self.count(reaction, len(rows) - LISTED)

    @property
    def room(self) -> int:
        """How many more broken rules of a column are worth looking for."""
        return max(LISTED, COUNTED - self._refused.total)

    def stopped(self) -> None:
        """Note that rows of a request that is refused were not looked at."""
        self._exact = False

    def count(self, reaction: Reaction, more: int) -> None:
        """Note that so many more rules are broken, behind all that were added."""
        if reaction == "refuse" and more > 0:
            self._refused.total += more

    def warnings(self) -> tuple[Warned, ...]:
        """The first rules that were broken and only warned of.

        Raises:
            InvalidInput: a rule is broken that refuses the request.
        """
        total = self._refused.total
        if not total:
            return self._warned.first()
        listed = self._refused.first()
        count = "1 value breaks" if total == 1 else f"{total} values break"
        least = "" if self._exact else "at least "
        sentences = "; ".join(_sentence(refused) for refused in listed[:_IN_MESSAGE])
        more = f"; and {least}{total - _IN_MESSAGE} more" if total > _IN_MESSAGE else ""
        raise InvalidInput(
            f"{least}{count} the schema of this endpoint: {sentences}{more}",
            violations=[asdict(refused) for refused in listed],
            total=total,
            **({} if self._exact else {"at_least": True}),
        )


class _Ordered:
    def __init__(self) -> None:
        self.total = 0
        self._entries: list[tuple[int, int, str, Warned]] = []

    def add(self, rule: str, place: ReceivedColumn, broken: Sequence[Broken]) -> None:
        self.total += len(broken)
        name = shortened(place.name)
        for row, expected in broken[:LISTED]:
            warned = Warned(row, name, rule, seen(place.values, row), expected)
            self._entries.append((row, place.position, rule, warned))

    def first(self) -> tuple[Warned, ...]:
        if not self._entries:
            return ()
        self._entries.sort(key=lambda entry: entry[:3])
        return tuple(entry[3] for entry in self._entries[:LISTED])


def _sentence(warned: Warned) -> str:
    return (
        f"row {warned.row}, column {warned.column!r}: "
        f"expected {warned.expected}, got {warned.seen} ({warned.rule})"
    )


def seen(values: Sequence[Any], row: int) -> str:
    """What stood in a row, in the words of JSON and at most 80 characters."""
    return value_text(values[row]) if row < len(values) else "nothing"


def value_text(value: Any) -> str:
    """A value in the words of JSON; lists and objects only by their size."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is MISSING:
        return "nothing"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (int, float, Decimal)):
        return _numeral(value)
    if isinstance(value, (list, tuple, dict)):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return f"a {type(value).__name__}"


def _quoted(text: str) -> str:
    # What cannot be printed is written as an escape, up to ten characters for one.
    quoted = repr(shortened(text))
    return quoted if len(quoted) <= _QUOTED_CHARACTERS else f"{quoted[: _QUOTED_CHARACTERS - 1]}…"


def shortened(text: str) -> str:
    """The text, cut where it gets long."""
    return text if len(text) <= _SEEN_CHARACTERS else f"{text[:_SEEN_CHARACTERS]}…"


def _numeral(value: float | Decimal) -> str:
    if isinstance(value, Decimal):
        return shortened(str(value))
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 128 else "an integer of very many digits"
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"
