"""Which row, and which of its values, made a model fail: the caller's fault, or the model's?"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from serve_app.core.columns import Columns, concatenate
from serve_app.core.refusals import REFUSED, refused
from serve_app.core.violations import value_text
from serve_app.errors import ModelFailed, RowsRefused, ServeError

Method = Callable[[Columns], Any]

TOGETHER_ROWS = 1024
"""Up to so many rows are searched for one that fails in the company of others alone."""
_CAUSE_CHARACTERS = 200
_NEVER_A_ROWS = (MemoryError, RecursionError, OSError, ImportError, SystemError)
"""What befalls a process, whatever it computes."""
_OUT_OF_MEMORY = re.compile(r"out of memory|bad_alloc|failed to allocate|\bcuda", re.IGNORECASE)
_PREAMBLE = re.compile(r"^\[\d\d:\d\d:\d\d\] \S+:\d+: ")
_PATH = re.compile(r"(?<![\w./:])(?:/[^\s/:'\",()]+){2,}/?|\b[A-Za-z]:\\[^\s:'\",()]+")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}")
_POSITION = re.compile(r",? at position \d+")


@dataclass(frozen=True, slots=True)
class Blame:
    """Finds the row that explains a failure; `witness` is a row that the model has answered.

    A row explains it when the model fails on it, twice, and answers the witness in its place.
    It costs at most twice the rows of the request, and some calls with one row: two for each
    halving of the columns.
    """

    witness: Columns | None

    def __call__(self, method: Method, columns: Columns, error: Exception) -> RowsRefused | None:
        """The refusal of the first row that explains the failure of a call; none where none does.

        Raises:
            Nothing: whatever the model raises meanwhile, is looked at.
        """
        if _may_be_a_rows(error) and columns.rows:
            try:
                return _Search(method, columns, self.witness).explained()
            except _OfTheProcess:
                pass
        return None


class _OfTheProcess(Exception):
    """The model failed in a way for which no row is blamed."""


class _Search:
    """One failing call, tried again in parts."""

    def __init__(self, method: Method, columns: Columns, witness: Columns | None) -> None:
        self._method = method
        self._columns = columns
        self._witness = witness

    def explained(self) -> RowsRefused | None:
        row = self._first()
        refusal = self._blamed(row, before=0)
        if refusal is None and 1 < self._columns.rows <= TOGETHER_ROWS:
            row = self._first_together()
            refusal = self._blamed(row, before=row) if row else None
        return refusal

    def _first(self) -> int:
        """The first row that may fail alone, by halving."""
        low, high = 0, self._columns.rows
        while high - low > 1:
            middle = (low + high) // 2
            if self._failure(self._columns.slice(low, middle)) is not None:
                high = middle
            else:
                low = middle
        return low

    def _first_together(self) -> int:
        """The row with which the rows up to it begin to fail."""
        low, high = 0, self._columns.rows
        while high - low > 1:
            middle = (low + high) // 2
            if self._failure(self._columns.slice(0, middle)) is not None:
                high = middle
            else:
                low = middle
        return high - 1

    def _blamed(self, row: int, *, before: int) -> RowsRefused | None:
        """The refusal of a row, if it fails after so many rows before it, and the witness not."""
        suspect = self._columns.slice(row, row + 1)
        company = self._columns.slice(row - before, row)
        witness = self._standing_in(row)
        if witness is None or self._failure(company, witness) is not None:
            return None
        failures = [self._failure(company, suspect) for _ in range(2)]
        if None in failures:
            return None
        name = self._column(company, suspect, witness)
        seen = None if name is None else value_text(suspect[name][0])
        cause = cause_of(failures[-1])
        return refused(cause, row=row, column=name, seen=seen, rows_before=before)

    def _standing_in(self, row: int) -> Columns | None:
        """A row that the model answers."""
        if self._witness is not None:
            return self._witness
        others = dict.fromkeys((0, self._columns.rows - 1))
        rows = (self._columns.slice(j, j + 1) for j in others if j != row)
        return next((other for other in rows if self._failure(other) is None), None)

    def _column(self, company: Columns, suspect: Columns, witness: Columns) -> str | None:
        """The column whose value alone makes the row fail, by halving; none where none does."""
        names = suspect.names
        while len(names) > 1:
            middle = len(names) // 2
            halves = names[:middle], names[middle:]
            mended = (half for half in halves if self._mends(half, company, suspect, witness))
            mending = next(mended, None)
            if mending is None:
                return None
            names = mending
        return names[0] if names else None

    def _mends(
        self, names: Sequence[str], company: Columns, suspect: Columns, witness: Columns
    ) -> bool:
        """Whether the row is answered with the witness's values in these columns."""
        arrays = suspect.as_dict() | {name: witness[name] for name in names}
        return self._failure(company, Columns.of(arrays)) is None

    def _failure(self, *parts: Columns) -> Exception | None:
        """What the model says of rows that it does not take; none where it answers."""
        try:
            self._method(concatenate([part for part in parts if part.rows]))
        except Exception as error:
            if not _may_be_a_rows(error):
                raise _OfTheProcess from error
            return error
        return None


def cause_of(error: Exception | None) -> str:
    """What a library says, in a line: no paths, no addresses, at most 200 characters."""
    if isinstance(error, RowsRefused):
        return error.message.removeprefix(REFUSED)
    inner = error.__cause__ if isinstance(error, ServeError) and error.__cause__ else error
    text = str(inner).strip().partition("\n")[0]
    for pattern, instead in ((_PREAMBLE, ""), (_POSITION, ""), (_PATH, "…"), (_ADDRESS, "…")):
        text = pattern.sub(instead, text)
    kind = type(inner).__name__
    if not text:
        return kind
    if not isinstance(inner, ServeError) and type(inner) not in {ValueError, TypeError}:
        text = f"{kind}: {text}"
    return text if len(text) <= _CAUSE_CHARACTERS else f"{text[: _CAUSE_CHARACTERS - 1]}…"


def _may_be_a_rows(error: Exception) -> bool:
    """Whether a failure may be the fault of a row, and not of the process or its operator."""
    if isinstance(error, ServeError) and not isinstance(error, RowsRefused | ModelFailed):
        return False
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, _NEVER_A_ROWS) or _OUT_OF_MEMORY.search(str(seen)):
            return False
        seen = seen.__cause__
    return True
