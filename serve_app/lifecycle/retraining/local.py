"""Challengers that are trained on this machine, by the pipeline's own run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.config.pipeline import PipelineSettings
from serve_app.config.retraining import RetrainSettings
from serve_app.errors import Conflict, ModelFailed, NotReady
from serve_app.lifecycle.cards import check_sections
from serve_app.lifecycle.dataset import read_source, usable_rows
from serve_app.lifecycle.evaluation import run_of_version
from serve_app.lifecycle.gates import Gate
from serve_app.lifecycle.ledger import TERMINAL
from serve_app.lifecycle.ledger import Run as TrainingRun
from serve_app.lifecycle.retraining.effects import Judged, Ticket
from serve_app.lifecycle.sequence import Until
from serve_app.lifecycle.spec import pipeline_of
from serve_app.lifecycle.training import Training
from serve_app.registry.aliases import CHAMPION

_MARK = "retraining"


@dataclass(frozen=True, slots=True)
class LocalTraining:
    """Trains by one run of the pipeline for each ticket; its steps are done once and kept."""

    training: Training

    def prepare(self, ticket: Ticket) -> Mapping[str, Any]:
        """Read the rows, keep them and split them.

        Raises:
            InvalidInput: the card of no version could ever have what it has to.
        """
        retrain = RetrainSettings.model_validate(ticket.body.get("retrain") or {})
        check_sections(_pipeline(ticket), retrain.version.card)
        run = self._advanced(ticket, "split")
        split = self.training.ledger.steps(run.id)["split"].output
        return {
            "training_run": run.id,
            "train_rows": split["train_rows"],
            "holdout_rows": split["holdout_rows"],
        }

    def search(self, ticket: Ticket) -> Mapping[str, Any]:
        """Try candidates; trials that were judged before are not computed again."""
        run = self._advanced(ticket, "search")
        search = self.training.ledger.steps(run.id)["search"].output
        return {"trials": search["trials"], "failed_trials": search["failed"]}

    def judge(self, ticket: Ticket) -> Judged:
        """The gates of the best on the hold-out.

        Raises:
            Conflict: the champion moved between the judgement and now.
        """
        run = self._advanced(ticket, "evaluate")
        output = self.training.ledger.steps(run.id)["evaluate"].output
        champion = output["champion"]
        gates = tuple(Gate(**one) for one in output["gates"])
        return Judged(gates, None if champion is None else int(champion["version"]))

    def register(self, ticket: Ticket) -> int:
        """The version of the best trial.

        Raises:
            ModelFailed: the run of training ended without one.
        """
        run = self._advanced(ticket, None)
        versions = (run.result or {}).get("versions", [])
        if not versions:
            msg = f"training run {run.id} is {run.state}, and registered nothing"
            raise ModelFailed(msg)
        return int(versions[0])

    def _advanced(self, ticket: Ticket, until: Until | None) -> TrainingRun:
        run = self._run(ticket)
        if run.state == "SUCCEEDED":
            return run
        if run.state in TERMINAL:
            why = f": {run.error}" if run.error else ""
            raise ModelFailed(f"training run {run.id} ended as {run.state}{why}")
        if self.training.is_worked_on(run):
            raise NotReady(f"another process still works on training run {run.id}")
        try:
            return self.training.work_on(run, until)
        except Conflict as error:
            raise NotReady(error.message) from error

    def _run(self, ticket: Ticket) -> TrainingRun:
        """The run of training that belongs to a ticket, which is made the first time."""
        for run in self.training.ledger.runs():
            if (run.options or {}).get(_MARK) == ticket.key:
                return run
        options = {_MARK: ticket.key, "trigger": f"{ticket.model} trigger {ticket.trigger}"}
        return self.training.create(_pipeline(ticket), options=options)


def _pipeline(ticket: Ticket) -> PipelineSettings:
    return pipeline_of({name: one for name, one in ticket.body.items() if name != "retrain"})


def count_new_rows(training: Training, model: str, body: Mapping[str, Any]) -> int | None:
    """How many rows with known labels there are that the champion's run did not read.

    Where rows have a time, those after its newest; else by how many there are more. None where
    there is no champion, or this ledger does not know its run.

    Raises:
        InvalidInput: the data cannot be read.
    """
    aliases = training.means.registry
    version = aliases.aliases(model).get(CHAMPION) if model in aliases.models() else None
    run = None if version is None else run_of_version(training.ledger, model, version)
    if run is None:
        return None
    settings = pipeline_of({k: v for k, v in body.items() if k != "retrain"})
    frame, _ = usable_rows(read_source(settings.data).frame, settings.data)
    steps = training.ledger.steps(run.id)
    newest_ns = steps["split"].output.get("holdout_until")
    if settings.data.time is None or newest_ns is None:
        return max(0, len(frame) - int(steps["snapshot"].output["rows"]))
    from serve_app.lifecycle.dataset import dataset_of  # noqa: PLC0415 - reads times as runs do

    times_ns = dataset_of(frame, settings).facts.times_ns
    return 0 if times_ns is None else int((times_ns > newest_ns).sum())
