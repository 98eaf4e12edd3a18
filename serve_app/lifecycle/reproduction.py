"""Whether a run that was repeated came out as it did before, and what differs where not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serve_app.lifecycle.digests import differences
from serve_app.lifecycle.ledger import Ledger, Run
from serve_app.lifecycle.steps import read_holdout
from serve_app.lifecycle.trial import Trial

TOLERANCE = 1e-12
"""Predictions that differ by no more than this are equal."""


@dataclass(frozen=True, slots=True)
class Reproduction:
    """What a repeated run gave: `largest_difference` is that of a prediction on the hold-out.

    `results` are what came out otherwise, `surroundings` what was otherwise and may be why.
    """

    old: str
    new: str
    largest_difference: float
    results: tuple[str, ...]
    surroundings: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether parameters and predictions are the same."""
        return not self.results

    def to_json(self) -> dict[str, Any]:
        """As it is printed."""
        return {
            "run": self.old,
            "rerun": self.new,
            "equal": self.is_equal,
            "largest_difference": self.largest_difference,
            "results": list(self.results),
            "surroundings": list(self.surroundings),
        }


def compared(ledger: Ledger, folder: Path, old: Run, new: Run) -> Reproduction:
    """Hold a repeated run against the one that it repeats."""
    before, after = ledger.steps(old.id), ledger.steps(new.id)
    results: list[str] = []
    parts = (before["split"].output, after["split"].output)
    if any(parts[0][name] != parts[1][name] for name in ("fingerprint", "digest")):
        results.append("the rows of training and of the hold-out are not the same")
    count = int(before["search"].output["trials"])
    results += _of_trials(ledger.trials(old.id)[:count], ledger.trials(new.id))
    largest, lines = _of_predictions(folder / old.id, folder / new.id)
    surroundings = differences(_environment(old), _environment(new))
    surroundings += differences(_code(before), _code(after), "code")
    return Reproduction(old.id, new.id, largest, (*results, *lines), tuple(surroundings))


def _of_trials(before: Sequence[Trial], after: Sequence[Trial]) -> list[str]:
    if len(before) != len(after):
        return [f"{len(before)} trials were judged, now {len(after)}"]
    lines: list[str] = []
    for one, other in zip(before, after, strict=True):
        parts = differences(
            {"candidate": one.candidate, **one.parameters},
            {"candidate": other.candidate, **other.parameters},
        )
        if parts:
            return [*lines, f"trial {one.number} tries something else: {'; '.join(parts)}"]
        if (one.value is None) != (other.value is None):
            lines.append(f"trial {one.number} failed in one of the runs alone")
        elif one.value is not None and not np.allclose(one.by_fold, other.by_fold, 0, TOLERANCE):
            lines.append(f"trial {one.number}: {one.value}, now {other.value}")
    return lines


def _of_predictions(before: Path, after: Path) -> tuple[float, list[str]]:
    one, other = read_holdout(before), read_holdout(after)
    if one.keys() != other.keys() or any(one[name].shape != other[name].shape for name in one):
        return float("inf"), ["the hold-out has other rows or models"]
    largest = max(float(np.max(np.abs(one[n] - other[n]), initial=0.0)) for n in one)
    if largest <= TOLERANCE:
        return largest, []
    return largest, [f"predictions on the hold-out differ by up to {largest:.3g}"]


def _environment(run: Run) -> dict[str, Any]:
    return dict((run.result or {}).get("environment", {}))


def _code(steps: Mapping[str, Any]) -> dict[str, Any]:
    return dict(steps["search"].inputs.get("code", {}))
