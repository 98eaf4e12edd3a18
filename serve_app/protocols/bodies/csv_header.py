"""Whether the first line of a CSV body is a header: told by names, refused where nothing tells."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serve_app.core.signature import Column
from serve_app.core.violations import value_text
from serve_app.errors import InvalidInput
from serve_app.protocols.bodies.column_names import folded

Fits = Callable[[str, Column], bool]
"""Whether a cell can be read as a value of a column."""
Lines = Sequence[Sequence[str]]

_LISTED = 8
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?|\d\d?[/.]\d\d?[/.]\d{2,4}")
_INTEGER = re.compile(r"[+-]?\d+")
_ORDINAL = re.compile(r"0|[1-9]\d{0,8}")
_NUMBERED = re.compile(r"(.*?\D)(0|[1-9]\d{0,8})")
_TRUTHS = frozenset({"true", "false"})


def names_columns(
    lines: Lines, columns: Sequence[Column], fits: Fits, *, any_names: bool = False
) -> bool:
    """Whether the first line is a header; where it is none, it is the first row.

    It is one when it names columns of the endpoint and could not be a row, or names all of
    them. Names that are numbers count only where all of them are there. Where models know no
    names, `any_names` of the right number are a header that could not be a row.

    Raises:
        InvalidInput: it looks like a header of other names, or could as well be a row.
    """
    table = _Table(tuple(cell.strip() for cell in lines[0]), lines[1:], tuple(columns), fits)
    known = {column.name for column in columns}
    named = known & set(table.first)
    words = {name for name in named if _kind(name) not in {"integer", "decimal"}}
    whole = named == known
    if not table.readable and (words or whole):
        return True
    if whole and (words or not table.may_count(in_order=table.names == table.first)):
        return True
    if whole or words or table.has_numbers_for_names():
        raise _refused(table, "could be a header and could be a row")
    if table.looks_like_a_header():
        if any_names and table.is_of_other_names():
            return True
        raise _refused(table, "looks like a header, but not like this endpoint's")
    return False


@dataclass(frozen=True, slots=True)
class _Table:
    """The first line of a body, those below, and the columns that they are held against."""

    first: tuple[str, ...]
    below: Lines
    columns: tuple[Column, ...]
    fits: Fits

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the endpoint's columns."""
        return tuple(column.name for column in self.columns)

    @property
    def readable(self) -> bool:
        """Whether the first line could be a row."""
        return len(self.first) == len(self.columns) and all(
            map(self.fits, self.first, self.columns)
        )

    def may_count(self, *, in_order: bool) -> bool:
        """Whether a line of all names, which are numbers, is as likely a row.

        Among integers it is, where few columns make it likely or their order is another one.
        """
        if not self.below:
            return True
        return all(map(_integers, self.below)) and (not in_order or len(self.first) <= 2)

    def has_numbers_for_names(self) -> bool:
        """Whether, where columns are called by numbers, several stand over their own columns.

        Then words beside them are names as well, though not the endpoint's.
        """
        numbers = [j for j, name in enumerate(self.names) if _kind(name) in {"integer", "decimal"}]
        if not 2 <= len(numbers) < len(self.columns) or not self.readable or not self.below:
            return False
        own = [self.names[j] for j in numbers]
        return [self.first[j] for j in numbers] == own and not any(
            [line[j].strip() for j in numbers] == own
            for line in self.below
            if len(line) > numbers[-1]
        )

    def looks_like_a_header(self) -> bool:
        """Whether the first line has something of a header, and no line below has it."""
        if not self.below:
            return False
        kinds = {_kind(cell) for cell in self.first} - {"empty"}
        if kinds == {"integer"}:
            return self.readable and self._counts()
        if kinds == {"integer", "text"}:
            return self.readable and self._counts_beside_words()
        if kinds != {"text"}:
            return False
        if not self.readable or folded(self.names) & folded(self.first):
            return True
        return self._stands_out() or self._is_numbered() or self._is_of_no_category()

    def is_of_other_names(self) -> bool:
        """Whether it cannot be a row, and has as many names as columns, all of them others."""
        if len(self.first) != len(self.columns) or folded(self.names) & folded(self.first):
            return False
        return not self.readable or all(map(_ORDINAL.fullmatch, self.first))

    def _counts(self) -> bool:
        """Whether it counts columns (0, 1, 2 or 1, 2, 3; also 2019, 2020, 2021)."""
        if not all(map(_ORDINAL.fullmatch, self.first)):
            return False
        numbers = [int(cell) for cell in self.first]
        if numbers == list(range(len(numbers))) or (
            len(numbers) > 1 and numbers == list(range(1, len(numbers) + 1))
        ):
            return not any(map(_integers, self.below))
        growing = all(a < b for a, b in itertools.pairwise(numbers))
        return growing and len(numbers) > 1 and self._stands_out()

    def _counts_beside_words(self) -> bool:
        """Whether its numbers are 0, 1, 2 or 1, 2, 3, and below them are others than integers."""
        places = [j for j, cell in enumerate(self.first) if _kind(cell) == "integer"]
        cells = [self.first[j] for j in places]
        counts = [[str(start + j) for j in range(len(cells))] for start in (0, 1)]
        return (
            len(cells) > 1
            and cells in counts
            and not any(
                _integers([c for j, c in enumerate(line) if j in places]) for line in self.below
            )
        )

    def _stands_out(self) -> bool:
        """Whether each cell is of a kind that no cell below it has."""
        return all(
            any(other.strip() for other in others)
            and all(_kind(other.strip()) != _kind(cell) for other in others)
            for cell, others in zip(self.first, zip(*self.below, strict=False), strict=False)
        )

    def _is_numbered(self) -> bool:
        """Whether it says `f0, f1, f2`, and no line below says something like it."""
        return _numbered(self.first) and not any(
            _numbered([cell.strip() for cell in line]) for line in self.below
        )

    def _is_of_no_category(self) -> bool:
        """Whether it has unknown categories alone, and all lines below have known ones."""
        listed = [(j, c.categories) for j, c in enumerate(self.columns) if c.categories]
        if len(listed) < 2 or any(self.first[j] in known for j, known in listed):
            return False
        return all(len(line) > j and line[j] in known for line in self.below for j, known in listed)


def _kind(cell: str) -> str:
    if not cell:
        return "empty"
    if _INTEGER.fullmatch(cell):
        return "integer"
    if _DATE.match(cell):
        return "date"
    if cell.lower() in _TRUTHS:
        return "truth"
    try:
        float(cell)
    except ValueError:
        return "text"
    return "decimal"


def _integers(line: Sequence[str]) -> bool:
    return all(_kind(cell.strip()) in {"integer", "empty"} for cell in line)


def _numbered(cells: Sequence[str]) -> bool:
    matches = [_NUMBERED.fullmatch(cell) for cell in cells]
    if len(cells) < 2 or not all(matches):
        return False
    parts = [one.groups() for one in matches if one is not None]
    first = int(parts[0][1])
    numbers = list(range(first, first + len(parts)))
    return len({word for word, _ in parts}) == 1 and [int(n) for _, n in parts] == numbers


def _refused(table: _Table, why: str) -> InvalidInput:
    msg = (
        f"line 1 {why}: it says {_listed(table.first)}, and the endpoint's columns are "
        f"{_listed(table.names)}; name the columns so, or say which it is: send it as "
        "`text/csv; header=absent` if it is data, `text/csv; header=present` if it is a header"
    )
    return InvalidInput(msg, line=1, names=list(table.first[:_LISTED]))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(value_text(name) for name in names[:_LISTED]) + more
