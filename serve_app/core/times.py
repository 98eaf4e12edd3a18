"""Dates and times: ISO 8601 in texts, NumPy's datetime64 in columns.

A column has one unit, that of its training data, so that nothing is lost: nanoseconds end in
2262, and people write 9999-12-31. Where training had a time zone, values are moments, kept in
UTC, and must come with an offset; where it had none they are what a clock shows, and an offset
would have to be thrown away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from serve_app.core.columns import Array

DATE = "datetime64[D]"
DATETIMES = (DATE, "datetime64[s]", "datetime64[ms]", "datetime64[us]", "datetime64[ns]")
"""The dtypes of dates and of dates with times, by the unit that they are exact in."""

_DIGITS = {"D": 0, "s": 0, "ms": 3, "us": 6, "ns": 9}
_FINENESS = {0: "seconds", 3: "milliseconds", 6: "microseconds", 9: "nanoseconds"}
_NANOSECONDS = ("1677-09-22", "2262-04-11")
_ISO = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,](?P<fraction>[0-9]{1,12}))?"
    r"(?P<zone>Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9]){0,2})?)?",
    re.ASCII | re.IGNORECASE,
)


class TimeColumn(Protocol):
    """A column of dates or times: one of `DATETIMES`, and its time zone where it has one."""

    @property
    def dtype(self) -> str: ...  # noqa: D102
    @property
    def zone(self) -> str | None: ...  # noqa: D102


class NoMoment(ValueError):
    """A text that is no value of a column of dates or times; the message says what would be."""


def unit(dtype: str) -> str:
    """The unit of one of `DATETIMES`."""
    return dtype[len("datetime64[") : -1]


def expected(column: TimeColumn) -> str:
    """What a column of dates or times takes, in words."""
    if column.dtype == DATE:
        return "an ISO 8601 date such as 2024-05-01"
    if column.zone is not None:
        return "an ISO 8601 date-time with its offset such as 2024-05-01T12:00:00Z"
    return "an ISO 8601 date-time such as 2024-05-01T12:00:00"


def moment(text: str, column: TimeColumn) -> Any:
    """The value that a text spells, in the unit of the column; in UTC where that has a zone.

    Raises:
        NoMoment: it is no ISO 8601 date or date-time, has an offset where training had none or
            none where it had one, or is finer or further away than the column can say.
    """
    parts = _ISO.fullmatch(text.strip())
    if parts is None:
        raise NoMoment(expected(column))
    _check_zone(parts, column)
    digits = _DIGITS[unit(column.dtype)]
    fraction = (parts["fraction"] or "").rstrip("0")
    clock = parts["clock"] or "00:00"
    try:
        seconds: Any = np.datetime64(f"{parts['date']}T{clock}", "s")
    except ValueError:
        raise NoMoment(f"{expected(column)}, one that is in the calendar") from None
    seconds -= _offset(parts["zone"])
    if column.dtype == DATE:
        if fraction or seconds != seconds.astype("datetime64[D]"):
            raise NoMoment(f"{expected(column)}, without a time of day")
        return seconds.astype(DATE)
    if len(fraction) > digits:
        raise NoMoment(f"a date-time no finer than {_FINENESS[digits]}, as in training")
    if digits == 9 and not _fits_nanoseconds(seconds):
        first, last = _NANOSECONDS
        raise NoMoment(f"a date-time from {first} to {last}, as the column was in training")
    ticks = int(fraction.ljust(digits, "0")) if fraction else 0
    return seconds.astype(column.dtype) + ticks


def is_moment(text: str, *, zoned: bool) -> bool:
    """Whether a text is an ISO 8601 date or date-time, with an offset or without one."""
    parts = _ISO.fullmatch(text.strip())
    if parts is None or (parts["zone"] is not None) != zoned:
        return False
    try:
        np.datetime64(f"{parts['date']}T{parts['clock'] or '00:00'}", "s")
    except ValueError:
        return False
    return True


def array_of(texts: Iterable[str | None], column: TimeColumn) -> Array:
    """The texts as an array of the column's dtype; none is NaT.

    Raises:
        NoMoment: one of them is no value of the column.
    """
    nothing = np.datetime64("NaT")
    values = [nothing if text is None else moment(text, column) for text in texts]
    return np.array(values, dtype=column.dtype)


def texts(array: Array, *, zoned: bool) -> list[str | None]:
    """The ISO 8601 form of each value; none for NaT, and `Z` behind moments of a zone."""
    if not len(array):
        return []
    gaps = np.isnat(array)
    written: Sequence[str] = np.datetime_as_string(array, unit=_shown(array)).tolist()
    behind = "Z" if zoned else ""
    return [
        None if gap else text + behind for text, gap in zip(written, gaps.tolist(), strict=True)
    ]


def _shown(array: Array) -> Any:
    """The coarsest unit, of seconds at most, in which no value loses anything."""
    own = np.datetime_data(array.dtype)[0]
    if own in {"D", "s"}:
        return own
    known = array[~np.isnat(array)]
    for coarse in ("s", "ms", "us"):
        if (known.astype(f"datetime64[{coarse}]") == known).all():
            return coarse
    return own


def _check_zone(parts: re.Match[str], column: TimeColumn) -> None:
    if column.zone is not None and parts["zone"] is None:
        raise NoMoment(expected(column))
    if column.zone is None and parts["zone"] is not None:
        raise NoMoment(f"{expected(column)}, without an offset, as in training")


def _offset(zone: str | None) -> Any:
    """How far a zone is ahead of UTC; those of old had seconds."""
    if zone is None or zone in "Zz":
        return np.timedelta64(0, "s")
    digits = zone[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    return np.timedelta64(-seconds if zone[0] == "-" else seconds, "s")


def _fits_nanoseconds(seconds: Any) -> bool:
    first, last = _NANOSECONDS
    return bool(np.datetime64(first) <= seconds < np.datetime64(last))
