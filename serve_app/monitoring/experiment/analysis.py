"""From what was recorded of an experiment to its report: traffic, metrics, plan and decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from serve_app.core.experiment import Experiment
from serve_app.core.signature import Output
from serve_app.core.snapshot import Endpoint
from serve_app.errors import InvalidInput
from serve_app.experiments.effect import Effect
from serve_app.experiments.multiple import holm
from serve_app.experiments.plans import Plan as PowerPlan
from serve_app.experiments.power import detectable_effect, needed_rows, sample_price
from serve_app.monitoring.experiment.bounds import EARLY_SHARE
from serve_app.monitoring.experiment.comparing import Measured, Question, measured
from serve_app.monitoring.experiment.decision import Evidence, decided
from serve_app.monitoring.experiment.document import (
    Decision,
    ExperimentReport,
    HistoryLine,
    MetricResult,
    Plan,
    Unit,
)
from serve_app.monitoring.experiment.entries import BINARY, Observed, entries_of
from serve_app.monitoring.experiment.estimates import Covariate
from serve_app.monitoring.experiment.exposures import (
    Exposures,
    Floats,
    Labels,
    units_of,
)
from serve_app.monitoring.experiment.judging import Judge, judge_of
from serve_app.monitoring.experiment.traffic import ratio_of, traffic_of


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What was recorded since an experiment began, up to `until_s`.

    `before` is the reward of subjects before the start, where it is the covariate. `notes` are
    restrictions, for people.
    """

    exposures: Exposures
    labels: Labels
    until_s: float
    before: Mapping[str, float] = field(default_factory=dict)
    history: tuple[HistoryLine, ...] = ()
    notes: tuple[str, ...] = ()


def not_started(
    endpoint: Endpoint, experiment: Experiment, now_s: float, history: tuple[HistoryLine, ...] = ()
) -> ExperimentReport:
    """The report of an experiment that nobody has started yet, or that waits for its versions."""
    decision = decided(Evidence(()))
    if experiment.phase == "running":
        waits = "not started: its versions do not answer yet"
        decision = Decision("not started", waits)
    return replace(_frame(endpoint, experiment, now_s, decision), history=history)


def analysed(endpoint: Endpoint, experiment: Experiment, known: Recorded) -> ExperimentReport:
    """The report of an experiment that was started.

    Raises:
        InvalidInput: what was recorded does not fit together.
    """
    settings = _settings(endpoint)
    assert experiment.started_s is not None  # noqa: S101 - who calls has looked
    seen = Observed(known.exposures, known.labels, units_of(known.exposures), _output(endpoint))
    judge = judge_of(settings)
    variants = tuple(variant.version for variant in endpoint.variants)
    ratio, note = ratio_of(known.exposures, variants, endpoint.route.weights)
    question = _question(settings, variants, seen, judge, known, experiment.started_s)
    results = [
        measured(metric, seen, replace(question, alpha=_level(metric, settings, len(variants))))
        for metric in settings["metrics"]
    ]
    metrics = _adjusted([one.result for one in results])
    plan, left_s = _plan(settings, results, question, experiment.started_s)
    decision = decided(
        Evidence(
            metrics=metrics,
            tests={metric["name"]: metric["test"] for metric in settings["metrics"]},
            ratio=ratio,
            plan=plan,
            elapsed_s=known.until_s - experiment.started_s,
            minimum_s=settings["minimum_s"],
            left_s=left_s,
            is_last_look=judge.is_over(question.looks),
            is_stopped=experiment.phase == "stopped",
        )
    )
    frame = _frame(endpoint, experiment, known.until_s, decision)
    return replace(
        frame,
        traffic=traffic_of(seen, variants, endpoint.route.weights, known.until_s),
        ratio=ratio,
        metrics=metrics,
        plan=plan,
        notes=tuple(one for one in (*known.notes, note, *_notes(settings, seen)) if one),
        history=known.history,
    )


def _frame(
    endpoint: Endpoint, experiment: Experiment, looked_s: float, decision: Decision
) -> ExperimentReport:
    """The report with what is known without any record."""
    settings = _settings(endpoint)
    key = endpoint.route.settings.get("key")
    unit: Unit = "request" if key is None else "subject"
    return ExperimentReport(
        endpoint=endpoint.name,
        name=experiment.name,
        state=experiment.phase,
        route=endpoint.route.kind,
        unit=unit,
        key=key,
        baseline=settings["baseline"],
        variants=tuple(variant.version for variant in endpoint.variants),
        method=settings["method"],
        alpha=settings["alpha"],
        looked_s=looked_s,
        decision=decision,
        started_s=experiment.started_s,
        stopped_s=experiment.stopped_s,
        hypothesis=settings["hypothesis"],
    )


def _settings(endpoint: Endpoint) -> Mapping[str, Any]:
    assert endpoint.experiment is not None  # noqa: S101 - who calls has looked
    return endpoint.experiment


def _output(endpoint: Endpoint) -> Output:
    return endpoint.signature.output


