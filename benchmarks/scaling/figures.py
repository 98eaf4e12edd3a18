"""What is read from the seconds of a scenario: when replicas were right, when answers quick."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.scaling.timeline import Second


@dataclass(frozen=True, slots=True)
class Count:
    """Replicas of a deployment: those that run, and those that Serve wants."""

    running: int
    target: int


@dataclass(frozen=True, slots=True)
class Sample:
    """What the cluster was at a time, in seconds since the load's start.

    `busy` is the share of the machine's processors that was at work since the sample before.
    """

    at_s: float
    replicas: dict[str, Count]
    busy: float


def right_from(
    samples: Sequence[Sample], name: str, wanted: range, from_s: float, until_s: float
) -> float | None:
    """When a deployment had the replicas that were wanted, never to lose them until the end.

    Gives the time of that sample, between `from_s` and `until_s`; none when the last one in
    between has other replicas.
    """
    found: float | None = None
    for sample in samples:
        if not from_s <= sample.at_s < until_s:
            continue
        running = sample.replicas.get(name, Count(0, 0)).running
        if running not in wanted:
            found = None
        elif found is None:
            found = sample.at_s
    return found


def first_with(samples: Iterable[Sample], name: str, replicas: int) -> float | None:
    """When a deployment first had so many running replicas, or more."""
    for sample in samples:
        if sample.replicas.get(name, Count(0, 0)).running >= replicas:
            return sample.at_s
    return None


def quick_from(
    seconds: Sequence[Second], limit_ms: float, hold_s: int, from_s: float, until_s: float
) -> float | None:
    """When the 99th percentile came below a limit for so many seconds in a row.

    Gives the start of the first of them. A second without answers is neither quick nor slow.
    """
    began_s: float | None = None
    held = 0
    for second in seconds:
        if not from_s <= second.at_s < until_s or second.p99_ms is None:
            continue
        if second.p99_ms >= limit_ms:
            began_s, held = None, 0
            continue
        if began_s is None:
            began_s = float(second.at_s)
        held += 1
        if held == hold_s:
            return began_s
    return None


def changes(samples: Sequence[Sample]) -> dict[str, int]:
    """How often each deployment's wanted number of replicas became another."""
    found: dict[str, int] = {}
    for before, after in itertools.pairwise(samples):
        for name, count in after.replicas.items():
            former = before.replicas.get(name)
            changed = former is not None and former.target != count.target
            found[name] = found.get(name, 0) + changed
    return found


def since(time_s: float | None, start_s: float) -> float | None:
    """Seconds from a start to a time, if that came."""
    return None if time_s is None else round(time_s - start_s, 1)
