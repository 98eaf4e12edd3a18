"""Which different rows principals asked about today, through all gateways together.

Each gateway counts by a sketch, and sketches of the same hashes merge without a loss: what two
gateways were asked about counts once. Leases bound what passes until they have merged again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from serve_app.control.quotas import part_of
from serve_app.core.distinct import DistinctCount
from serve_app.core.quota import (
    LEASED_SHARE,
    LEAST_LEASED,
    DistinctLease,
    DistinctRequest,
    Lease,
)

MOST_KNOWN = 10_000
"""So many principals and endpoints are remembered; the oldest is given up for another one."""
Registers = Mapping[str, bytes]


class DistinctStore(Protocol):
    """Where it is kept what was asked about on a day, in parts."""

    def load(self, part: int) -> tuple[int, Registers]:
        """The day of a part, counted from 1970, and its registers by principal and endpoint.

        Raises:
            RegistryFailed: it cannot be read.
        """
        ...

    def save(self, part: int, day: int, registers: Registers) -> None:
        """Keep a part in place of the former one.

        Raises:
            RegistryFailed: it cannot be kept.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Counted:
    """What all gateways were asked about by one principal, and what each of them may add."""

    registers: bytes
    held: Mapping[str, int] = field(default_factory=dict)


class DistinctLedger:
    """Merges what gateways count, and leases what is left.

    Without a store all of it is forgotten with the process. Not for several threads.
    """

    def __init__(self, store: DistinctStore | None = None) -> None:
        self._store = store
        self._day = 0
        self._known: dict[tuple[int, str], _Counted] = {}
        self._loaded: set[int] = set()

    def newest_day(self, requests: Sequence[DistinctRequest]) -> int:
        """The newest day of what is kept: a clock that was set back does not give it again.

        Raises:
            RegistryFailed: it cannot be read.
        """
        for request in requests:
            part = part_of(request.wanted.principal)
            if part not in self._loaded:
                self._load(part)
        return self._day

    def lease(self, requests: Sequence[DistinctRequest], day: int) -> tuple[DistinctLease, ...]:
        """Merge what was counted on a day, and lease what is left of it.

        Raises:
            RegistryFailed: it cannot be kept; nothing is leased then, and nothing merged.
        """
        self._begin(day)
        changed: dict[tuple[int, str], _Counted] = {}
        leases = []
        for request in requests:
            wanted = request.wanted
            place = (part_of(wanted.principal), f"{wanted.principal}\n{wanted.endpoint}")
            former = changed.get(place, self._known.get(place))
            lease, changed[place] = _merged(former, request, day)
            leases.append(lease)
        self._keep(changed)
        return tuple(leases)

    def _begin(self, day: int) -> None:
        if day > self._day:
            self._day, self._known = day, {}

    def _load(self, part: int) -> None:
        day, kept = (0, {}) if self._store is None else self._store.load(part)
        self._begin(day)
        if day == self._day:
            self._known |= {(part, name): _Counted(one) for name, one in kept.items()}
        self._loaded.add(part)

    def _keep(self, changed: Mapping[tuple[int, str], _Counted]) -> None:
        known = {**self._known, **changed}
        for place in list(known)[: max(0, len(known) - MOST_KNOWN)]:
            del known[place]
        if self._store is not None:
            grown = {
                place[0]
                for place, one in changed.items()
                if place not in self._known or self._known[place].registers != one.registers
            }
            for part in grown:
                own = {name: one.registers for (other, name), one in known.items() if other == part}
                self._store.save(part, self._day, own)
        self._known = known


def _merged(
    former: _Counted | None, request: DistinctRequest, day: int
) -> tuple[DistinctLease, _Counted]:
    """What a gateway is answered, and what is known then."""
    count = DistinctCount(None if former is None else former.registers)
    known = round(count.estimate())
    # What was counted on another day is none of this one's.
    is_today = request.day is None or request.day == day
    if is_today:
        count.merge(request.registers)
    wanted, held = request.wanted, request.held if is_today else 0
    others = {} if former is None else {**former.held}
    others.pop(request.gateway, None)
    left = max(0, wanted.limit - round(count.estimate()) - sum(others.values()) - held)
    rows = min(left, max(_least(wanted.limit), left // LEASED_SHARE, wanted.largest))
    lease = Lease(wanted.principal, wanted.endpoint, wanted.owed, rows, left - rows)
    registers = count.to_bytes()
    after = _Counted(registers, {**others, request.gateway: held + rows})
    return DistinctLease(lease, known, registers), after


def _least(limit: int) -> int:
    # What gateways hold passes beside the limit where nobody knows of it yet: of small limits less.
    return max(1, min(LEAST_LEASED, limit // LEASED_SHARE))
