"""How many different rows a principal may ask an endpoint about in a day.

Whoever copies a model asks about many different rows, and seldom about one twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from serve_app.core.caller import Caller
from serve_app.core.distinct import DistinctCount, Hashes
from serve_app.core.ports import Clock
from serve_app.errors import RateLimited
from serve_app.security.limits import MOST_KNOWN, Limits

DAY_S = 86_400.0
Alarm = Callable[[str, str, int], None]
"""Hears of a principal that asked an endpoint about suspiciously many different rows, once."""


@dataclass(slots=True)
class _Seen:
    """What one principal asked one endpoint about since a time of the clock."""

    since_s: float
    count: DistinctCount = field(default_factory=DistinctCount)
    has_alarmed: bool = False


class DistinctRows:
    """Counts different rows by principal and endpoint; a day begins with the first of them.

    `clock` is one that nobody sets, `secret` what rows are hashed by. Not for several threads.
    """

    def __init__(self, limits: Limits, *, clock: Clock, secret: bytes, alarm: Alarm) -> None:
        self._limits = limits
        self._clock = clock
        self._alarm = alarm
        self._known: dict[tuple[str, str], _Seen] = {}
        self.secret = secret

    def counts(self, caller: Caller) -> bool:
        """Whether a caller's rows are counted."""
        return self._limits.of(caller.name).distinct is not None

    def take(self, caller: Caller, endpoint: str, hashes: Hashes) -> None:
        """Count rows that an endpoint is asked about, whether or not it answers.

        Raises:
            RateLimited: with these they are too many for this day.
        """
        limit = self._limits.of(caller.name).distinct
        if limit is None:
            return
        now_s = self._clock()
        seen = self._of(caller.name, endpoint, now_s)
        seen.count.add(hashes)
        rows = round(seen.count.estimate())
        if limit.alarm is not None and rows > limit.alarm and not seen.has_alarmed:
            seen.has_alarmed = True
            self._alarm(caller.name, endpoint, rows)
        if limit.most is not None and rows > limit.most:
            wait_s = seen.since_s + DAY_S - now_s
            msg = (
                f"{caller.name}: different rows to endpoint {endpoint!r} are limited to "
                f"{limit.most} a day, and these are more; try again in {wait_s / 3600:.1f} hours"
            )
            raise RateLimited(msg, retry_after_s=round(wait_s, 3), limit="distinct_rows")

    def _of(self, name: str, endpoint: str, now_s: float) -> _Seen:
        known = self._known.get((name, endpoint))
        if known is None or now_s - known.since_s >= DAY_S:
            # They stand in the order in which their days began.
            self._known.pop((name, endpoint), None)
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            known = self._known[name, endpoint] = _Seen(now_s)
        return known
