"""Where the records of a CSV file begin and end, and what their cells say.

The rules are those of Python's `csv` module, by which requests are read too: a quote opens a
quoted cell only where a cell begins, within it two quotes stand for one, and line ends belong to
the cell.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

MAX_RECORD_BYTES = 1024 * 1024
"""A record of more bytes is taken for one whose quote was never closed."""
_QUOTE = b'"'
UNCLOSED = "that the quote opened here is closed within a mebibyte; double it or close it"


class Record(NamedTuple):
    """One record: its bytes with their line ends, and where they begin in the file.

    `broken` says why it cannot be read as a record, None where nothing is known against it.
    """

    offset: int
    content: bytes
    broken: str | None = None


def records(lines: Iterable[bytes], offset: int, delimiter: str = ",") -> Iterator[Record]:
    """The records that lines hold, the first of which begins at `offset`; empty lines are none.

    A quote that is never closed costs its own line alone: reading goes on at the next one.
    """
    coming, mark = _Lines(lines), delimiter.encode()
    for line in coming:
        if _QUOTE not in line:
            if line.strip(b"\r\n"):
                yield Record(offset, line)
            offset += len(line)
            continue
        whole = coming.closed(line, mark)
        if whole is None:
            yield Record(offset, line, UNCLOSED)
            offset += len(line)
        else:
            yield Record(offset, whole)
            offset += len(whole)


def cells(content: bytes, delimiter: str = ",") -> list[str]:
    """The cells of one record.

    Raises:
        ValueError: it is not UTF-8, or no CSV; says what was expected.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"UTF-8; byte {error.start} of it does not fit") from None
    plain = text.rstrip("\r\n")
    if '"' not in plain and "\r" not in plain:
        return plain.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter))
    except csv.Error as error:
        if "\r" in plain:
            raise ValueError("lines that end with a line feed, and none with CR alone") from None
        raise ValueError(f"CSV; {error}") from None


def stays_open(line: bytes, opened: bool, delimiter: bytes = b",") -> bool:
    """Whether a quoted cell is open at the end of a line, which begins in one if `opened`."""
    pieces = line.split(_QUOTE)
    at_start = not pieces[0] or pieces[0].endswith(delimiter)
    just_closed = False
    for piece in pieces[1:]:
        # A quote stands before every piece but the first.
        if opened:
            opened, just_closed = False, not piece
        elif just_closed or at_start:
            # The second of two quotes within a cell, or the first of a cell.
            opened, just_closed = True, False
        at_start = piece.endswith(delimiter)
    return opened


class _Lines:
    """Lines that can be put back."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self._returned: deque[bytes] = deque()

    def __iter__(self) -> Iterator[bytes]:
        while (line := self._next()) is not None:
            yield line

    def closed(self, first: bytes, delimiter: bytes) -> bytes | None:
        """The lines up to that in which no quote is open; none where there is no such line."""
        taken, size = [first], len(first)
        opened = stays_open(first, False, delimiter)
        while opened:
            line = self._next() if size <= MAX_RECORD_BYTES else None
            if line is None:
                self._returned.extendleft(reversed(taken[1:]))
                return None
            taken.append(line)
            size += len(line)
            opened = stays_open(line, True, delimiter)
        return b"".join(taken)

    def _next(self) -> bytes | None:
        return self._returned.popleft() if self._returned else next(self._lines, None)
