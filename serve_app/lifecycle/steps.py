"""The steps of a run that need no registry: data, profile, split, search, and the models refitted.

Each gives what the ledger keeps of it; what is large lies in the run's folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serve_app.config.lengths import length_s
from serve_app.config.pipeline import PipelineSettings
from serve_app.core.columns import Array
from serve_app.lifecycle.dataset import (
    Dataset,
    dataset_of,
    read_snapshot,
    read_source,
    usable_rows,
    write_snapshot,
)
from serve_app.lifecycle.digests import digest_of_arrays
from serve_app.lifecycle.executor import Executor
from serve_app.lifecycle.fold_data import SPLIT_FILE, fold_data
from serve_app.lifecycle.ledger import Ledger
from serve_app.lifecycle.profile import profile, shared_ids
from serve_app.lifecycle.progress import Progress, Report
from serve_app.lifecycle.search import SearchResult, SearchRule, Watch, search
from serve_app.lifecycle.space import lowest, searched
from serve_app.lifecycle.split import Split, SplitRule, split
from serve_app.lifecycle.trial import Trial
from serve_app.models.training.baselines import Known, prior, seasonal_naive_by_series
from serve_app.models.training.estimators import Recipe, built
from serve_app.models.training.metrics import Predicted, metric_for
from serve_app.models.training.trial import FoldData, fitted, predictions

HOLDOUT_FILE = "holdout.npz"


@dataclass(frozen=True, slots=True)
class Work:
    """What steps work with: the pipeline, the folder of the run, its ledger, and who watches.

    `created_at` is when the run was created, in seconds since 1970.
    """

    run: str
    created_at: float
    settings: PipelineSettings
    folder: Path
    ledger: Ledger
    report: Report
    should_stop: Callable[[], bool]

    def dataset(self) -> Dataset:
        """The rows of the run."""
        return dataset_of(read_snapshot(self.folder), self.settings)

    def split(self) -> Split:
        """The parts of its rows."""
        return Split.load(self.folder / SPLIT_FILE)

    def fold_data(self) -> FoldData:
        """What its trials share."""
        return fold_data(self.settings, self.folder)


@dataclass(frozen=True, slots=True, eq=False)
class Refitted:
    """One of the best trials, fitted on all rows of training, and what it says of the hold-out."""

    trial: Trial
    estimator: Any
    predicted: Predicted


def snapshot(work: Work) -> dict[str, Any]:
    """Read the data and keep the rows whose label is known."""
    source = read_source(work.settings.data)
    for notice in source.notices:
        work.report(Progress("snapshot", "warning", notice))
    frame, left_out = usable_rows(source.frame, work.settings.data)
    written = write_snapshot(frame, work.folder)
    return {**written, "files": dict(source.files), "left_out": left_out}


def profiled(work: Work) -> dict[str, Any]:
    """Look at every column."""
    seen = profile(work.dataset(), task_is_given=work.settings.task is not None)
    for warning in seen.warnings:
        work.report(Progress("profile", "warning", warning))
    return seen.to_json()


def split_rule(settings: PipelineSettings) -> SplitRule:
    """How a pipeline splits its rows."""
    window, validation = settings.window, settings.validation
    return SplitRule(
        validation.kind,
        validation.folds,
        settings.search.seed,
        window.holdout_s,
        window.holdout_share,
        window.train,
        settings.gap_s,
    )


def splitted(work: Work, fingerprint: str) -> dict[str, Any]:
    """Decide of each row whether it is trained on, held out, or in neither part."""
    dataset = work.dataset()
    parts = split(dataset.facts, split_rule(work.settings))
    partial = work.folder / f".{SPLIT_FILE}.part"
    parts.save(partial)
    partial.replace(work.folder / SPLIT_FILE)
    body: dict[str, Any] = {
        "fingerprint": fingerprint,
        "digest": parts.digest,
        "holdout_digest": digest_of_arrays([parts.holdout]),
        "train_rows": len(parts.train),
        "holdout_rows": len(parts.holdout),
        "shared_ids": 0,
    }
    times = dataset.facts.times_ns
    if times is not None:
        body["train_from"] = int(times[parts.train].min())
        body["train_until"] = int(times[parts.train].max())
        body["holdout_from"] = int(times[parts.holdout].min())
        body["holdout_until"] = int(times[parts.holdout].max())
    name = work.settings.data.id
    if name is not None:
        body["shared_ids"] = shared_ids(dataset.frame[name], parts)
    return body


def check_candidates(settings: PipelineSettings, dataset: Dataset | None = None) -> None:
    """Build each candidate once and fit none; without a `dataset` those that are imported.

    A module that is not there and a parameter that is misspelt are said before anything is
    computed, and not as the failure of each trial.

    Raises:
        InvalidInput: one cannot be built; says which, and why.
    """
    classes = 0 if dataset is None else dataset.classes
    features = pd.DataFrame() if dataset is None else dataset.features
    for entry in settings.entries:
        one = searched(entry, classes=classes)
        if dataset is None and not one.recipe.is_imported:
            continue
        parameters = {name: lowest(values) for name, values in one.distributions.items()}
        built(one.recipe, features, parameters, classes=classes, seed=settings.search.seed)


def searched_for(work: Work, executor: Executor, workers: int) -> SearchResult:
    """Try candidates on the folds; trials that the ledger has are not computed again."""
    settings, dataset = work.settings, work.dataset()
    metric = metric_for(settings.search.metric, dataset.classes)
    kept = {trial.number: trial for trial in work.ledger.trials(work.run)}
    before_s = sum(trial.seconds for trial in kept.values()) / workers
    began = time.monotonic()
    rule = SearchRule(
        settings.search.trials,
        settings.search.parallel,
        settings.search.seed,
        metric.greater,
        settings.search.timeout_s,
        settings.search.trial_timeout_s,
        settings.search.early_stop,
    )
    judged = len(kept)

    def keep(trial: Trial) -> None:
        nonlocal judged
        judged += 1
        work.ledger.keep_trial(work.run, trial)
        value = "failed" if trial.value is None else f"{metric.name} {trial.value:.4f}"
        text = f"trial {trial.number} {trial.candidate}: {value}"
        work.report(Progress("search", "trial", text, judged, rule.trials))

    watch = Watch(keep, lambda: before_s + time.monotonic() - began, work.should_stop, kept)
    candidates = {
        entry.label: searched(entry, classes=dataset.classes) for entry in settings.entries
    }
    return search(candidates, rule, executor, watch)


def refitted(work: Work, trials: tuple[Trial, ...]) -> list[Refitted]:
    """The best trials on all rows of training, and what they say of the hold-out."""
    data, parts = work.fold_data(), work.split()
    recipes = {entry.label: entry for entry in work.settings.entries}
    models = []
    for trial in trials:
        recipe: Recipe = searched(recipes[trial.candidate], classes=data.classes).recipe
        estimator = fitted(recipe, trial.parameters, data, parts.train)
        held_out = data.features.iloc[parts.holdout]
        models.append(Refitted(trial, estimator, predictions(estimator, held_out, data.classes)))
    return models


def keep_holdout(folder: Path, rows: Array, truth: Array, models: list[Refitted]) -> str:
    """Store what the models say of the hold-out; gives the digest of all of it."""
    arrays = {"rows": rows, "truth": truth}
    for place, model in enumerate(models):
        arrays[f"values{place}"] = model.predicted.values
        if model.predicted.shares is not None:
            arrays[f"shares{place}"] = model.predicted.shares
    partial = folder / f".{HOLDOUT_FILE}.part"
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    partial.replace(folder / HOLDOUT_FILE)
    return digest_of_arrays(arrays.values())


def read_holdout(folder: Path) -> dict[str, Array]:
    """What `keep_holdout` stored."""
    with np.load(folder / HOLDOUT_FILE, allow_pickle=False) as parts:
        return {name: parts[name] for name in parts.files}


def baseline(work: Work, dataset: Dataset, fitted_on: Array, judged_on: Array) -> Predicted:
    """What the pipeline's baseline says of some rows, of what is known of others."""
    kind, _, length = work.settings.baseline.partition("@")
    target = dataset.target[fitted_on]
    times = dataset.facts.times_ns
    if kind != "seasonal_naive" or times is None:
        return prior(target, len(judged_on), dataset.classes)
    series = dataset.facts.series
    everything = np.zeros(len(times), dtype=np.intp) if series is None else series
    known = Known(target, times[fitted_on], everything[fitted_on])
    wanted = times[judged_on], everything[judged_on]
    return seasonal_naive_by_series(known, *wanted, float(length_s(length)), dataset.classes)
