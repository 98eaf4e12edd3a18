"""The verdict of the hold-out: challengers beside baseline and champion, by slice, with gates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from serve_app.core.columns import Array
from serve_app.lifecycle.answers import calibration_error, distance
from serve_app.lifecycle.champion import Champion, champion_of, saw_holdout
from serve_app.lifecycle.comparison import Drawn, Paired, by_slice, drawn, interval, paired
from serve_app.lifecycle.dataset import Dataset
from serve_app.lifecycle.gates import Evidence, Gate, all_passed, judged
from serve_app.lifecycle.ledger import Ledger, Run
from serve_app.lifecycle.steps import Work, baseline
from serve_app.lifecycle.trial import Trial
from serve_app.models.training.metrics import Metric, Predicted, all_metrics, metric_for
from serve_app.registry.store import Registry

_WARNED_USES = 10
_MOST_USES = 20
"""A hold-out that decided this often is no hold-out any more."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """The rows that were held out, what is true of them, and what all models say."""

    dataset: Dataset
    rows: Array
    truth: Array
    metric: Metric
    challengers: tuple[Predicted, ...]
    baseline: Predicted
    champion: Champion | None


def held_out(work: Work, challengers: tuple[Predicted, ...], registry: Registry | None) -> HeldOut:
    """All models on the hold-out; without a registry no champion."""
    dataset, parts = work.dataset(), work.split()
    rows, model = parts.holdout, work.settings.model
    return HeldOut(
        dataset,
        rows,
        dataset.target[rows],
        metric_for(work.settings.search.metric, dataset.classes),
        challengers,
        baseline(work, dataset, parts.train, rows),
        champion_of(registry, model, dataset, dataset.frame.iloc[rows]) if registry else None,
    )


def evaluated(work: Work, seen: HeldOut, trials: tuple[Trial, ...]) -> dict[str, Any]:
    """Metrics of all models, comparisons of the best with each other one, slices and gates."""
    metric, seed, truth = seen.metric, work.settings.search.seed, seen.truth
    best, champion = seen.challengers[0], seen.champion
    against = None if champion is None else champion.predicted
    reference = seen.baseline
    if work.settings.baseline == "champion" and against is not None:
        reference = against
    draws = [drawn(truth, one, metric, seed) for one in seen.challengers]
    to_baseline = paired(metric, draws[0], drawn(truth, reference, metric, seed))
    to_champion = None
    if against is not None:
        to_champion = paired(metric, draws[0], drawn(truth, against, metric, seed))
    models = {"challenger": best, "baseline": seen.baseline}
    if against is not None:
        models["champion"] = against
    frame = seen.dataset.frame.iloc[seen.rows]
    slices = by_slice(frame, work.settings.slices, truth, models, metric)
    gates = _gates(work, seen, (to_baseline, to_champion), slices)
    return {
        "metric": metric.name,
        "greater_is_better": metric.greater,
        "rows": len(seen.rows),
        "challengers": [
            _challenger(trial, predicted, seen, draw)
            for trial, predicted, draw in zip(trials, seen.challengers, draws, strict=True)
        ],
        "baseline": _reference(work.settings.baseline, seen.baseline, to_baseline, seen),
        "champion": _champion(work, seen, to_champion),
        "slices": slices,
        "gates": [gate.to_json() for gate in gates],
        "passed": all_passed(gates),
    }


def _challenger(trial: Trial, predicted: Predicted, seen: HeldOut, draw: Drawn) -> dict[str, Any]:
    low, high = interval(draw)
    return {
        "trial": trial.number,
        "candidate": trial.candidate,
        "parameters": dict(trial.parameters),
        "cross_validated": trial.value,
        "by_fold": list(trial.by_fold),
        "held_out": _metrics(seen, predicted),
        "interval": [low, high],
    }


def _reference(name: str, predicted: Predicted, to: Paired, seen: HeldOut) -> dict[str, Any]:
    body = {"name": name, "held_out": _metrics(seen, predicted)}
    return {**body, "gain": to.gain, "lower": to.lower}


def _champion(work: Work, seen: HeldOut, to: Paired | None) -> dict[str, Any] | None:
    champion = seen.champion
    if champion is None:
        return None
    body: dict[str, Any] = {"version": champion.version, "problem": champion.problem}
    if champion.predicted is None or to is None:
        return body
    body |= {"held_out": _metrics(seen, champion.predicted), "gain": to.gain, "lower": to.lower}
    return {**body, "saw_holdout": _saw(work, champion)}


def _metrics(seen: HeldOut, predicted: Predicted) -> dict[str, float | None]:
    values = all_metrics(seen.truth, predicted, seen.dataset.classes)
    return {name: value if np.isfinite(value) else None for name, value in values.items()}


def _saw(work: Work, champion: Champion) -> bool | None:
    """Whether the champion was trained on what is held out now."""
    own = work.ledger.steps(work.run)["split"].output
    run = run_of_version(work.ledger, work.settings.model, champion.version)
    steps = {} if run is None else work.ledger.steps(run.id)
    trained = steps["split"].output if "split" in steps else None
    return saw_holdout(run, own, str(own["fingerprint"]), trained)


def run_of_version(ledger: Ledger, model: str, version: int) -> Run | None:
    """The run that registered a version, as far as this ledger knows."""
    for run in ledger.runs():
        versions = (run.result or {}).get("versions", [])
        if run.model == model and version in versions:
            return run
    return None


def _gates(
    work: Work,
    seen: HeldOut,
    comparisons: tuple[Paired, Paired | None],
    slices: list[dict[str, Any]],
) -> list[Gate]:
    steps = work.ledger.steps(work.run)
    classes = seen.dataset.classes
    counts = np.bincount(seen.truth.astype(np.intp), minlength=classes) if classes else None
    champion = seen.champion
    saw = None if champion is None else _saw(work, champion)
    evidence = Evidence(
        len(seen.rows),
        None if counts is None else int(counts.min()),
        seen.metric,
        comparisons[0],
        comparisons[1],
        None if saw is None else not saw,
        slices,
        steps["profile"].output["leaks"],
        int(steps["split"].output["shared_ids"]),
        calibration_error(seen.truth, seen.challengers[0]),
        _distance(seen),
        _newest_row_age_s(work),
    )
    gates = judged(work.settings.gates, evidence)
    if champion is not None and champion.problem is not None:
        gates = [
            replace(gate, verdict="inconclusive", reason=champion.problem)
            if gate.name in {"champion", "distance"}
            else gate
            for gate in gates
        ]
    uses = _uses(work)
    if gates and uses > _MOST_USES:
        reason = "this hold-out decided so often that models fit it: hold out newer rows"
        limit = float(_MOST_USES)
        gates.append(Gate("holdout_uses", float(uses), limit, len(seen.rows), "failed", reason))
    return gates


def _distance(seen: HeldOut) -> float | None:
    against = None if seen.champion is None else seen.champion.predicted
    return None if against is None else distance(seen.challengers[0], against, seen.dataset.classes)


def _newest_row_age_s(work: Work) -> float | None:
    newest_ns = work.ledger.steps(work.run)["split"].output.get("holdout_until")
    return None if newest_ns is None else work.created_at - newest_ns / 1e9


def holdout_warning(work: Work) -> str | None:
    """What to say of a hold-out that decided often already."""
    uses = _uses(work)
    if uses < _WARNED_USES:
        return None
    return f"these rows were the hold-out of {uses} runs by now; hold out newer ones"


def _uses(work: Work) -> int:
    """How many runs of this model were judged by the same rows, this one among them."""
    own = work.ledger.steps(work.run)["split"].output
    key = (own["fingerprint"], own["holdout_digest"])
    others = 0
    for run in work.ledger.runs():
        if run.model != work.settings.model or run.id == work.run or run.result is None:
            continue
        split = work.ledger.steps(run.id).get("split")
        if split is not None:
            others += (split.output["fingerprint"], split.output["holdout_digest"]) == key
    return others + 1
