"""How many rows a principal may ask an endpoint about in a day, over all gateways together.

A gateway lets rows pass that it has leased, and asks for more in time: no request waits for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serve_app.core.caller import Caller
from serve_app.core.ports import Clock
from serve_app.core.quota import DAY_S, LEAST_LEASED, Lease, LeaseRequest, Leases
from serve_app.errors import RateLimited

MOST_KNOWN = 10_000
"""Of so many principals and endpoints leases are remembered; what others had is given up."""
SOON_S = 1.0
Ask = Callable[[Sequence[LeaseRequest]], Leases]


@dataclass(slots=True)
class _Account:
    """What one principal may still ask one endpoint about through this process.

    `here` rows are leased, or owed where that is negative; `elsewhere` were left when control
    was heard last, None where it was not heard today.
    """

    limit: int
    here: int = 0
    leased: int = 0
    elsewhere: int | None = None
    ends_s: float = float("inf")
    largest: int = 0


class Quotas:
    """Keeps principals within their rows of a day. Not for several threads.

    Where control was not heard, or its lease is used up before it is heard again, `allow_unknown`
    lets rows pass, which are counted once it is heard; without it they are refused, but for the
    first hundred. `ask` is called at once where whoever leases is in this very process.
    """

    def __init__(self, *, clock: Clock, allow_unknown: bool, ask: Ask | None = None) -> None:
        self._clock = clock
        self._allow_unknown = allow_unknown
        self._ask = ask
        self._known: dict[tuple[str, str], _Account] = {}
        self._low: set[tuple[str, str]] = set()

    def take(self, caller: Caller, endpoint: str, rows: int, limit: int) -> None:
        """Let rows pass to an endpoint, of which a caller has `limit` a day.

        Raises:
            RateLimited: the rows of the day are used up, or nobody knows whether they are.
        """
        pair, now_s = (caller.name, endpoint), self._clock()
        account = self._account(pair, limit, now_s)
        account.largest = max(account.largest, rows)
        if self._ask is not None and rows > account.here:
            self._low.add(pair)
            self.follow(self._ask(self.wanted()))
        elsewhere = account.elsewhere
        if elsewhere is not None and rows > account.here + elsewhere:
            raise _used_up(caller, endpoint, limit, account, now_s)
        if rows > account.here:
            self._low.add(pair)
            first = min(LEAST_LEASED, limit) if elsewhere is None else 0
            if not self._allow_unknown and rows > account.here + first:
                msg = (
                    f"{caller.name}: how many rows are left today to endpoint {endpoint!r} is not "
                    f"known here yet; try again in {SOON_S:.0f} s"
                )
                raise RateLimited(msg, retry_after_s=SOON_S, limit="rows_per_day")
        account.here -= rows
        if 2 * account.here < account.leased and elsewhere != 0:
            self._low.add(pair)

    def want(self, caller: Caller, endpoint: str, limit: int) -> None:
        """Ask control about a principal, whether or not its rows are few."""
        pair = (caller.name, endpoint)
        self._account(pair, limit, self._clock())
        self._low.add(pair)

    def held(self, principal: str, endpoint: str) -> int:
        """Rows that are leased and not used."""
        account = self._known.get((principal, endpoint))
        return 0 if account is None else max(0, account.here)

    def wanted(self) -> list[LeaseRequest]:
        """For whom more rows are to be leased, and what was asked about without."""
        accounts = ((pair, self._known[pair]) for pair in self._low if pair in self._known)
        return [
            LeaseRequest(*pair, one.limit, max(0, -one.here), one.largest) for pair, one in accounts
        ]

    def follow(self, leases: Leases) -> None:
        """Take what was leased."""
        ends_s = self._clock() + leases.ends_in_s
        for lease in leases.leases:
            pair = (lease.principal, lease.endpoint)
            self._low.discard(pair)
            account = self._known.get(pair)
            if account is not None:
                _credit(account, lease, ends_s)
                if account.here < 0 and account.elsewhere:
                    self._low.add(pair)

    def left(self, caller: Caller, endpoint: str) -> tuple[int, float] | None:
        """Rows that are left, as far as is known here, and seconds until there are all again."""
        account = self._known.get((caller.name, endpoint))
        if account is None or account.elsewhere is None:
            return None
        wait_s = min(float(DAY_S), account.ends_s - self._clock())
        return max(0, account.here + account.elsewhere), max(0.0, wait_s)

    def _account(self, pair: tuple[str, str], limit: int, now_s: float) -> _Account:
        account = self._known.get(pair)
        if account is None or now_s >= account.ends_s or account.limit != limit:
            self._known.pop(pair, None)
            if len(self._known) >= MOST_KNOWN:
                self._low.discard(oldest := next(iter(self._known)))
                del self._known[oldest]
            account = self._known[pair] = _Account(limit)
        return account


def _credit(account: _Account, lease: Lease, ends_s: float) -> None:
    account.here += lease.settled + lease.rows
    account.leased, account.elsewhere = lease.rows, lease.left
    account.ends_s, account.largest = ends_s, 0


def _used_up(
    caller: Caller, endpoint: str, limit: int, account: _Account, now_s: float
) -> RateLimited:
    wait_s = max(SOON_S, account.ends_s - now_s)
    left = max(0, account.here + (account.elsewhere or 0))
    msg = (
        f"{caller.name}: rows to endpoint {endpoint!r} are limited to {limit} a day, of which "
        f"{left} are left; there are all again in {wait_s / 3600:.1f} hours"
    )
    return RateLimited(msg, retry_after_s=round(wait_s, 3), limit="rows_per_day")
