"""How far a candidate has come that takes over from a stable version, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Phase = Literal["ready", "running", "paused", "held", "promoted", "rolled back"]
"""`ready` has not begun, `held` has lost a gate and waits for a person."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """The rollout of one endpoint: whose, by which shares of requests, and how far it is.

    `shares` are the candidate's shares of requests by step, each above 0 and at most 1. `since_s`
    is when the share of this step came into effect (seconds since 1970), None until then;
    `began_s` is when the first one did. `why` says what led to its phase.
    """

    stable: str
    candidate: str
    shares: tuple[float, ...]
    phase: Phase = "ready"
    step: int = 0
    began_s: float | None = None
    since_s: float | None = None
    why: str = ""

    @property
    def rests(self) -> bool:
        """Whether there is nothing to roll out: both names have come to mean one version."""
        return self.stable == self.candidate

    @property
    def share(self) -> float:
        """The candidate's share of requests now."""
        if self.phase == "promoted":
            return 1.0
        return 0.0 if self.phase in {"ready", "rolled back"} else self.shares[self.step]

    @property
    def weights(self) -> dict[str, float]:
        """The weights of both versions."""
        return {self.stable: 1.0 - self.share, self.candidate: self.share}

    def same_plan(self, other: Rollout) -> bool:
        """Whether the other is of the same versions by the same steps."""
        mine, theirs = (self.stable, self.candidate), (other.stable, other.candidate)
        return mine == theirs and self.shares == other.shares

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {**asdict(self), "shares": list(self.shares)}

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Rollout:
        """Read what `to_json` wrote."""
        return cls(**{**body, "shares": tuple(body["shares"])})
