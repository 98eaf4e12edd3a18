"""What begins a run: each reason once, whether anything came of it or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["schedule", "quality", "estimate", "drift", "labels", "manual", "webhook"]
Outcome = Literal["started", "dropped", "recorded"]
"""`recorded` is what is only written down: a diagnosis for people, which trains nothing."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A reason to train again, with its evidence.

    Two with the same `dedupe_key` of a model are one. `trains` says whether it wants a run, or
    only to be written down. `forced` passes the guards that a person may overrule. `at_s` is in
    seconds since 1970.
    """

    model: str
    kind: Kind
    reason: str
    dedupe_key: str
    at_s: float
    who: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    trains: bool = True
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Recorded:
    """A trigger as the ledger keeps it: what came of it, and which guard kept a run away.

    `is_new` is false where the same reason was there before.
    """

    id: int
    trigger: Trigger
    outcome: Outcome
    guard: str | None = None
    words: str = ""
    run: str | None = None
    is_new: bool = True

    def to_json(self) -> dict[str, Any]:
        """As it is printed for programs."""
        one = self.trigger
        return {
            "id": self.id,
            "model": one.model,
            "kind": one.kind,
            "reason": one.reason,
            "dedupe_key": one.dedupe_key,
            "at_s": one.at_s,
            "who": one.who,
            "evidence": dict(one.evidence),
            "outcome": self.outcome,
            "guard": self.guard,
            "words": self.words,
            "run": self.run,
        }
