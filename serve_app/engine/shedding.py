"""More than an endpoint can answer without delay is refused before it is decoded.

What is least critical is refused first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from serve_app.core.arrival import ARRIVAL_HEADER, Arrivals
from serve_app.core.caller import Caller
from serve_app.core.concurrency import (
    CRITICALITIES,
    ConcurrencyBounds,
    ConcurrencyLimit,
    less_critical,
)
from serve_app.core.ports import Clock
from serve_app.errors import DeadlineExceeded, Overloaded
from serve_app.monitoring.catalogue import CONCURRENCY_LIMIT, SHED_REQUESTS, Sample

HEADER = "x-criticality"
SOON_S = 0.1
MOST_ENDPOINTS = 1000


@dataclass(frozen=True, slots=True)
class Criticalities:
    """How critical requests are at most: of principals by name, and of all others."""

    default: str = "critical"
    by_principal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Waits:
    """Sees how long requests waited before anybody looked at them, and how long is too long."""

    arrivals: Arrivals
    most_s: float


class Shedding:
    """Has a limit for each endpoint that follows measured delay.

    What waited too long before it was looked at is refused as well, where `waits` sees that.

    `clock` is one that nobody sets, `draw` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        bounds: ConcurrencyBounds,
        criticalities: Criticalities,
        waits: Waits | None = None,
        *,
        clock: Clock,
        draw: Callable[[], float],
    ) -> None:
        self._bounds = bounds
        self._criticalities = criticalities
        self._waits = waits
        self._clock = clock
        self._draw = draw
        self._limits: dict[str, ConcurrencyLimit] = {}
        self._shed: dict[tuple[str, str], int] = {}

    def place(self, endpoint: str, caller: Caller, headers: Mapping[str, str]) -> Place:
        """A place for a request at an endpoint, which it holds once its body is here.

        Raises:
            InvalidInput: its header names no criticality.
            Overloaded: the endpoint has as many requests as it answers without delay, or this one
                waited too long already.
        """
        known = self._criticalities
        own = known.by_principal.get(caller.name, known.default)
        criticality = less_critical(own, headers.get(HEADER))
        limit = self._limits.get(endpoint)
        if limit is None:
            limit = self._limits[endpoint] = self._made()
        if self._waits is not None:
            self._check_wait(self._waits, endpoint, criticality, headers)
        self.check(endpoint, limit, criticality)
        return Place(self, endpoint, limit, criticality)

    def check(self, endpoint: str, limit: ConcurrencyLimit, criticality: str) -> None:
        """Return where one more request may come.

        Raises:
            Overloaded: the endpoint has as many requests as it answers without delay.
        """
        if limit.has_room(criticality):
            return
        self._count(endpoint, criticality)
        retry_after_s = max(SOON_S, limit.usual_s)
        msg = (
            f"endpoint {endpoint!r} has {limit.in_flight} requests on their way, and more "
            f"{criticality} ones would have all wait; try again in {retry_after_s:.1f} s"
        )
        raise Overloaded(msg, retry_after_s=round(retry_after_s, 3), limit="concurrency")

    def _check_wait(
        self, waits: Waits, endpoint: str, criticality: str, headers: Mapping[str, str]
    ) -> None:
        waited_s = waits.arrivals.waited_s(headers.get(ARRIVAL_HEADER))
        if waited_s <= waits.most_s * CRITICALITIES[criticality]:
            return
        self._count(endpoint, criticality)
        msg = (
            f"more requests come to this gateway than it can read: this one waited "
            f"{waited_s:.1f} s to be looked at; try again in {waits.most_s:.1f} s"
        )
        raise Overloaded(msg, retry_after_s=round(waits.most_s, 3), limit="wait")

    def _count(self, endpoint: str, criticality: str) -> None:
        key = (endpoint, criticality)
        self._shed[key] = self._shed.get(key, 0) + 1

    def samples(self) -> Iterator[Sample]:
        """What was refused, and the limits as they are."""
        for key, number in self._shed.items():
            yield Sample(SHED_REQUESTS, key, number)
        for endpoint, limit in self._limits.items():
            yield Sample(CONCURRENCY_LIMIT, (endpoint,), limit.limit)

    def _made(self) -> ConcurrencyLimit:
        if len(self._limits) >= MOST_ENDPOINTS:
            for name in [name for name, one in self._limits.items() if not one.in_flight]:
                del self._limits[name]
        return ConcurrencyLimit(self._bounds, clock=self._clock, draw=self._draw)


class Place:
    """A place at an endpoint, a context: held while a request of `rows` is answered.

    What was answered, or was not in time, says how long that takes where `rows` are known; refusals
    say nothing of it.
    """

    __slots__ = ("_criticality", "_endpoint", "_limit", "_shedding", "_since_s", "rows")

    def __init__(
        self, shedding: Shedding, endpoint: str, limit: ConcurrencyLimit, criticality: str
    ) -> None:
        self._shedding = shedding
        self._endpoint = endpoint
        self._limit = limit
        self._criticality = criticality
        self._since_s = 0.0
        self.rows: int | None = None

    def __enter__(self) -> Self:
        """Hold the place.

        Raises:
            Overloaded: others took it while the body arrived, which holds none: whoever sends
                slowly takes it from nobody.
        """
        self._shedding.check(self._endpoint, self._limit, self._criticality)
        self._since_s = self._limit.enter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Give it up."""
        says_how_long = error is None or isinstance(error, DeadlineExceeded)
        self._limit.leave(self._since_s, self.rows if says_how_long else None)
