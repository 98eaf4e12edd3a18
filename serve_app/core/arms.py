"""What became of the requests of each version that a rollout compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ArmCounts:
    """What became of the requests of one version: how many failed, and how many were slow."""

    requests: int = 0
    errors: int = 0
    slow: int = 0

    def __add__(self, other: ArmCounts) -> ArmCounts:
        return ArmCounts(
            self.requests + other.requests, self.errors + other.errors, self.slow + other.slow
        )


@dataclass(frozen=True, slots=True)
class Arms:
    """The counts of an endpoint's versions since their weights changed last, in `epoch`."""

    epoch: int
    counts: Mapping[str, ArmCounts] = field(default_factory=dict)
