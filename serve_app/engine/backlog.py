"""How much waits for each version in this process, in blocks of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from serve_app.core.workload import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from serve_app.core.batcher import Counters
    from serve_app.core.ports import Clock
    from serve_app.core.sharing import Sharing


@dataclass(frozen=True, slots=True)
class _Totals:
    """What has been counted of one version until some moment."""

    waited_s: float = 0.0
    requests: int = 0
    calls_s: float = 0.0
    calls: int = 0
    waiting_s: float = 0.0

    @classmethod
    def of(cls, counters: Counters) -> _Totals:
        """Those of a version's coalescers."""
        return cls(
            counters.waited_s,
            counters.requests,
            counters.calls_s,
            counters.returned,
            counters.waiting_s,
        )


class Backlog:
    """Reads what coalescers count and tells what was since the last reading.

    Requests that wait for their caller's turn have no version yet: they count for those that were
    asked meanwhile, as often as each was.
    """

    def __init__(
        self,
        counters: Callable[[], Mapping[str, Counters]],
        sharing: Sharing | None = None,
        *,
        clock: Clock,
    ) -> None:
        self._counters = counters
        self._sharing = sharing
        self._clock = clock
        self._read_s = clock()
        self._totals: dict[str, _Totals] = {}
        self._trips_ms: dict[str, float] = {}
        self._quiet: set[str] = set()

    def block(self) -> dict[str, Waiting]:
        """What waited since the last reading, by version.

        Versions of which nothing was asked are left out, but once: who heard of a queue also
        hears that it is gone.
        """
        now = self._clock()
        elapsed = max(now - self._read_s, 1e-6)
        totals = {version: _Totals.of(one) for version, one in self._counters().items()}
        left = {version: self._left(version, one) for version, one in totals.items()}
        # Each of those that began meanwhile stands for so much time that others waited for turns.
        apart_s = elapsed * self._waited_apart() / max(1, sum(left.values()))
        by_version = {
            v: self._waiting(v, one, elapsed, apart_s * left[v]) for v, one in totals.items()
        }
        quiet = {version for version, waiting in by_version.items() if waiting.nothing}
        news = {v: waiting for v, waiting in by_version.items() if v not in quiet & self._quiet}
        self._read_s, self._totals, self._quiet = now, totals, quiet
        self._trips_ms = {v: waiting.round_trip_ms for v, waiting in by_version.items()}
        return news

    def _waited_apart(self) -> float:
        """How many waited for their caller's turn since the last reading, on average."""
        return 0.0 if self._sharing is None else self._sharing.read()

    def _left(self, version: str, now: _Totals) -> int:
        """How many requests went to a version since the last reading."""
        before = self._totals.get(version, _Totals())
        return now.requests - (before.requests if now.requests >= before.requests else 0)

    def _waiting(self, version: str, now: _Totals, elapsed_s: float, apart_s: float) -> Waiting:
        """What waited for a version, and `apart_s` before it was asked."""
        before = self._totals.get(version, _Totals())
        if now.requests < before.requests:
            before = _Totals()
        calls = now.calls - before.calls
        # Those who left have waited, and those who are still here too: together it is the
        # number of waiting requests, added up over the time of the block.
        waited_s = now.waited_s + now.waiting_s - before.waited_s - before.waiting_s
        waited_s = max(0.0, waited_s) + apart_s
        left = now.requests - before.requests
        trip_ms = 1000 * (now.calls_s - before.calls_s) / calls if calls else 0.0
        return Waiting(
            requests=waited_s / elapsed_s,
            wait_ms=1000 * waited_s / max(1, left),
            round_trip_ms=trip_ms or self._trips_ms.get(version, 0.0),
            calls=calls,
        )
