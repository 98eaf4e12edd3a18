"""How many different rows a principal may ask an endpoint about in a day.

Whoever copies a model asks about many different rows, and seldom about one twice. Each gateway
counts for itself, and tells control what it counted when it leases more, as rows of a day are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from serve_app.core.caller import Caller
from serve_app.core.distinct import DistinctCount, Hashes
from serve_app.core.ports import Clock
from serve_app.core.quota import DistinctLease, DistinctRequest, Leases
from serve_app.errors import RateLimited
from serve_app.security.limits import MOST_KNOWN, DistinctLimit, Limits
from serve_app.security.quotas import SOON_S, Quotas

DAY_S = 86_400.0
MOST_SENT = 100
"""Of so many principals and endpoints sketches are sent at once, 4 KB each; others come next."""
Alarm = Callable[[str, str, int], None]
"""Hears of a principal that asked an endpoint about suspiciously many different rows, once."""


@dataclass(slots=True)
class _Seen:
    """What one principal asked one endpoint about until a time of the clock.

    `paid` rows of it are leased, or known to control; `day` is the one that control named.
    """

    ends_s: float
    day: int | None = None
    count: DistinctCount = field(default_factory=DistinctCount)
    paid: int = 0
    has_alarmed: bool = False


class DistinctRows:
    """Counts different rows by principal and endpoint.

    A day begins with the first of them, or at midnight UTC where there are `quotas`: then `gateway`
    is one of several, which count together. `clock` is one that nobody sets, `secret` what rows are
    hashed by, the same in all of them. Not for several threads.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        clock: Clock,
        secret: bytes,
        alarm: Alarm,
        quotas: Quotas | None = None,
        gateway: str = "",
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._alarm = alarm
        self._quotas = quotas
        self._gateway = gateway
        self._known: dict[tuple[str, str], _Seen] = {}
        self._is_shared = False
        self.secret = secret

    def share(self, secret: bytes) -> None:
        """Hash rows from now on as all gateways do, whose counts merge by that.

        What was counted by another secret before is forgotten.
        """
        if secret != self.secret:
            self._known.clear()
        self.secret, self._is_shared = secret, True

    def counts(self, caller: Caller) -> bool:
        """Whether a caller's rows are counted."""
        return self._limits.of(caller.name).distinct is not None

    def take(self, caller: Caller, endpoint: str, hashes: Hashes) -> None:
        """Count rows that an endpoint is asked about, whether or not it answers.

        Raises:
            RateLimited: with these they are too many for this day, or may be.
        """
        limit = self._limits.of(caller.name).distinct
        if limit is None:
            return
        now_s = self._clock()
        seen = self._of(caller.name, endpoint, now_s)
        seen.count.add(hashes)
        rows = round(seen.count.estimate())
        self._look(caller.name, endpoint, rows, limit, seen)
        if self._quotas is not None:
            self._take_leased(caller, endpoint, rows, limit, seen)
        if limit.most is not None and rows > limit.most:
            raise _used_up(caller, endpoint, limit.most, seen.ends_s - now_s)

    def wanted(self) -> list[DistinctRequest]:
        """What control is to be told, and for whom more rows are to be leased.

        Nothing, until rows are hashed as those of other gateways are.
        """
        if self._quotas is None or not self._is_shared:
            return []
        requests = []
        for wanted in self._quotas.wanted():
            seen = self._known.get((wanted.principal, wanted.endpoint))
            if seen is None:
                continue
            held = self._quotas.held(wanted.principal, wanted.endpoint)
            registers = seen.count.to_bytes()
            requests.append(DistinctRequest(wanted, self._gateway, seen.day, held, registers))
            if len(requests) == MOST_SENT:
                break
        return requests

    def follow(self, leases: Leases) -> None:
        """Take what was leased, and what other gateways were asked about."""
        if self._quotas is None:
            return
        ends_s = self._clock() + leases.ends_in_s
        for one in leases.distinct:
            self._merge(one, leases.day, ends_s)
        own = tuple(one.lease for one in leases.distinct)
        self._quotas.follow(leases._replace(leases=own, distinct=()))

    def _merge(self, one: DistinctLease, day: int, ends_s: float) -> None:
        pair = (one.lease.principal, one.lease.endpoint)
        seen = self._known.get(pair)
        limit = self._limits.of(one.lease.principal).distinct
        if seen is None or limit is None:
            return
        if seen.day not in {None, day}:
            seen = self._known[pair] = _Seen(ends_s)
        seen.day, seen.ends_s = day, ends_s
        seen.count.merge(one.registers)
        seen.paid = rows = round(seen.count.estimate())
        if limit.alarm is not None and one.known > limit.alarm:
            # Another gateway, or this one, has said so.
            seen.has_alarmed = True
        self._look(*pair, rows, limit, seen)

    def _take_leased(
        self, caller: Caller, endpoint: str, rows: int, limit: DistinctLimit, seen: _Seen
    ) -> None:
        """Use leased rows for those that are new here.

        Raises:
            RateLimited: nobody knows here whether there are so many.
        """
        quotas, most = self._quotas, limit.most or limit.alarm
        if quotas is None or most is None:
            return
        if rows > most:
            if seen.paid <= most:
                # The others have to hear of it.
                seen.paid = rows
                quotas.want(caller, endpoint, most)
            return
        try:
            quotas.take(caller, endpoint, max(0, rows - seen.paid), most)
        except RateLimited:
            quotas.want(caller, endpoint, most)
            if limit.most is None:
                return
            msg = (
                f"{caller.name}: whether so many different rows to endpoint {endpoint!r} are left "
                f"of {most} a day is not known here yet; try again in {SOON_S:.0f} s"
            )
            raise RateLimited(msg, retry_after_s=SOON_S, limit="distinct_rows") from None
        seen.paid = max(seen.paid, rows)

    def _look(self, name: str, endpoint: str, rows: int, limit: DistinctLimit, seen: _Seen) -> None:
        if limit.alarm is not None and rows > limit.alarm and not seen.has_alarmed:
            seen.has_alarmed = True
            self._alarm(name, endpoint, rows)

    def _of(self, name: str, endpoint: str, now_s: float) -> _Seen:
        known = self._known.get((name, endpoint))
        if known is None or now_s >= known.ends_s:
            # They stand in the order in which their days began.
            self._known.pop((name, endpoint), None)
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            known = self._known[name, endpoint] = _Seen(now_s + DAY_S)
        return known


def _used_up(caller: Caller, endpoint: str, most: int, wait_s: float) -> RateLimited:
    msg = (
        f"{caller.name}: different rows to endpoint {endpoint!r} are limited to "
        f"{most} a day, and these are more; try again in {wait_s / 3600:.1f} hours"
    )
    return RateLimited(msg, retry_after_s=round(wait_s, 3), limit="distinct_rows")
