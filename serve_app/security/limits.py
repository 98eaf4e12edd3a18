"""How much a principal may ask of one process: rows and bytes a second, requests at once.

Meters follow the generic cell rate algorithm (ITU-T I.371, the virtual scheduling form): one
number each, the time at which all that was taken will have been earned again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from serve_app.core.caller import Caller
from serve_app.core.ports import Clock
from serve_app.core.quota import DAY_S
from serve_app.errors import RateLimited
from serve_app.security.quotas import Quotas

MOST_KNOWN = 10_000
"""So many principals and endpoints are remembered before idle ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So much a second, of which up to `burst` may come at once."""

    per_s: float
    burst: float

    def divided(self, parts: int) -> Rate:
        """The share of one of several processes."""
        return self if parts <= 1 else Rate(self.per_s / parts, self.burst / parts)


@dataclass(frozen=True, slots=True)
class DistinctLimit:
    """So many different rows a day at `most`, of each endpoint, and from when it is suspicious."""

    most: int | None = None
    alarm: int | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """What one principal may ask: of each endpoint in rows, of all together in bytes and requests.

    None stands for no limit. Rows of a day are those of all processes together; different rows, of
    a `distinct` limit, are counted for themselves.
    """

    rows: Rate | None = None
    bytes: Rate | None = None
    in_flight: int | None = None
    rows_per_day: int | None = None
    distinct: DistinctLimit | None = None


NO_LIMIT = Limit()
"""Of a principal that may ask whatever it likes."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits by the name of a principal, and the limit of all others."""

    default: Limit = NO_LIMIT
    by_principal: Mapping[str, Limit] = field(default_factory=dict)

    def of(self, principal: str) -> Limit:
        """The limit of one principal."""
        return self.by_principal.get(principal, self.default)

    @property
    def count_distinct(self) -> bool:
        """Whether different rows are counted of anybody."""
        return any(one.distinct for one in (self.default, *self.by_principal.values()))

    @property
    def have_quotas(self) -> bool:
        """Whether anybody's rows of a day are limited."""
        return any(one.rows_per_day for one in (self.default, *self.by_principal.values()))


class RowLimiter(Protocol):
    """Says how many rows callers may ask about."""

    def take_rows(self, caller: Caller, endpoint: str, rows: int) -> None:
        """Let rows pass to an endpoint.

        Raises:
            RateLimited: these would be too many now.
        """
        ...


class Unlimited:
    """Lets everybody ask about as many rows as they like."""

    def take_rows(self, caller: Caller, endpoint: str, rows: int) -> None:
        """Let rows pass."""


NO_LIMITS = Unlimited()


