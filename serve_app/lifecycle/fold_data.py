"""What all trials of a run share, read from the run's folder by whoever computes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.config.pipeline import PipelineSettings
from serve_app.config.pipeline_search import AutoEstimator, ImportedEstimator
from serve_app.lifecycle.dataset import dataset_of, read_snapshot
from serve_app.lifecycle.spec import pipeline_of
from serve_app.lifecycle.split import Split
from serve_app.models.training.estimators import Recipe
from serve_app.models.training.metrics import metric_for
from serve_app.models.training.trial import FoldData

SPLIT_FILE = "split.npz"


@dataclass(frozen=True, slots=True)
class FoldPlace:
    """Where the data of a run lies: its folder, and the pipeline's body as JSON has it."""

    folder: str
    body: Mapping[str, Any]


def load_fold_data(place: FoldPlace) -> FoldData:
    """Rows, target and folds of a run.

    Raises:
        InvalidInput: the data does not fit the pipeline.
    """
    settings, folder = pipeline_of(dict(place.body)), Path(place.folder)
    return fold_data(settings, folder)


def fold_data(settings: PipelineSettings, folder: Path) -> FoldData:
    """The same, of a pipeline that is read already."""
    dataset = dataset_of(read_snapshot(folder), settings)
    split = Split.load(folder / SPLIT_FILE)
    metric = metric_for(settings.search.metric, dataset.classes)
    return FoldData(
        dataset.features,
        dataset.target,
        dataset.classes,
        split.folds,
        metric,
        settings.search.seed,
    )


def recipe_of(entry: ImportedEstimator | AutoEstimator) -> Recipe:
    """How the estimator of one candidate is built."""
    source = entry.auto if isinstance(entry, AutoEstimator) else entry.import_
    return Recipe(entry.label, source, dict(entry.params))
