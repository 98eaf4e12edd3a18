"""The states of a run, and which follows which."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from serve_app.errors import Conflict

State = Literal[
    "QUEUED", "SNAPSHOT", "TRAINING", "EVALUATING", "REGISTERING", "APPROVAL", "DEPLOYING",
    "SHADOW", "CANARY", "PROMOTING", "ROLLING_BACK", "PROMOTED", "REJECTED", "FAILED", "CANCELLED",
    "EXPIRED", "ROLLED_BACK", "SUPERSEDED",
]  # fmt: skip
TERMINAL: frozenset[State] = frozenset(
    {"PROMOTED", "REJECTED", "FAILED", "CANCELLED", "EXPIRED", "ROLLED_BACK", "SUPERSEDED"}
)
FREEZABLE: frozenset[State] = frozenset({"APPROVAL", "DEPLOYING", "SHADOW", "CANARY", "PROMOTING"})
"""What stands still while the model is frozen. Training goes on: it changes nothing live."""
FOLLOWING: Mapping[State, frozenset[State]] = {
    "QUEUED": frozenset({"SNAPSHOT", "CANCELLED", "FAILED"}),
    "SNAPSHOT": frozenset({"TRAINING", "CANCELLED", "FAILED"}),
    "TRAINING": frozenset({"EVALUATING", "CANCELLED", "FAILED"}),
    "EVALUATING": frozenset({"REGISTERING", "REJECTED", "CANCELLED", "FAILED"}),
    "REGISTERING": frozenset(
        {"APPROVAL", "DEPLOYING", "PROMOTING", "REJECTED", "CANCELLED", "FAILED"}
    ),
    "APPROVAL": frozenset(
        {"DEPLOYING", "PROMOTING", "REJECTED", "EXPIRED", "CANCELLED", "FAILED", "SUPERSEDED"}
    ),
    "DEPLOYING": frozenset({"SHADOW", "CANARY", "ROLLING_BACK", "SUPERSEDED"}),
    "SHADOW": frozenset({"CANARY", "ROLLING_BACK", "SUPERSEDED"}),
    "CANARY": frozenset({"PROMOTING", "ROLLING_BACK", "SUPERSEDED"}),
    "PROMOTING": frozenset({"PROMOTED", "ROLLING_BACK", "SUPERSEDED", "FAILED"}),
    "ROLLING_BACK": frozenset({"ROLLED_BACK", "FAILED"}),
}
"""What may follow each state that is no end."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of retraining as the ledger has it. Times are seconds since 1970.

    `version` counts its changes: whoever changes it says which one it saw. `champion` and
    `challenger` are numbers of versions of the model; the first is what the challenger was held
    against. `facts` are what states left: gates, digests, the run of training.
    """

    id: str
    model: str
    pipeline: str
    body: Mapping[str, Any]
    trigger: int
    state: State
    version: int
    created_s: float
    entered_s: float
    champion: int | None = None
    challenger: int | None = None
    cancel: str | None = None
    error: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether nothing more becomes of it."""
        return self.state in TERMINAL

    @property
    def key(self) -> str:
        """What no run of any other ledger has: its name and when it was created."""
        return f"{self.id} of {moment(self.created_s)}"

    def to_json(self) -> dict[str, Any]:
        """As it is printed for programs."""
        return {
            "run": self.id,
            "model": self.model,
            "pipeline": self.pipeline,
            "trigger": self.trigger,
            "state": self.state,
            "created_s": self.created_s,
            "entered_s": self.entered_s,
            "champion": self.champion,
            "challenger": self.challenger,
            "error": self.error,
            "facts": dict(self.facts),
        }


def moment(at_s: float) -> str:
    """Seconds since 1970 as people read them, so exactly that no two are the same."""
    return f"{dt.datetime.fromtimestamp(at_s, dt.UTC):%Y-%m-%d %H:%M:%S.%f} UTC"


def challenger_of(run: Run) -> int:
    """The version that a run has made.

    Raises:
        Conflict: it has made none yet.
    """
    if run.challenger is None:
        raise Conflict(f"run {run.id} is {run.state} and has no version")
    return run.challenger