class Allowance(NamedTuple):
    """What is left of a rate: `left` of `burst`, all of which is there again in `full_in_s`."""

    burst: float
    left: float
    full_in_s: float
    per_s: float

    def policy(self, unit: str) -> str:
        """An item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10)."""
        window_s = max(1, round(self.burst / self.per_s))
        return f'"{unit}";q={int(self.burst)};w={window_s}'

    def item(self, unit: str) -> str:
        """An item of `RateLimit`."""
        left, full_in_s = max(0, int(self.left)), max(0, -int(-self.full_in_s // 1))
        return f'"{unit}";r={left};t={full_in_s}'


def headers_of(allowances: Sequence[tuple[str, Allowance]]) -> tuple[tuple[str, str], ...]:
    """The headers that say what is left, by what is limited; none where nothing is."""
    if not allowances:
        return ()
    return (
        ("ratelimit-policy", ", ".join(one.policy(unit) for unit, one in allowances)),
        ("ratelimit", ", ".join(one.item(unit) for unit, one in allowances)),
    )


class Meter:
    """Counts what is taken at a rate. Times are of a clock that never goes back, in seconds."""

    __slots__ = ("_earned_s",)

    def __init__(self) -> None:
        self._earned_s = float("-inf")

    def take(self, rate: Rate, cost: float, now_s: float) -> float:
        """Count so much as taken where it may be, and give 0; else how long until it may be.

        What is above the burst may be taken once nothing is owed.
        """
        earned_s = self._earned_s
        if earned_s <= now_s:
            earned_s = now_s
        else:
            free_s = (rate.burst - cost) / rate.per_s if cost < rate.burst else 0.0
            wait_s = earned_s - now_s - free_s
            if wait_s > 0:
                return wait_s
        self._earned_s = earned_s + cost / rate.per_s
        return 0.0

    def allowance(self, rate: Rate, now_s: float) -> Allowance:
        """What may be taken now."""
        owed_s = max(0.0, self._earned_s - now_s)
        return Allowance(rate.burst, rate.burst - owed_s * rate.per_s, owed_s, rate.per_s)

    def item(self, rate: Rate, now_s: float) -> bytes | None:
        """The item of what may be taken now, as `Allowance.item` writes it of rows.

        None where that is all.
        """
        owed_s = self._earned_s - now_s
        if owed_s <= 0:
            return None
        left = int(rate.burst - owed_s * rate.per_s)
        return b'"rows";r=%d;t=%d' % (max(0, left), -int(-owed_s // 1))

    def is_idle(self, now_s: float) -> bool:
        """Whether nothing is owed: then it is like a new one."""
        return self._earned_s <= now_s


Pair = tuple[bytes, bytes]
"""A header."""
_LEFT = b"ratelimit"


@dataclass(slots=True)
class _Principal:
    """The limit of one principal, its share in this process, and what it has taken from that."""

    limit: Limit
    own_rows: Rate | None = None
    own_bytes: Rate | None = None
    policy: Pair = (b"ratelimit-policy", b"")
    all_left: tuple[Pair, ...] = ()
    bytes: Meter = field(default_factory=Meter)
    rows: dict[str, Meter] = field(default_factory=dict)
    latest: Meter | None = None
    latest_endpoint: str | None = None
    in_flight: int = 0

    def share(self, parts: int) -> None:
        """Have the share of one of several processes from now on."""
        rows, size = self.limit.rows, self.limit.bytes
        self.own_rows = None if rows is None else rows.divided(parts)
        self.own_bytes = None if size is None else size.divided(parts)
        if self.own_rows is not None:
            own = self.own_rows
            policy = Allowance(own.burst, 0.0, 0.0, own.per_s).policy("rows").encode()
            self.policy = (b"ratelimit-policy", policy)
            self.all_left = (self.policy, (_LEFT, b'"rows";r=%d;t=0' % int(own.burst)))

    def is_idle(self, now_s: float) -> bool:
        meters = (self.bytes, *self.rows.values())
        return not self.in_flight and all(meter.is_idle(now_s) for meter in meters)


class Limiter:
    """Keeps principals within their limits in this process, which is one of several `gateways`.

    `quotas` are what it knows of rows of a day, where these are limited. Not for several threads.
    """

    def __init__(self, limits: Limits, *, clock: Clock, quotas: Quotas | None = None) -> None:
        self._limits = limits
        self.quotas = quotas
        self._clock = clock
        self._gateways = 1
        self._known: dict[str, _Principal] = {}

    def share(self, gateways: int) -> None:
        """Be one of so many processes from now on: rates are divided among them."""
        former, self._gateways = self._gateways, max(1, gateways)
        if former != self._gateways:
            for principal in self._known.values():
                principal.share(self._gateways)

    def enter(self, caller: Caller, size_bytes: int) -> None:
        """Let a request in whose body has so many bytes; each that came in must `leave`.

        Raises:
            RateLimited: the principal has too many requests on their way, or sent too much.
        """
        principal = self._known.get(caller.name) or self._added(caller)
        most = principal.limit.in_flight
        if most is not None and principal.in_flight >= most:
            msg = (
                f"{caller.name} has {principal.in_flight} requests on their way, which is the "
                "limit; wait for their answers"
            )
            raise RateLimited(msg, retry_after_s=_SOON_S, limit="in_flight")
        own = principal.own_bytes
        if own is not None:
            wait_s = principal.bytes.take(own, size_bytes, self._clock())
            if wait_s:
                raise _above(principal.limit.bytes, wait_s, f"{caller.name}: bytes")
        principal.in_flight += 1

    def take_bytes(self, caller: Caller, size_bytes: int) -> None:
        """Let bytes pass of a body whose length nobody said before.

        Raises:
            RateLimited: these would be too many now.
        """
        principal = self._known.get(caller.name) or self._added(caller)
        if principal.own_bytes is not None:
            wait_s = principal.bytes.take(principal.own_bytes, size_bytes, self._clock())
            if wait_s:
                raise _above(principal.limit.bytes, wait_s, f"{caller.name}: bytes")

    def leave(self, caller: Caller) -> None:
        """Take note that a request that came in has its answer."""
        self._known[caller.name].in_flight -= 1

    def take_rows(self, caller: Caller, endpoint: str, rows: int) -> None:
        """Let rows pass to an endpoint.

        Raises:
            RateLimited: these would be too many now.
        """
        principal = self._known.get(caller.name) or self._added(caller)
        own, per_day = principal.own_rows, principal.limit.rows_per_day
        if own is None and per_day is None:
            return
        meter = principal.rows.get(endpoint)
        if meter is None:
            meter = principal.rows[endpoint] = Meter()
        principal.latest, principal.latest_endpoint = meter, endpoint
        if own is not None:
            wait_s = meter.take(own, rows, self._clock())
            if wait_s:
                what = f"{caller.name}: rows to endpoint {endpoint!r}"
                raise _above(principal.limit.rows, wait_s, what)
        if per_day is not None and self.quotas is not None:
            self.quotas.take(caller, endpoint, rows, per_day)

    def headers(self, caller: Caller) -> Sequence[Pair]:
        """The headers that say what is left to a caller, as `headers_of` its allowances."""
        principal = self._known.get(caller.name)
        if principal is None or principal.latest is None:
            return ()
        own = principal.own_rows
        if own is None or principal.limit.rows_per_day is not None:
            allowed = headers_of(self.allowances(caller))
            return [(name.encode(), value.encode()) for name, value in allowed]
        item = principal.latest.item(own, self._clock())
        return principal.all_left if item is None else (principal.policy, (_LEFT, item))

    def allowances(self, caller: Caller) -> tuple[tuple[str, Allowance], ...]:
        """What is left to a caller of the endpoint that it asked last, by what is limited."""
        principal = self._known.get(caller.name)
        if principal is None or principal.latest is None or principal.latest_endpoint is None:
            return ()
        left: list[tuple[str, Allowance]] = []
        if principal.own_rows is not None:
            own = principal.latest.allowance(principal.own_rows, self._clock())
            left.append(("rows", own))
        per_day = principal.limit.rows_per_day
        if per_day is not None and self.quotas is not None:
            of_day = self.quotas.left(caller, principal.latest_endpoint)
            if of_day is not None:
                day = Allowance(per_day, *of_day, per_day / DAY_S)
                left.append(("rows-per-day", day))
        return tuple(left)

    def _added(self, caller: Caller) -> _Principal:
        if len(self._known) >= MOST_KNOWN:
            self._forget_idle()
        added = self._known[caller.name] = _Principal(self._limits.of(caller.name))
        added.share(self._gateways)
        return added

    def _forget_idle(self) -> None:
        now_s = self._clock()
        self._known = {name: one for name, one in self._known.items() if not one.is_idle(now_s)}


def _above(rate: Rate | None, wait_s: float, what: str) -> RateLimited:
    assert rate is not None  # noqa: S101 - somebody was above it
    msg = (
        f"{what} are limited to {rate.per_s:g} a second, {rate.burst:g} at once; "
        f"try again in {wait_s:.1f} s"
    )
    return RateLimited(msg, retry_after_s=round(wait_s, 3))


_SOON_S = 0.1
