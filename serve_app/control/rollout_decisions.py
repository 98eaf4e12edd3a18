"""Whether a rollout goes on, ends or is taken back, by what its gates say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from serve_app.control.gates import Evidence, GateResult, judged
from serve_app.core.rollout import Rollout

Outcome = Literal["wait", "advance", "promote", "roll back", "hold"]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to become of a rollout now, why, and what each gate says."""

    outcome: Outcome
    why: str
    gates: tuple[GateResult, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Its fields as JSON."""
        return {
            "decision": self.outcome,
            "why": self.why,
            "gates": [gate.to_json() for gate in self.gates],
        }


def decided(
    rollout: Rollout, settings: Mapping[str, Any], evidence: Evidence, now_s: float
) -> Decision:
    """What is to become of a rollout that runs, by the settings of its route.

    A gate that is lost decides at once; a step that has lasted long enough and seen enough
    without that is followed by the next.

    Raises:
        InvalidInput: what was counted does not fit together.
    """
    if rollout.phase != "running":
        return Decision("wait", f"it is {rollout.phase}")
    if rollout.since_s is None:
        return Decision("wait", f"{rollout.candidate} does not answer yet")
    gates = judged(settings, len(rollout.shares), evidence)
    lost = [gate for gate in gates if gate.verdict == "lost"]
    if lost:
        outcome: Outcome = "roll back" if settings["on_loss"] == "roll back" else "hold"
        return Decision(outcome, "; ".join(gate.words() for gate in lost), gates)
    missing = [*_missing(rollout, settings, evidence, now_s)]
    if missing:
        return Decision("wait", f"step {_place(rollout)} needs {' and '.join(missing)}", gates)
    if rollout.step + 1 < len(rollout.shares):
        share = rollout.shares[rollout.step + 1]
        return Decision("advance", f"no gate is lost: {share:.4g} of the requests", gates)
    return Decision("promote", "no gate was lost in any step", gates)


def _missing(
    rollout: Rollout, settings: Mapping[str, Any], evidence: Evidence, now_s: float
) -> list[str]:
    """What a step still waits for, in words."""
    step = settings["steps"][rollout.step]
    assert rollout.since_s is not None  # noqa: S101 - decided before
    missing: list[str] = []
    left_s = step["for_s"] - (now_s - rollout.since_s)
    if left_s > 0:
        missing.append(f"{left_s:.0f} s more")
    lacking = step["requests"] - evidence.candidate.requests
    if lacking > 0:
        missing.append(f"{lacking} more requests of {rollout.candidate}")
    for gate in settings["gates"].get("quality") or ():
        candidate = evidence.quality.get(gate["metric"], (None, None))[1]
        labels = gate["labels"] - (candidate.rows if candidate is not None else 0)
        if labels > 0:
            missing.append(f"{labels} more labels for {gate['metric']}")
    return missing


def moved(rollout: Rollout, decision: Decision) -> Rollout:
    """After a decision."""
    match decision.outcome:
        case "wait":
            return rollout
        case "advance":
            return replace(rollout, step=rollout.step + 1, since_s=None, why=decision.why)
        case "promote":
            return replace(rollout, phase="promoted", why=decision.why)
        case "roll back":
            return replace(rollout, phase="rolled back", why=decision.why)
        case "hold":
            return replace(rollout, phase="held", why=decision.why)


def _place(rollout: Rollout) -> str:
    return f"{rollout.step + 1} of {len(rollout.shares)}"
