"""The example models: trained on real data by pipelines, judged honestly, and registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import ModelFailed
from serve_app.examples.datasets import breast_cancer
from serve_app.examples.estimators import features
from serve_app.examples.pipelines import pipeline_of_example
from serve_app.lifecycle.executor import InThisProcess
from serve_app.lifecycle.fold_data import load_fold_data
from serve_app.lifecycle.progress import Report
from serve_app.lifecycle.sequence import Means
from serve_app.lifecycle.training import Training
from serve_app.registry.manifest import Manifest
from serve_app.registry.store import Registry

FEATURES = "diagnosis-features"
"""The transformer that stands before the models of `diagnosis`; no pipeline searches one."""
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "diagnosis": (FEATURES, "diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic"),
    "millimetres": ("diagnosis-millimetres",),
    "stacker": ("diagnosis-stacker",),
    "progression": ("progression-xgb",),
    "cultivar": ("cultivar-forest",),
}
"""For each example the models that it consists of."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where examples are registered, the folder of their runs, the time, and who watches."""

    registry: Registry
    runs: Path
    clock: Callable[[], float]
    report: Report


def train_example(model: str, place: Place) -> Manifest:
    """Train an example model as its pipeline says, in this process, and register it.

    A run of the same pipeline that was interrupted goes on.

    Raises:
        ModelFailed: it did not pass the gates of its pipeline.
        ServeError: a step failed; says why.
    """
    if model == FEATURES:
        return register(place.registry, features_candidate())
    settings = pipeline_of_example(model)
    means = Means(place.registry, lambda at: InThisProcess(load_fold_data(at)), place.clock)
    training = Training(place.runs, means, place.report)
    run = training.work_on(training.unfinished(settings) or training.create(settings))
    versions = (run.result or {}).get("versions")
    if not versions:
        msg = (
            f"{model} was not registered: run {run.id} is {run.state}; see: "
            f"serve-app train status {run.id} --runs {place.runs}"
        )
        raise ModelFailed(msg)
    return place.registry.manifest(model, versions[0])


def features_candidate() -> Candidate:
    """The transformer, fitted on the rows that models of `diagnosis` are trained on."""
    data, _ = breast_cancer().parts()
    chain = features().fit(data.frame, data.target)
    source = f"three quarters of {data.source}"
    return Candidate(FEATURES, chain, data.frame, source=source, target=data.predicts)