def _question(
    settings: Mapping[str, Any],
    variants: tuple[str, ...],
    seen: Observed,
    judge: Judge,
    known: Recorded,
    started_s: float,
) -> Question:
    primary = next(one for one in settings["metrics"] if one["role"] == "primary")
    looks = judge.looks(started_s, known.until_s, _arrivals(primary, seen))
    return Question(
        variants=variants,
        baseline=variants.index(settings["baseline"]),
        alpha=settings["alpha"],
        judge=judge,
        looks=tuple(looks),
        now_s=known.until_s,
        covariate=_covariate(settings, seen, known),
    )


def _arrivals(primary: Mapping[str, Any], seen: Observed) -> Floats:
    """From when on each unit counts in the primary metric, in ascending order."""
    entries = entries_of(primary, seen)
    first_s = np.full(len(seen.units), np.inf)
    np.minimum.at(first_s, entries.unit, entries.counted_s)
    return np.sort(first_s[np.isfinite(first_s)])


def _covariate(settings: Mapping[str, Any], seen: Observed, known: Recorded) -> Covariate | None:
    wanted = settings["covariate"]
    if wanted is None:
        return None
    if wanted["column"] is not None:
        return Covariate(seen.exposures.covariate[seen.units.first_row])
    names = np.array(seen.exposures.units(), dtype=object)[seen.units.first_row]
    return Covariate(np.array([known.before.get(name, math.nan) for name in names]))


def _level(metric: Mapping[str, Any], settings: Mapping[str, Any], variants: int) -> float:
    """What one comparison may spend of alpha.

    The primary metric has all of it, guardrails have it together, each metric that is only shown
    has it again; variants share what a metric has.
    """
    role = metric["role"]
    guardrails = sum(one["role"] == "guardrail" for one in settings["metrics"])
    share = guardrails if role == "guardrail" else 1
    return float(settings["alpha"]) / ((variants - 1) * max(1, share))


def _adjusted(metrics: Sequence[MetricResult]) -> tuple[MetricResult, ...]:
    """The results with p-values that take all other metrics and variants into account (Holm)."""
    given = [one.p_value for metric in metrics for one in metric.comparisons]
    known = [p for p in given if p is not None]
    if not known:
        return tuple(metrics)
    adjusted = iter(holm(known))
    return tuple(
        replace(
            metric,
            comparisons=tuple(
                one if one.p_value is None else replace(one, adjusted_p=next(adjusted))
                for one in metric.comparisons
            ),
        )
        for metric in metrics
    )


def _plan(
    settings: Mapping[str, Any], results: Sequence[Measured], question: Question, started_s: float
) -> tuple[Plan | None, float | None]:
    """What the primary metric needs, and how long the rest takes as things go, in seconds."""
    smallest, power = settings["effect"], settings["power"]
    if smallest is None:
        return None, None
    primary = next(one for one in results if one.result.role == "primary")
    metric = next(one for one in settings["metrics"] if one["role"] == "primary")
    alpha = settings["alpha"] / (len(question.variants) - 1)
    share = 1 - EARLY_SHARE if metric["metric"] in BINARY else 1.0
    elapsed_s = question.now_s - started_s
    made: list[tuple[Plan, float | None]] = []
    for effect in primary.effects.values():
        wanted = replace(effect, value=smallest)
        try:
            plan = _of_effect(wanted, question.judge.plan(share * alpha), alpha, power)
        except InvalidInput:
            # It varies so much that no sample is large enough.
            continue
        left = max(0, (plan.needed or 0) - plan.reached) / max(1, plan.reached)
        made.append((plan, left * elapsed_s if elapsed_s > 0 else None))
    if not made:
        return Plan(smallest, power, None, 0), None
    return max(made, key=lambda one: (one[0].needed or 0) - one[0].reached)


def _of_effect(wanted: Effect, plan: PowerPlan, alpha: float, power: float) -> Plan:
    """What it takes to see an effect; units are those of the smaller of both variants."""
    needed = needed_rows(wanted, plan, power=power)
    reached = min(wanted.n_control, wanted.n_treatment)
    return Plan(
        effect=wanted.value,
        power=power,
        needed=math.ceil(needed * reached / wanted.n),
        reached=reached,
        detectable=detectable_effect(wanted, plan, power=power),
        price=sample_price(wanted, plan, power=power, alpha=alpha),
    )


def _notes(settings: Mapping[str, Any], seen: Observed) -> list[str]:
    notes = []
    arms_of: dict[str, int] = {}
    for unit, arm in zip(seen.exposures.units(), seen.exposures.arm.tolist(), strict=True):
        arms_of[unit] = arms_of.get(unit, 0) | 1 << arm
    moved = sum(arms.bit_count() > 1 for arms in arms_of.values())
    if moved:
        notes.append(
            f"{moved:,} of {len(arms_of):,} units were given several variants, since weights "
            "changed; each counts as a unit of each of them"
        )
    quantiles = [one["name"] for one in settings["metrics"] if one["metric"] == "quantile"]
    if quantiles and len(np.unique(seen.exposures.epoch)) > 1:
        notes.append(f"{', '.join(quantiles)}: of requests since the weights changed last")
    return notes
