"""Times of the week at which more replicas are to stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_A_DAY = 24 * 60
_TIME = re.compile(r"(\d{1,2}):(\d{2})")
_FORM = 'write days and a time of day, such as "mon-fri 08:00", "sat,sun 10:30" or "daily 06:00"'


@dataclass(frozen=True, slots=True)
class Entry:
    """From some minute of some days on, until `until_minute`, so many replicas at least.

    Days count from Monday, minutes from midnight. Where no end is given, it lasts until the next
    entry without an end begins.
    """

    days: tuple[int, ...]
    minute: int
    min_replicas: int
    until_minute: int | None = None

    def begins(self) -> tuple[int, ...]:
        """The minutes of a week at which it begins, from Monday's midnight."""
        return tuple(day * _MINUTES_A_DAY + self.minute for day in self.days)

    @property
    def length(self) -> int | None:
        """How many minutes it lasts; none where that is for others to say."""
        if self.until_minute is None:
            return None
        return (self.until_minute - self.minute) % _MINUTES_A_DAY


@dataclass(frozen=True, slots=True)
class Schedule:
    """Entries, whose times are those of a time zone."""

    entries: tuple[Entry, ...]
    zone: tzinfo

    def min_replicas(self, now_s: float) -> int:
        """How many are to stand at least at a time in seconds since 1970; 0 where none says so."""
        local = datetime.fromtimestamp(now_s, self.zone)
        minute = local.weekday() * _MINUTES_A_DAY + local.hour * 60 + local.minute
        return max((e.min_replicas for e in self.entries if self._stands(e, minute)), default=0)

    def _stands(self, entry: Entry, minute: int) -> bool:
        week = 7 * _MINUTES_A_DAY
        since = min((minute - begin) % week for begin in entry.begins())
        if entry.length is not None:
            return since < entry.length
        latest = min(
            (minute - begin) % week
            for one in self.entries
            if one.length is None
            for begin in one.begins()
        )
        return since == latest


def parse(at: str, min_replicas: int, until: str | None = None) -> Entry:
    """An entry out of its words.

    Raises:
        ValueError: the words name no time, or none that ever comes.
    """
    words = at.lower().split()
    if len(words) != 2:
        raise ValueError(f"{at!r} is no time of the week; {_FORM}")
    days = _days(words[0], at)
    minute = _minute(words[1], at)
    end = None if until is None else _minute(until, until)
    if end == minute:
        raise ValueError(f"it ends when it begins, at {until}, so it never matches")
    return Entry(days, minute, min_replicas, end)


def never_matching(entries: Sequence[Entry]) -> list[int]:
    """The positions of entries that have no effect, since others begin at all of their times.

    An entry without an end gives way to any other that begins with it and asks for more.
    """
    idle = []
    for position, entry in enumerate(entries):
        others = [one for at, one in enumerate(entries) if at != position]
        stronger = {
            begin
            for one in others
            for begin in one.begins()
            if one.min_replicas > entry.min_replicas and _as_long(one, entry)
        }
        same = {
            begin
            for at, one in enumerate(entries)
            for begin in one.begins()
            if at < position and one == entry
        }
        if set(entry.begins()) <= stronger | same:
            idle.append(position)
    return idle


def _as_long(one: Entry, other: Entry) -> bool:
    if one.length is None or other.length is None:
        return one.length is None and other.length is None
    return one.length >= other.length


def _days(word: str, at: str) -> tuple[int, ...]:
    if word in {"daily", "*"}:
        return tuple(range(7))
    days: list[int] = []
    for part in word.split(","):
        first, _, last = part.partition("-")
        unknown = [day for day in (first, last) if day not in DAYS and (day or "-" in part)]
        if unknown or not first:
            name = unknown[0] if unknown else part
            raise ValueError(f"{at!r}: {name!r} is no day ({', '.join(DAYS)}); {_FORM}")
        start = DAYS.index(first)
        count = (DAYS.index(last) - start) % 7 if last else 0
        days.extend((start + offset) % 7 for offset in range(count + 1))
    return tuple(sorted(set(days)))


def _minute(word: str, at: str) -> int:
    match = _TIME.fullmatch(word.strip())
    if match is None:
        raise ValueError(f"{at!r}: {word!r} is no time of day; {_FORM}")
    hour, minute = int(match[1]), int(match[2])
    if hour > 23 or minute > 59:
        raise ValueError(f"{at!r}: {word} never comes, so it never matches; {_FORM}")
    return int(timedelta(hours=hour, minutes=minute).total_seconds()) // 60
