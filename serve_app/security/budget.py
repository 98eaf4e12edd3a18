"""How much work and how many failures each source of requests may cause in a time."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict

from serve_app.core.ports import Clock
from serve_app.errors import Overloaded

MOST_SOURCES = 10_000
_IPV6_NETWORK_BITS = 64


class SourceUnknown(LookupError):
    """Something costs a budget, and nobody has said yet from where it came."""


class Budget:
    """A token bucket per source: `burst` at once, `per_s` each second. `clock` gives seconds.

    Sources are addresses; of IPv6 the /64 counts, which is what one customer is given. No more
    than `most_sources` are remembered, those that were seen last.
    """

    def __init__(
        self, *, burst: float, per_s: float, clock: Clock, most_sources: int = MOST_SOURCES
    ) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock = clock
        self._most_sources = most_sources
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def spend(self, source: str | None) -> None:
        """Take one.

        Raises:
            Overloaded: none is left; says when the next one is.
            SourceUnknown: the source is None.
        """
        if source is None:
            raise SourceUnknown
        name, now_s = _network(source), self._clock()
        left = self._left_of(name, now_s)
        if left < 1:
            wait_s = math.ceil((1 - left) / self._per_s)
            msg = f"too many credentials from there are not valid; try again in {wait_s} s"
            raise Overloaded(msg, retry_after_s=wait_s)
        self._keep(name, left - 1, now_s)

    def give_back(self, source: str | None) -> None:
        """Return what was taken for something that was in order."""
        if source is None:
            raise SourceUnknown
        name, now_s = _network(source), self._clock()
        self._keep(name, min(self._burst, self._left_of(name, now_s) + 1), now_s)

    def _left_of(self, name: str, now_s: float) -> float:
        left, since_s = self._left.get(name, (self._burst, now_s))
        return min(self._burst, left + (now_s - since_s) * self._per_s)

    def _keep(self, name: str, left: float, now_s: float) -> None:
        self._left[name] = (left, now_s)
        self._left.move_to_end(name)
        if len(self._left) > self._most_sources:
            self._left.popitem(last=False)


def _network(source: str) -> str:
    if ":" not in source:
        return source
    try:
        address = ipaddress.IPv6Address(source.partition("%")[0])
    except ValueError:
        return source[:100]
    mapped = address.ipv4_mapped
    if mapped is not None:
        return str(mapped)
    return str(ipaddress.IPv6Network((int(address), _IPV6_NETWORK_BITS), strict=False))
