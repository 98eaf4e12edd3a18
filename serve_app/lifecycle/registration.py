"""From refitted models to registered versions, each exactly once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import NotFound
from serve_app.lifecycle.evaluation import HeldOut as Judged
from serve_app.lifecycle.steps import Refitted, Work, baseline
from serve_app.models.evaluate import Evaluation, HeldOut
from serve_app.models.training.metrics import Predicted, all_metrics
from serve_app.registry.lineage import Lineage
from serve_app.registry.store import Registry
from serve_app.registry.user import current_user


def origin_of(run: str, created_at: float, trial: int) -> str:
    """What a manifest says of where its version is from; by it a version is known again.

    Runs have numbers of their own in each folder: when one was created, in seconds since 1970,
    tells it from those of other folders that register in the same place.
    """
    created = datetime.fromtimestamp(created_at, UTC).isoformat()
    return f"training run {run} of {created}, trial {trial}"


def versions_by_origin(registry: Registry, model: str) -> dict[str, int]:
    """The first version of each origin: by it what an earlier attempt registered is known."""
    try:
        versions = registry.versions(model)
    except NotFound:
        return {}
    origins = ((registry.manifest(model, version).origin, version) for version in versions)
    known: dict[str, int] = {}
    for origin, version in origins:
        if origin is not None:
            known.setdefault(origin, version)
    return known


def registered(
    work: Work,
    registry: Registry,
    models: Sequence[Refitted],
    seen: Judged,
    lineage: Callable[[int, Mapping[str, float]], Lineage],
) -> list[int]:
    """The versions of the best trials, the best first; those that are there are left as they are.

    `lineage` is what the version of a trial was made of, by its metrics on the hold-out.

    Raises:
        ServeError: a model cannot be registered; says why.
    """
    versions = []
    known = versions_by_origin(registry, work.settings.model)
    for model in models:
        origin = origin_of(work.run, work.created_at, model.trial.number)
        version = known.get(origin)
        if version is None:
            made_of = lineage(model.trial.number, _scores(seen, model.predicted))
            candidate = _candidate(work, model, seen, origin)
            candidate = replace(candidate, lineage=made_of)
            version = register(registry, candidate, trust=work.settings.register_.trust).version
        versions.append(version)
    alias = work.settings.register_.alias
    if alias is not None:
        _name(work, registry, alias, versions[0])
    return versions


def _name(work: Work, registry: Registry, alias: str, version: int) -> None:
    model = work.settings.model
    if registry.aliases(model).get(alias) != version:
        reason = f"the best of training run {work.run}"
        registry.set_alias(model, alias, version, by=current_user(), reason=reason)


def _candidate(work: Work, model: Refitted, seen: Judged, origin: str) -> Candidate:
    dataset, train = seen.dataset, work.split().train
    return Candidate(
        work.settings.model,
        model.estimator,
        dataset.features.iloc[train].reset_index(drop=True),
        labels=dataset.labels if dataset.named else (),
        source=f"{len(train)} rows of run {work.run}",
        target=work.settings.data.target,
        evaluation=_evaluation(work, model, seen),
        origin=origin,
        truth=dataset.target[train],
    )


def _evaluation(work: Work, model: Refitted, seen: Judged) -> Evaluation:
    metric, dataset = seen.metric, seen.dataset
    folds = work.split().folds
    on_folds = [
        metric.compute(dataset.target[rest], baseline(work, dataset, fitted, rest))
        for fitted, rest in folds
    ]
    return Evaluation(
        folds=len(folds),
        cross_validated={metric.name: model.trial.value or 0.0},
        held_out=_scores(seen, model.predicted),
        baseline=_scores(seen, seen.baseline),
        baseline_cross_validated={metric.name: sum(on_folds) / len(on_folds)},
        predicted=_predicted(seen, model.predicted),
    )


def _scores(seen: Judged, predicted: Predicted) -> dict[str, float]:
    return all_metrics(seen.truth, predicted, seen.dataset.classes)


def _predicted(seen: Judged, predicted: Predicted) -> HeldOut:
    classes: tuple[Any, ...] = tuple(range(seen.dataset.classes))
    return HeldOut(seen.truth, predicted.values, predicted.shares, classes)


def summary(versions: Sequence[int], evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The challengers of an evaluation with the versions that they became."""
    challengers: Sequence[Mapping[str, Any]] = evaluation["challengers"]
    known = [*versions, *[None] * (len(challengers) - len(versions))]
    return [{**one, "version": version} for one, version in zip(challengers, known, strict=True)]
