"""A training run from its pipeline to registered versions, which can be killed and resumed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from serve_app.config.pipeline import PipelineSettings
from serve_app.errors import Conflict, InvalidInput, ServeError
from serve_app.lifecycle import lock
from serve_app.lifecycle.dataset import FILE as DATA_FILE
from serve_app.lifecycle.dataset import snapshot_digest
from serve_app.lifecycle.ledger import TERMINAL, Ledger, Run
from serve_app.lifecycle.progress import Report, silent
from serve_app.lifecycle.sequence import Means, Sequence, Stopped, Until
from serve_app.lifecycle.spec import body_of, pipeline_of
from serve_app.lifecycle.steps import Work


@dataclass(frozen=True, slots=True)
class Training:
    """What runs are made with: where they lie, what steps need, and who watches."""

    folder: Path
    means: Means
    report: Report

    @property
    def ledger(self) -> Ledger:
        """The ledger of all runs of the folder."""
        return Ledger(self.folder)

    def create(
        self,
        settings: PipelineSettings,
        *,
        of: Run | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Run:
        """A run that has not begun, with the next number of its pipeline.

        `of` is the run that it repeats; `options` are kept with it.

        Raises:
            Conflict: others make runs of the same pipeline all the time.
        """
        body = body_of(settings)
        options = {**(options or {}), **({} if of is None else {"repeats": of.id})}
        taken = {run.id for run in self.ledger.runs()}
        for number in range(1, len(taken) + 100):
            name = f"{settings.pipeline}-{number}"
            if name in taken:
                continue
            run = Run(
                name, settings.pipeline, settings.model, body, "RUNNING", self.means.clock(),
                options=options,
            )  # fmt: skip
            try:
                self.ledger.create(run)
            except Conflict:
                continue
            (self.folder / name).mkdir(parents=True, exist_ok=True)
            return run
        raise Conflict(f"no number is free for a run of {settings.pipeline}; try again")

    def unfinished(self, settings: PipelineSettings) -> Run | None:
        """The newest run of this very pipeline that was interrupted, if there is one."""
        body = body_of(settings)
        for run in self.ledger.runs():
            same = run.pipeline == settings.pipeline and run.body == body
            # Others go on with those: reruns, and the runs of retraining.
            others = bool(run.options)
            if same and not others and run.state == "RUNNING" and not self.is_worked_on(run):
                return run
        return None

    def is_worked_on(self, run: Run) -> bool:
        """Whether a process works on a run now."""
        return lock.is_held(self.folder / run.id)

    def work_on(self, run: Run, until: Until | None = None) -> Run:
        """Do the steps of a run that are not done yet, and give it as it ended.

        With `until` only those up to that one: the run is not over then.

        Raises:
            Conflict: another process works on it, or it is over.
            ServeError: a step failed; says why. The ledger knows it too.
        """
        folder = self.folder / run.id
        folder.mkdir(parents=True, exist_ok=True)
        with lock.held(folder):
            run = self.ledger.run(run.id)
            if run.state in TERMINAL:
                raise Conflict(f"run {run.id} is over: {run.state}; begin another one")
            self.ledger.begin(run.id)
            try:
                outcome = Sequence(
                    self.means, run, work_of(run, self.folder, self.report)
                ).all_of_them(until)
            except Stopped:
                self.ledger.end(run.id, "CANCELLED", self.means.clock())
            except Exception as error:
                self.ledger.end(run.id, "FAILED", self.means.clock(), error=_reason(error))
                raise
            else:
                if outcome is not None:
                    state, result = outcome
                    self.ledger.end(run.id, state, self.means.clock(), result=result)
        return self.ledger.run(run.id)


def work_of(run: Run, folder: Path, report: Report = silent) -> Work:
    """What the steps of a run of a folder work with."""
    ledger = Ledger(folder)
    return Work(
        run.id,
        run.created_at,
        pipeline_of(dict(run.body)),
        folder / run.id,
        ledger,
        report,
        lambda: ledger.is_cancelled(run.id),
    )


def repeat(training: Training, old: Run) -> Run:
    """A run like an old one, on its very rows, which registers nothing.

    Raises:
        InvalidInput: the rows of the old run are not what they were.
        Conflict: the old run has not come to a result.
    """
    steps = training.ledger.steps(old.id)
    if "search" not in steps or old.result is None:
        raise Conflict(f"run {old.id} has no result to compare with: it is {old.state}")
    fingerprint = snapshot_digest(training.folder / old.id)
    if fingerprint != steps["snapshot"].output["fingerprint"]:
        raise InvalidInput(f"{training.folder / old.id / DATA_FILE} is not what run {old.id} read")
    settings = pipeline_of(dict(old.body))
    # As many trials as there were, however long they take here.
    trials = int(steps["search"].output["trials"])
    bounds = settings.search.model_copy(update={"trials": trials, "timeout_s": 1e9})
    settings = settings.model_copy(update={"search": bounds})
    run = training.create(settings, of=old)
    os.link(training.folder / old.id / DATA_FILE, training.folder / run.id / DATA_FILE)
    training.ledger.keep_step(
        run.id, replace(steps["snapshot"], inputs={"data": dict(run.body)["data"]})
    )
    return replace(training, means=replace(training.means, registers=False)).work_on(run)


def _reason(error: Exception) -> str:
    if isinstance(error, ServeError):
        return error.message
    return f"{type(error).__name__}: {error}"
