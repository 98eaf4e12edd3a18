"""Numbers and times as people read them; times are UTC."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
_STEPS_S = (
    MINUTE_S, 5 * MINUTE_S, 10 * MINUTE_S, 30 * MINUTE_S, HOUR_S, 3 * HOUR_S, 6 * HOUR_S,
    12 * HOUR_S, DAY_S, 2 * DAY_S, 7 * DAY_S, 14 * DAY_S, 28 * DAY_S, 84 * DAY_S, 364 * DAY_S,
)  # fmt: skip
_NO_MORE_THAN_ZERO = 1e-200
"""Edges of bins that begin just above a value that is frequent lie this near to it."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def moment(at_s: float) -> str:
    """A moment, such as `2026-11-26 14:05`; one beyond the calendar as its seconds."""
    at = _at(at_s)
    return f"{at_s:g} s" if at is None else f"{at:%Y-%m-%d %H:%M}"


def short_moment(at_s: float, step_s: float) -> str:
    """The label of a tick: the day where ticks are days or it begins one, else the time."""
    at = _at(at_s)
    if at is None:
        return f"{at_s:g} s"
    begins_day = step_s >= DAY_S or at_s % DAY_S == 0
    return f"{at:%b} {at.day}" if begins_day else f"{at:%H:%M}"


def ticks_of_time(from_s: float, to_s: float, most: int) -> list[tuple[float, str]]:
    """At most so many round moments between two, each with its label."""
    span_s = to_s - from_s
    step_s = next((step for step in _STEPS_S if span_s / step <= most), _STEPS_S[-1])
    first = math.ceil(from_s / step_s) * step_s
    count = min(most, int((to_s - first) // step_s) + 1) if to_s >= first else 0
    moments = [float(first + place * step_s) for place in range(count)]
    return [(at_s, short_moment(at_s, step_s)) for at_s in moments]


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most so many round numbers between two, zero among them where it lies there."""
    span = high - low
    if not (math.isfinite(span) and span > 0 and most > 0):
        return []
    rough = span / most
    base = 10.0 ** math.floor(math.log10(rough))
    if base == 0 or not math.isfinite(base):
        return []
    step = next((base * k for k in (1, 2, 5, 10) if span / (base * k) <= most), base * 10)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [place * step for place in range(first, last + 1)][: most + 1]


def duration(span_s: float) -> str:
    """A stretch of time in a unit that suits it: `7 days`, `1 hour`, `1.5 hours`, `20 seconds`."""
    for unit_s, name in ((DAY_S, "day"), (HOUR_S, "hour"), (MINUTE_S, "minute")):
        count = round(span_s / unit_s, 1)
        if count >= 1:
            return plural(int(count), name) if count == int(count) else f"{count} {name}s"
    return plural(round(span_s), "second")


def number(value: float) -> str:
    """A number in about four digits: `0.1234`, `1,234`, `1.2e+07`."""
    if abs(value) < _NO_MORE_THAN_ZERO:
        return "0"
    if math.isfinite(value) and value == int(value):
        return f"{int(value):,}" if abs(value) < 1e7 else f"{value:.3g}"
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e7 else f"{value:.4g}"


def share(value: float) -> str:
    """A share as a percentage: `0.4 %`, `12 %`; what is more than nothing never looks like it."""
    percent = 100 * value
    if 0 < percent < 0.1:
        return "< 0.1 %"
    return f"{percent:.1f} %" if percent < 9.95 else f"{percent:.0f} %"


def plural(count: int, name: str) -> str:
    """`1 row`, `2 rows`, `1,234 rows`."""
    return f"{count:,} {name}" + ("" if count == 1 else "s")


def listed(names: Sequence[str], most: int) -> str:
    """Some names, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def _at(at_s: float) -> dt.datetime | None:
    try:
        return _EPOCH + dt.timedelta(seconds=at_s)
    except (OverflowError, ValueError):
        return None
