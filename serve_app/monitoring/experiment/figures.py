"""Numbers of experiments as people read them, and the scales that charts of them share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from serve_app.monitoring import words

UNKNOWN = "not known"
_FAR = 2.0
"""How many times the middle of things an interval may reach beyond it before it is cut."""
_LARGEST = 1e300

_TINY, _NEGLIGIBLE = 1e-9, 1e-4
"""Below which a difference is next to nothing: by itself, and as a part of another one."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from left to right."""

    low: float
    high: float

    def across(self, value: float) -> float:
        """The share of the width at which a value lies; what is beyond lies on the edge."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def holds(self, value: float) -> bool:
        """Whether the value lies within."""
        return self.low <= value <= self.high


def scale_of(middle: Iterable[float], bounds: Iterable[float]) -> Scale:
    """Room for all of the middle, and for those bounds that are not far from it.

    The values of wide intervals would make everything else look alike.
    """
    known = [value for value in middle if math.isfinite(value)] or [0.0]
    low, high = min(known), max(known)
    outside = sorted(
        (max(low - value, value - high), value)
        for value in bounds
        # What is not within these says nothing, and differences of it would overflow.
        if abs(value) < _LARGEST and not low <= value <= high
    )
    # The nearer half is always shown: without it nothing could be read off.
    for _, value in outside[: (len(outside) + 1) // 2]:
        low, high = min(low, value), max(high, value)
    reach = _FAR * (high - low)
    for _, value in outside:
        if low - reach <= value <= high + reach:
            low, high = min(low, value), max(high, value)
    edge = 0.06 * (high - low) or max(abs(low), 1.0) * 0.05
    return Scale(low - edge, high + edge)


def signed(value: float | None) -> str:
    """A difference with its sign: `+0.012`, `-3`, `0`."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "unbounded"
    shown = words.number(float(f"{value:.3g}"))
    return f"+{shown}" if value > 0 and shown != "0" else shown


def size(value: float | None, beside: float | None = None) -> str:
    """A difference whose direction is clear: `0.012`.

    What is next to nothing beside another one is no long number.
    """
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if 0 < abs(value) < max(_TINY, _NEGLIGIBLE * abs(beside or 0.0)):
        return "next to nothing"
    return words.number(float(f"{value:.3g}"))


def difference(value: float | None, low: float | None, high: float | None) -> str:
    """A difference with its interval, as far as it is known."""
    if value is None:
        return UNKNOWN
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return f"{signed(value)} (too early for an interval)"
    return f"{signed(value)} ({signed(low)} to {signed(high)})"


def relative(value: float | None, low: float | None, high: float | None) -> str:
    """The same of parts of the baseline, in percent."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return _percent(value)
    return f"{_percent(value)} ({_percent(low)} to {_percent(high)})"


def probability(value: float | None) -> str:
    """A p-value: three digits, and no zero where it is merely small."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def chance(value: float | None) -> str:
    """A chance in percent, which is never said to be certain."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if value > 0.999:
        return "> 99.9 %"
    return f"{math.floor(1_000 * value) / 10:.1f} %" if value > 0.99 else words.share(value)


def _percent(value: float) -> str:
    return f"{100 * value:+.2g} %" if abs(value) < 1 else f"{100 * value:+,.0f} %"
