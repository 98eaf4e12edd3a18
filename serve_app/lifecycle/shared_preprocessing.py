"""Versions of a run without their preprocessing, which is one version that all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from serve_app.engine.registration.register import Candidate, register
from serve_app.errors import Conflict
from serve_app.lifecycle.ledger import Run
from serve_app.lifecycle.registration import origin_of, versions_by_origin
from serve_app.lifecycle.steps import Refitted, Work, refitted
from serve_app.models.training.halves import Halves, halves_of
from serve_app.registry.store import Registry


@dataclass(frozen=True, slots=True)
class Shared:
    """The version that prepares rows, those that answer behind it, and whose was another one.

    `left_out` are versions of the run, by number.
    """

    preprocess: str
    variants: tuple[str, ...]
    left_out: tuple[int, ...]


def shared(run: Run, work: Work, registry: Registry) -> Shared:
    """Register the preprocessing of a run's best version once, and all that share it without it.

    The run's best trials are fitted once more on its own rows. What is there already is used.

    Raises:
        Conflict: nothing is shared; says why.
        ServeError: something cannot be registered; says why.
    """
    numbers = {
        int(one["trial"]): int(one["version"])
        for one in (run.result or {}).get("challengers", [])
        if one.get("version") is not None
    }
    trials = {trial.number: trial for trial in work.ledger.trials(run.id)}
    models = refitted(work, tuple(trials[number] for number in numbers))
    halves = [_halves(work, model) for model in models]
    best = halves[0] if halves else None
    if best is None:
        msg = (
            f"the best version of run {run.id} has no preprocessing that can be taken off: a "
            "Pipeline has, whose steps but the last one transform"
        )
        raise Conflict(msg)
    alike = [
        (model, one)
        for model, one in zip(models, halves, strict=True)
        if one is not None and one.prepared.equals(best.prepared)
    ]
    if len(alike) < 2:
        msg = (
            f"no two of the {len(models)} versions of run {run.id} have the same preprocessing: "
            "trials of one candidate have, so that register: {best: 3} with one candidate helps"
        )
        raise Conflict(msg)
    before = _registered(work, registry, "preprocessing", models[0], best.before, _rows(work))
    variants = [
        _registered(work, registry, "behind", model, one.rest, one.prepared) for model, one in alike
    ]
    sharing = {model.trial.number for model, _ in alike}
    left_out = tuple(version for trial, version in numbers.items() if trial not in sharing)
    return Shared(before, tuple(variants), left_out)


def _rows(work: Work) -> pd.DataFrame:
    return work.dataset().features.iloc[work.split().train].reset_index(drop=True)


def _halves(work: Work, model: Refitted) -> Halves | None:
    """A model in two, where both together say what it says of the hold-out."""
    dataset, parts = work.dataset(), work.split()
    target = np.asarray(dataset.target)[parts.train]
    made = halves_of(model.estimator, _rows(work), target)
    if made is None:
        return None
    held_out = dataset.features.iloc[parts.holdout].reset_index(drop=True)
    together = made.predict(held_out)
    return made if np.allclose(together, model.predicted.values, rtol=1e-6, atol=1e-9) else None


def _registered(
    work: Work, registry: Registry, part: str, model: Refitted, estimator: Any, frame: pd.DataFrame
) -> str:
    """A part of a model as a version of its own, which is made once."""
    name = f"{work.settings.model}-{part}"
    origin = f"{part} of {origin_of(work.run, work.created_at, model.trial.number)}"
    version = versions_by_origin(registry, name).get(origin)
    if version is None:
        candidate = _candidate(work, name, estimator, frame, origin, answers=part == "behind")
        version = register(registry, candidate, trust=work.settings.register_.trust).version
    return f"{name}@{version}"


def _candidate(
    work: Work, name: str, estimator: Any, frame: pd.DataFrame, origin: str, *, answers: bool
) -> Candidate:
    if not answers:
        return Candidate(name, estimator, frame, origin=origin, evaluate=False)
    dataset = work.dataset()
    return Candidate(
        name, estimator, frame, labels=dataset.labels if dataset.named else (), origin=origin,
        target=work.settings.data.target, truth=dataset.target[work.split().train],
        evaluate=False,
    )  # fmt: skip
