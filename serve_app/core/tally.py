"""What one gateway counted of an endpoint so far, to be added up with what others counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Bins = tuple[int, ...]
"""How many durations fell into each bin of `monitoring.histogram`."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests since a gateway started.

    `outcomes` has them by what became of them, `bins` by how long they took; `versions` has those
    bins of each version that answered, `stages` the rows that a stage of a cascade was asked about.
    """

    outcomes: Mapping[str, int] = field(default_factory=dict)
    bins: Bins = ()
    versions: Mapping[str, Bins] = field(default_factory=dict)
    stages: Mapping[str, int] = field(default_factory=dict)

    @property
    def requests(self) -> int:
        """How many there were."""
        return sum(self.outcomes.values())

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            _sums(self.outcomes, other.outcomes),
            _added(self.bins, other.bins),
            {
                version: _added(self.versions.get(version, ()), other.versions.get(version, ()))
                for version in {**self.versions, **other.versions}
            },
            _sums(self.stages, other.stages),
        )

    def since(self, former: Tally) -> Tally:
        """What came after a former tally of the same gateway; all of it where it counted anew."""
        if self.requests < former.requests:
            return self
        return Tally(
            _rest(self.outcomes, former.outcomes),
            _less(self.bins, former.bins),
            {
                version: less
                for version, bins in self.versions.items()
                if any(less := _less(bins, former.versions.get(version, ())))
            },
            _rest(self.stages, former.stages),
        )


def _sums(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _rest(now: Mapping[str, int], former: Mapping[str, int]) -> dict[str, int]:
    more = {name: number - former.get(name, 0) for name, number in now.items()}
    return {name: number for name, number in more.items() if number > 0}


def _added(one: Bins, other: Bins) -> Bins:
    if not one or not other:
        return one or other
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _less(now: Bins, former: Bins) -> Bins:
    if not former:
        return now
    return tuple(max(0, a - b) for a, b in zip(now, former, strict=True))
