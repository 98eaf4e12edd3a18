"""What gateways and control say to each other of rows that principals may ask about in a day."""

from __future__ import annotations

from typing import NamedTuple

DAY_S = 86_400
LEAST_LEASED = 100
"""So many rows are leased at least, as long as there are so many."""
LEASED_SHARE = 100
"""One in so many of the rows that are left is leased at once."""


class LeaseRequest(NamedTuple):
    """A gateway that wants rows for one principal at one endpoint, of `limit` rows a day.

    `owed` were asked about without a lease, and `largest` is the most that one request had since
    the last one.
    """

    principal: str
    endpoint: str
    limit: int
    owed: int
    largest: int


class Lease(NamedTuple):
    """Rows that a gateway may let pass: `rows` beside those it owed, and `left` after these."""

    principal: str
    endpoint: str
    settled: int
    rows: int
    left: int


class DistinctRequest(NamedTuple):
    """A gateway that tells which different rows it was asked about, and wants more of them.

    `wanted` counts different rows, of which `held` are leased and not used yet; `registers` are
    those of a `DistinctCount`. `day` is the one that control named last, none before the first.
    """

    wanted: LeaseRequest
    gateway: str
    day: int | None
    held: int
    registers: bytes


class DistinctLease(NamedTuple):
    """What all gateways were asked about, as `registers`; `known` rows of it before this request.

    `lease.rows` come beside those that are held.
    """

    lease: Lease
    known: int
    registers: bytes


class Leases(NamedTuple):
    """Leases of a day, counted from 1970, that ends in so many seconds."""

    leases: tuple[Lease, ...]
    ends_in_s: float
    day: int = 0
    distinct: tuple[DistinctLease, ...] = ()


AnyRequest = LeaseRequest | DistinctRequest
