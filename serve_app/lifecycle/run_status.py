"""How runs of training stand, as JSON values, for whoever shows them; nothing is trained here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from serve_app.lifecycle import lock
from serve_app.lifecycle.cancelling import cancelled
from serve_app.lifecycle.ledger import Ledger, Run, RunFilter, Step
from serve_app.lifecycle.trial import Trial

_INPUTS = "search_inputs"
"""What the ledger keeps as a step, and is none for people."""


class TrainingRuns:
    """The runs of a folder, of which the ledger is one file; calls block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ledger = Ledger(folder)

    def count(self, fitting: RunFilter) -> int:
        """How many runs there are that fit; 0 where there is no ledger."""
        return self._ledger.count(fitting)

    def page(self, first: int, count: int, fitting: RunFilter) -> list[dict[str, Any]]:
        """So many runs from a place on, where 0 is the newest that fits, as they are now."""
        return [
            {**run_json(run), "state": state_of(run, self.folder)}
            for run in self._ledger.page(first, count, fitting)
        ]

    def show(self, name: str) -> dict[str, Any]:
        """A run with its steps and trials.

        Raises:
            NotFound: there is none of this name.
        """
        run = self._ledger.run(name)
        steps = steps_of(self._ledger.steps(name))
        return {
            **run_json(run),
            "state": state_of(run, self.folder),
            "steps": [step_json(step) for step in steps],
            "trials": [trial_json(trial) for trial in self._ledger.trials(name)],
        }

    def cancel(self, name: str, now_s: float) -> str:
        """Stop a run, at `now_s` seconds since 1970; gives its state then.

        Raises:
            NotFound: there is none of this name.
            Conflict: it is over already.
        """
        return cancelled(self._ledger, self.folder, self._ledger.run(name), now_s).state


def run_json(run: Run) -> dict[str, Any]:
    """A run as it is printed for programs."""
    return {
        "run": run.id,
        "pipeline": run.pipeline,
        "model": run.model,
        "state": run.state,
        "created_at": run.created_at,
        "ended_at": run.ended_at,
        "attempts": run.attempts,
        "error": run.error,
        "result": run.result,
    }


def state_of(run: Run, folder: Path) -> str:
    """The state of a run; one on which nobody works though it is not over was interrupted."""
    if run.state == "RUNNING" and not lock.is_held(folder / run.id):
        return "INTERRUPTED"
    return run.state


def steps_of(steps: Mapping[str, Step]) -> list[Step]:
    """The steps that are done, without what the ledger keeps beside them."""
    return [step for name, step in steps.items() if name != _INPUTS]


def step_json(step: Step) -> dict[str, Any]:
    """A step as it is printed for programs; `seconds` is how long it took."""
    return {
        "name": step.name,
        "seconds": step.seconds,
        "output_digest": step.output_digest,
        "output": step.output,
    }


def trial_json(trial: Trial) -> dict[str, Any]:
    """A trial as it is printed for programs."""
    return {
        "number": trial.number,
        "generation": trial.generation,
        "candidate": trial.candidate,
        "parameters": dict(trial.parameters),
        "value": trial.value,
        "by_fold": list(trial.by_fold),
        "seconds": trial.seconds,
        "error": trial.error,
    }
