"""The steps of a run in order: each is done once for the same inputs, and skipped when resumed."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from serve_app.engine.registration.commit import source_code_of
from serve_app.errors import InvalidInput, ModelFailed
from serve_app.lifecycle.cards import sections, write_cards
from serve_app.lifecycle.digests import differences, digest_of, libraries
from serve_app.lifecycle.evaluation import evaluated, held_out, holdout_warning
from serve_app.lifecycle.executor import Executor
from serve_app.lifecycle.fold_data import FoldPlace
from serve_app.lifecycle.importance import column_losses
from serve_app.lifecycle.inputs import StepInputs, is_intact
from serve_app.lifecycle.ledger import Run, RunState, Step
from serve_app.lifecycle.lineage import Times, lineage_of
from serve_app.lifecycle.progress import Progress
from serve_app.lifecycle.registration import registered, summary
from serve_app.lifecycle.search import SearchResult
from serve_app.lifecycle.steps import (
    Refitted,
    Work,
    check_candidates,
    keep_holdout,
    profiled,
    refitted,
    searched_for,
    snapshot,
    splitted,
)
from serve_app.lifecycle.trial import Trial
from serve_app.registry.lineage import Lineage
from serve_app.registry.store import Registry

Compute = Callable[[], dict[str, Any]]
Executors = Callable[[FoldPlace], Executor]
Until = Literal["split", "search", "evaluate"]
"""Steps after which a run may stand still."""


class Stopped(Exception):
    """Somebody cancelled the run."""


@dataclass(frozen=True, slots=True)
class Means:
    """What steps are done with: registry, clock, and who computes `workers` trials at once.

    Without `registers` nothing is registered.
    """

    registry: Registry
    executors: Executors
    clock: Callable[[], float]
    workers: int = 1
    registers: bool = True


class Sequence:
    """The steps of one run, in order."""

    def __init__(self, means: Means, run: Run, work: Work) -> None:
        """Take a run, and what of it is done already."""
        self._means = means
        self._run = run
        self._settings = work.settings
        self._work = work
        self._done = work.ledger.steps(run.id)
        self._libraries = libraries()
        self._inputs = StepInputs(run.body, work.settings, self._libraries)
        self._models: list[Refitted] | None = None

    def all_of_them(self, until: Until | None = None) -> tuple[RunState, dict[str, Any]] | None:
        """Do what is not done, and give how the run ended with its result.

        With `until` nothing after that step is done, and the run has not ended.
        """
        began = time.monotonic()
        work, given = self._work, self._inputs
        # What cannot be put on a card, or be built, is said before anything is computed.
        sections(work.settings)
        check_candidates(work.settings)
        data = self._step("snapshot", given.snapshot(), lambda: snapshot(work))
        self._step("profile", given.profile(data), lambda: profiled(work))
        fingerprint = str(data["fingerprint"])
        parts = self._step("split", given.split(data), lambda: splitted(work, fingerprint))
        if until == "split":
            return None
        check_candidates(work.settings, work.dataset())
        search = self._search(parts)
        if until == "search":
            return None
        best = self._best(search)
        evaluation = self._evaluate(search, best)
        warning = holdout_warning(work)
        if warning is not None:
            work.report(Progress("evaluate", "warning", warning))
        importance = self._importance(evaluation, best)
        if until == "evaluate":
            return None
        versions: list[int] = []
        if evaluation["passed"] and self._means.registers:
            versions = self._register(evaluation, best)
        result = {
            **evaluation,
            "challengers": summary(versions, evaluation),
            "versions": versions,
            "importance": importance["trials"].get(str(best[0].number)),
            "data": data,
            "split": parts,
            "search": {name: search[name] for name in ("trials", "failed", "ended")},
            "environment": _environment(self._libraries),
            "seconds": time.monotonic() - began,
        }
        return ("SUCCEEDED" if evaluation["passed"] else "REJECTED"), result

    def _step(self, name: str, inputs: Mapping[str, Any], compute: Compute) -> dict[str, Any]:
        """The output of a step: that of an earlier attempt where everything was the same."""
        if self._work.should_stop():
            raise Stopped
        known = self._done.get(name)
        if known is not None and known.inputs == inputs and is_intact(self._work.folder, known):
            self._work.report(Progress(name, "reused", "as it was"))
            return dict(known.output)
        if known is not None:
            changed = differences(dict(known.inputs), dict(inputs))
            why = "; ".join(changed[:3]) or "its files changed"
            self._work.report(Progress(name, "again", why))
        self._work.report(Progress(name, "started"))
        began = time.monotonic()
        output = compute()
        seconds = time.monotonic() - began
        step = Step(name, dict(inputs), output, digest_of(output), seconds)
        self._work.ledger.keep_step(self._run.id, step)
        self._done[name] = step
        self._work.report(Progress(name, "done", f"{seconds:.1f} s"))
        return output

    def _search(self, parts: Mapping[str, Any]) -> dict[str, Any]:
        inputs = self._inputs.search(parts)
        begun = self._done.get("search_inputs")
        if begun is None or begun.inputs != inputs:
            # Trials of other inputs say nothing of these.
            self._work.ledger.forget_trials(self._run.id)
            mark = Step("search_inputs", inputs, {}, digest_of({}), 0.0)
            self._work.ledger.keep_step(self._run.id, mark)
        return self._step("search", inputs, self._searched)

    def _searched(self) -> dict[str, Any]:
        place = FoldPlace(str(self._work.folder), dict(self._run.body))
        executor = self._means.executors(place)
        try:
            result = searched_for(self._work, executor, self._means.workers)
        finally:
            executor.close()
        if result.ended == "stopped":
            raise Stopped
        return {
            "trials": len(result.trials),
            "failed": sum(trial.value is None for trial in result.trials),
            "ended": result.ended,
            "values": [trial.value for trial in result.trials],
        }

    def _best(self, search: Mapping[str, Any]) -> tuple[Trial, ...]:
        trials = tuple(self._work.ledger.trials(self._run.id)[: search["trials"]])
        greater = self._work.fold_data().metric.greater
        count = self._settings.register_.best
        best = SearchResult(trials, "trials").best(count, greater=greater)
        if not best:
            raise ModelFailed("no trial of the search has a value; see: serve-app train status")
        return best

    def _evaluate(self, search: Mapping[str, Any], best: tuple[Trial, ...]) -> dict[str, Any]:
        inputs = self._inputs.evaluate(search, [trial.number for trial in best])
        return self._step("evaluate", inputs, lambda: self._evaluated(best))

    def _evaluated(self, best: tuple[Trial, ...]) -> dict[str, Any]:
        models = self._refitted(best)
        challengers = tuple(model.predicted for model in models)
        seen = held_out(self._work, challengers, self._means.registry)
        digest = keep_holdout(self._work.folder, seen.rows, seen.truth, models)
        return {**evaluated(self._work, seen, best), "predictions": digest}

    def _refitted(self, best: tuple[Trial, ...]) -> list[Refitted]:
        if self._models is None:
            self._work.report(Progress("refit", "started"))
            self._models = refitted(self._work, best)
        return self._models

    def _importance(self, evaluation: Mapping[str, Any], best: tuple[Trial, ...]) -> dict[str, Any]:
        """What each of the best models loses without each column."""
        work, inputs = self._work, self._inputs.importance(evaluation)
        return self._step("importance", inputs, lambda: column_losses(work, self._refitted(best)))

    def _register(self, evaluation: Mapping[str, Any], best: tuple[Trial, ...]) -> list[int]:
        inputs = self._inputs.register(evaluation)
        output = self._step("register", inputs, lambda: self._registered(evaluation, best))
        versions = list(output["versions"])
        work, registry = self._work, self._means.registry
        inputs = self._inputs.card(versions, sections(work.settings))
        self._step("card", inputs, lambda: {"files": write_cards(work, registry, versions)})
        return versions

    def _registered(self, evaluation: Mapping[str, Any], best: tuple[Trial, ...]) -> dict[str, Any]:
        models = self._refitted(best)
        challengers = tuple(model.predicted for model in models)
        seen = held_out(self._work, challengers, None)
        digest = keep_holdout(self._work.folder, seen.rows, seen.truth, models)
        if digest != evaluation["predictions"]:
            msg = (
                f"the models of run {self._run.id} do not answer the hold-out as they did when "
                "they were judged, fitted again from the same data: nothing is registered. Is "
                "every estimator seeded (random_state)?"
            )
            raise InvalidInput(msg)
        champion = (evaluation["champion"] or {}).get("version")

        def made_of(trial: int, metrics: Mapping[str, float]) -> Lineage:
            times = Times(self._run.created_at, self._means.clock())
            return lineage_of(self._work, trial, metrics, champion=champion, at=times)

        return {"versions": registered(self._work, self._means.registry, models, seen, made_of)}


def _environment(versions: Mapping[str, str]) -> dict[str, Any]:
    code = source_code_of([Path.cwd()])
    return {
        "libraries": dict(versions),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "system": platform.system(),
        "cpus": os.cpu_count(),
        "threads": 1,
        "git_commit": None if code is None else code.commit,
        "git_difference": None if code is None else code.diff_sha256,
    }
