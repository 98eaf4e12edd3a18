"""How many requests may be on their way at once, as measured delay says.

A gradient limit: the limit is multiplied by how far requests are from the shortest time that they
take when nothing waits, and grows by its square root where they are near to it (Netflix's
concurrency-limits, Envoy's adaptive concurrency filter). The shortest time is learnt anew about
each minute, by half of the limit for a moment, so that it is not that of a queue.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from serve_app.core.ports import Clock
from serve_app.errors import InvalidInput

TOLERANCE = 1.5
"""So many times the shortest time is still no queue."""
LEAST_GRADIENT = 0.5
WINDOW_S = 0.1
WINDOW_REQUESTS = 10
"""A window ends once both have passed."""
EPOCH_S = 60.0
EPOCH_JITTER = 0.15
"""Of several processes not all learn at once."""
PROBE_REQUESTS = 20
PROBE_S = 1.0
CRITICALITIES = {"critical_plus": 1.0, "critical": 0.9, "sheddable_plus": 0.75, "sheddable": 0.5}
"""How important requests are, from the most important on, and which share of a limit each may fill.

The four of Beyer and others: "Site Reliability Engineering", O'Reilly 2016, chapter 21.
"""
_ORDER = tuple(CRITICALITIES)


def less_critical(own: str, named: str | None) -> str:
    """What a request counts as that names a criticality: nobody is more critical than its own.

    Raises:
        InvalidInput: it names none.
    """
    if named is None:
        return own
    if named not in CRITICALITIES:
        msg = f"{named[:40]!r} is no criticality; there are {', '.join(_ORDER)}"
        raise InvalidInput(msg, known=list(_ORDER))
    return max(own, named, key=_ORDER.index)


@dataclass(frozen=True, slots=True)
class ConcurrencyBounds:
    """Between how many requests at once a limit may lie, and where it begins.

    It grows by `growth` times its square root. Where requests are shorter than that, `slack_s` more
    than the shortest time is no queue either.
    """

    least: int = 16
    most: int = 1000
    first: int = 64
    growth: float = 1.0
    slack_s: float = 0.0


class ConcurrencyLimit:
    """The limit of one endpoint in one process. Not for several threads.

    `clock` gives seconds and is never set back, `draw` numbers from 0 to 1. Times are compared
    among requests of about as many rows.
    """

    def __init__(
        self, bounds: ConcurrencyBounds, *, clock: Clock, draw: Callable[[], float]
    ) -> None:
        self._bounds = bounds
        self._clock = clock
        self._draw = draw
        self._limit = float(max(bounds.least, min(bounds.most, bounds.first)))
        self._shortest: dict[int, float] = {}
        self._former: dict[int, float] = {}
        self._ratios: list[float] = []
        self._busiest = 0
        self._window_s = clock()
        self._epoch_ends_s = self._window_s + self._epoch_s()
        self._probes_left, self._probe_ends_s = 0, self._window_s
        self.in_flight = 0
        self.usual_s = 0.0

    @property
    def limit(self) -> int:
        """How many requests may be on their way now."""
        if self._probes_left:
            return max(self._bounds.least, int(self._limit / 2))
        return int(self._limit)

    def has_room(self, criticality: str) -> bool:
        """Whether one more request may come; half of them all may be of the least critical."""
        return self.in_flight < max(1.0, self.limit * CRITICALITIES[criticality])

    def enter(self) -> float:
        """Count a request that comes; gives the time at which it did."""
        self.in_flight += 1
        self._busiest = max(self._busiest, self.in_flight)
        return self._clock()

    def leave(self, since_s: float, rows: int | None) -> None:
        """Count a request that goes, and learn by how long it took where it had `rows`."""
        self.in_flight -= 1
        if rows is None:
            return
        now_s = self._clock()
        took_s = max(now_s - since_s, _SHORTEST_S)
        if now_s >= self._epoch_ends_s:
            self._begin_epoch(now_s)
        if self._probes_left:
            self._probes_left = self._probes_left - 1 if now_s < self._probe_ends_s else 0
        shortest_s = self._known_shortest(rows.bit_length(), took_s)
        no_queue_s = max(TOLERANCE * shortest_s, shortest_s + self._bounds.slack_s)
        self._ratios.append(TOLERANCE * took_s / no_queue_s)
        self.usual_s += (took_s - self.usual_s) / 16
        if len(self._ratios) >= WINDOW_REQUESTS and now_s - self._window_s >= WINDOW_S:
            self._learn(now_s)

    def _known_shortest(self, kind: int, took_s: float) -> float:
        shortest = min(took_s, self._shortest.get(kind, math.inf))
        self._shortest[kind] = shortest
        return min(shortest, self._former.get(kind, math.inf))

    def _learn(self, now_s: float) -> None:
        gradient = max(LEAST_GRADIENT, min(1.0, TOLERANCE / median(self._ratios)))
        limit = gradient * self._limit + self._bounds.growth * math.sqrt(self._limit)
        if self._busiest < self._limit / 2:
            # Whoever is not there does not show that there would be room.
            limit = min(limit, self._limit)
        self._limit = float(max(self._bounds.least, min(self._bounds.most, limit)))
        self._ratios, self._busiest, self._window_s = [], self.in_flight, now_s

    def _begin_epoch(self, now_s: float) -> None:
        self._former, self._shortest = self._shortest, {}
        self._epoch_ends_s = now_s + self._epoch_s()
        self._probes_left, self._probe_ends_s = PROBE_REQUESTS, now_s + PROBE_S

    def _epoch_s(self) -> float:
        return EPOCH_S * (1 + EPOCH_JITTER * (2 * self._draw() - 1))


_SHORTEST_S = 1e-6
