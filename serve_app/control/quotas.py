"""Who had how many rows leased today: counted in one place, and kept before it is given."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from serve_app.core.quota import (
    DAY_S,
    LEASED_SHARE,
    LEAST_LEASED,
    AnyRequest,
    DistinctLease,
    DistinctRequest,
    Lease,
    LeaseRequest,
    Leases,
)

PARTS = 64
"""In so many parts it is kept, so that what one principal asks does not write down all others'."""
Rows = Mapping[str, int]


def part_of(principal: str) -> int:
    """In which part it is kept what concerns a principal."""
    return zlib.crc32(principal.encode("utf-8", "surrogatepass")) % PARTS


class QuotaStore(Protocol):
    """Where it is kept what was leased on a day, in parts."""

    def load(self, part: int) -> tuple[int, Rows]:
        """The day of a part, counted from 1970, and its rows by principal and endpoint."""
        ...

    def save(self, part: int, day: int, rows: Rows) -> None:
        """Keep a part in place of the former one."""
        ...


class DistinctLeases(Protocol):
    """Leases different rows of a day; both methods raise RegistryFailed as `Ledger.lease` does."""

    def newest_day(self, requests: Sequence[DistinctRequest]) -> int:
        """The newest day of what is kept of those who ask."""
        ...

    def lease(self, requests: Sequence[DistinctRequest], day: int) -> tuple[DistinctLease, ...]:
        """Merge what was counted on a day, and lease what is left of it."""
        ...


class Nowhere:
    """Keeps nothing: what was leased is forgotten with the process."""

    def load(self, part: int) -> tuple[int, Rows]:  # noqa: ARG002
        """Nothing of a day long past."""
        return 0, {}

    def save(self, part: int, day: int, rows: Rows) -> None:
        """Keep nothing."""


class Ledger:
    """Leases rows of days, which begin at midnight UTC; a day that began never comes again.

    What is leased counts as asked about, so that no restart gives it twice; `distinct` leases
    different rows, where several gateways ask for them. `clock` gives seconds since 1970. Not for
    several threads.
    """

    def __init__(
        self,
        store: QuotaStore,
        *,
        clock: Callable[[], float],
        distinct: DistinctLeases | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._distinct = distinct
        self._day = 0
        self._parts: dict[int, dict[str, int]] = {}

    def lease(self, requests: Sequence[AnyRequest]) -> Leases:
        """Lease what is left, a part of it at a time.

        Raises:
            RegistryFailed: it cannot be read, or not be kept; nothing is leased then.
        """
        now_s = self._clock()
        self._begin(int(now_s // DAY_S))
        leases = self._lease([one for one in requests if isinstance(one, LeaseRequest)])
        distinct: tuple[DistinctLease, ...] = ()
        if self._distinct is not None:
            counted = [one for one in requests if isinstance(one, DistinctRequest)]
            self._begin(self._distinct.newest_day(counted))
            distinct = self._distinct.lease(counted, self._day)
        ends_in_s = min(float(DAY_S), (self._day + 1) * DAY_S - now_s)
        return Leases(leases, ends_in_s, self._day, distinct)

    def _lease(self, requests: Sequence[LeaseRequest]) -> tuple[Lease, ...]:
        changed: dict[int, dict[str, int]] = {}
        leases = []
        for request in requests:
            part = part_of(request.principal)
            rows = changed.get(part)
            if rows is None:
                rows = changed[part] = dict(self._part(part))
            name = f"{request.principal}\n{request.endpoint}"
            former = rows.get(name, 0)
            lease = _lease(request, former)
            leases.append(lease)
            rows[name] = former + lease.settled + lease.rows
        for part, rows in changed.items():
            if rows != self._parts[part]:
                self._store.save(part, self._day, rows)
                self._parts[part] = rows
        return tuple(leases)

    def _begin(self, day: int) -> None:
        if day > self._day:
            self._day, self._parts = day, {}

    def _part(self, part: int) -> dict[str, int]:
        known = self._parts.get(part)
        if known is None:
            day, rows = self._store.load(part)
            # A clock that was set back does not give the rows of a day again.
            self._begin(day)
            known = self._parts[part] = dict(rows) if day == self._day else {}
        return known


def _lease(request: LeaseRequest, former: int) -> Lease:
    left = max(0, request.limit - former - request.owed)
    rows = min(left, max(LEAST_LEASED, left // LEASED_SHARE, request.largest))
    return Lease(request.principal, request.endpoint, request.owed, rows, left - rows)
