"""How many replicas a load needs: plain arithmetic on what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

TOLERANCE = 1.1
"""A target counts as exceeded from here on: measurements of a steady load differ by less."""
COMFORT = 0.85
"""Fewer replicas do where each would then stay below this share of every target."""
QUIET = 0.8
"""Fewer replicas were too few before? Then only below this share of the work of that time."""
CALLS_OF_WAITING = 1.5
"""Whoever comes at random to a replica that is busy for 0.75 of the time waits for so many calls
(a queue with one server and calls of equal length: busy / (2 (1 - busy))). So a shorter wait
says nothing that the busy share does not."""
MOST_STEPS_OF_WAITING = 2.0
IDLE = 0.01


@dataclass(frozen=True, slots=True)
class Targets:
    """What each replica is to have at most: open requests, share of its time, ms of waiting."""

    ongoing_requests: float
    busy: float = 0.7
    wait_ms: float = 5.0


@dataclass(frozen=True, slots=True)
class Observed:
    """What was measured of a deployment, as means over the look-back period.

    `ongoing_requests` are open or wait, at all `replicas` together; `busy` is the share of its
    time that a replica computes, `wait_ms` how long work waits for one and `call_ms` how long a
    call of it takes.
    """

    replicas: int
    ongoing_requests: float
    busy: float = 0.0
    wait_ms: float = 0.0
    call_ms: float = 0.0

    @property
    def work(self) -> float:
        """Seconds of computing per second, at all replicas together."""
        return self.busy * self.replicas

    @property
    def idle(self) -> bool:
        """Whether nothing is asked."""
        return self.ongoing_requests < IDLE and self.work < IDLE


@dataclass(frozen=True, slots=True)
class WantedReplicas:
    """How many replicas there should be, and why; `by_load` where the load asks for more."""

    replicas: int
    why: str
    by_load: bool = False


@dataclass(slots=True)
class Outgrown:
    """How much work there was when so many replicas were too few.

    Without it, a load that one replica cannot carry and that looks small among two would end in
    going up and down for ever.
    """

    work: dict[int, float] = field(default_factory=dict)

    def left(self, replicas: int, upto: int, work: float) -> None:
        """Remember that every number from `replicas` to below `upto` was too small."""
        for number in range(replicas, upto):
            self.work[number] = work

    def allows(self, replicas: int, work: float) -> bool:
        """Whether so many replicas may be tried with this much work."""
        return replicas not in self.work or work <= QUIET * self.work[replicas]


def wanted(
    observed: Observed, targets: Targets, outgrown: Outgrown, least: int = 1
) -> WantedReplicas:
    """How many replicas hold all targets: the target that asks for most of them decides.

    There are never fewer than `least`; zero replicas are wanted only where nothing is asked.
    """
    more = max(_per_target(observed, targets), key=lambda one: (one.by_load, one.replicas))
    if more.by_load:
        return more if more.replicas >= least else at_least(least)
    fewest = _fewest(observed, targets, outgrown)
    if fewest < least:
        return at_least(least) if least > 1 else WantedReplicas(least, _enough(observed))
    return WantedReplicas(fewest, _enough(observed))


def at_least(replicas: int) -> WantedReplicas:
    """So many replicas, whatever the load."""
    return WantedReplicas(replicas, f"at least {replicas} are to stand at this time")


def _per_target(observed: Observed, targets: Targets) -> list[WantedReplicas]:
    """What each target asks for; as many as there are where it is held."""
    now = max(1, observed.replicas)
    busy, wait, ongoing = _ratios(observed, targets)
    demands = (
        (now * busy, busy, f"busy {observed.busy:.2f} (target {targets.busy:g})"),
        (
            now * min(wait, MOST_STEPS_OF_WAITING),
            wait,
            f"wait {observed.wait_ms:.0f} ms (target {targets.wait_ms:g} ms)",
        ),
        (
            now * ongoing,
            ongoing,
            f"{observed.ongoing_requests:.1f} ongoing (target {targets.ongoing_requests:g} each)",
        ),
    )
    return [
        WantedReplicas(math.ceil(replicas - 1e-9), why, by_load=True)
        if ratio > TOLERANCE
        else WantedReplicas(now, why)
        for replicas, ratio, why in demands
    ]


def _ratios(observed: Observed, targets: Targets) -> tuple[float, float, float]:
    """How far each target is exceeded at each replica: busy, wait, ongoing; 1 is just held."""
    patience_ms = max(targets.wait_ms, CALLS_OF_WAITING * observed.call_ms)
    return (
        observed.busy / targets.busy,
        observed.wait_ms / patience_ms,
        observed.ongoing_requests / targets.ongoing_requests / max(1, observed.replicas),
    )


def _fewest(observed: Observed, targets: Targets, outgrown: Outgrown) -> int:
    if observed.idle:
        return 0
    fewest = observed.replicas
    busy, wait, ongoing = _ratios(observed, targets)
    worst = max(busy, wait, ongoing)
    while fewest > 1:
        fewer = fewest - 1
        crowded = worst * observed.replicas / fewer
        if crowded > COMFORT or not outgrown.allows(fewer, observed.work):
            break
        fewest = fewer
    return fewest


def _enough(observed: Observed) -> str:
    if observed.idle:
        return "nothing is asked"
    return (
        f"busy {observed.busy:.2f}, wait {observed.wait_ms:.0f} ms, "
        f"{observed.ongoing_requests:.1f} ongoing requests"
    )
