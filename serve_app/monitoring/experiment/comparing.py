"""One metric of all variants: values, effects with intervals, and what is believed of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from serve_app.errors import InvalidInput
from serve_app.experiments.best_arm import best_of
from serve_app.experiments.confidence_sequence import lift_past_burn_in
from serve_app.experiments.effect import Effect, difference, lift
from serve_app.experiments.estimate import Estimate
from serve_app.experiments.posterior import normal_effect
from serve_app.experiments.quantile import quantile_difference_sequence
from serve_app.monitoring.experiment.bounds import (
    EXACT,
    FEW,
    approximate_bounds,
    bounds_of,
    level_of,
    past_burn_in,
)
from serve_app.monitoring.experiment.decision import verdict_of
from serve_app.monitoring.experiment.document import (
    ArmValue,
    Comparison,
    EffectPoint,
    MetricResult,
)
from serve_app.monitoring.experiment.entries import Entries, Observed, entries_of
from serve_app.monitoring.experiment.estimates import (
    ArmSample,
    Covariate,
    estimates_of,
    samples_of,
)
from serve_app.monitoring.experiment.judging import AlwaysValid, Judge, Look
from serve_app.monitoring.experiment.metric_words import words_of

_QUANTILES_TIGHTEST_AT = 5_000
_NONE_YET = "too few units of one of both variants yet"


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared: variants by their places, whose baseline, and at which level each.

    `alpha` is what one comparison of this metric may spend.
    """

    variants: tuple[str, ...]
    baseline: int
    alpha: float
    judge: Judge
    looks: tuple[Look, ...]
    now_s: float
    covariate: Covariate | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A metric's result, and the effects that power follows from, by variant."""

    result: MetricResult
    effects: Mapping[str, Effect]


def measured(metric: Mapping[str, Any], seen: Observed, question: Question) -> Measured:
    """One metric at its last look, with its course until then.

    Where there was no look yet, what is known now is shown without intervals.
    """
    entries = entries_of(metric, seen)
    last_s = question.looks[-1].at_s if question.looks else question.now_s
    arms = len(question.variants)
    samples = samples_of(entries, seen.units, arms, last_s)
    adjusting = question.covariate if entries.kind != "quantile" else None
    estimates = estimates_of(samples, seen.units, adjusting)
    if entries.kind == "quantile":
        comparisons = [
            _of_quantiles(metric, samples, arm, question) for arm in _treatments(question)
        ]
        effects: dict[str, Effect] = {}
        values = [_quantile_value(metric, one) for one in samples]
        shown = [
            ArmValue(name, 0 if one is None else one.n, value)
            for name, one, value in zip(question.variants, samples, values, strict=True)
        ]
    else:
        comparisons, effects = _of_estimates(metric, samples, estimates, question)
        comparisons = _with_courses(comparisons, entries, seen, question)
        shown = [
            _arm_value(name, one, question)
            for name, one in zip(question.variants, estimates, strict=True)
        ]
    matured, immature = _maturity(entries, metric, seen, question.now_s)
    result = MetricResult(
        name=metric["name"],
        words=words_of(metric),
        role=metric["role"],
        better=metric["better"],
        margin=metric["margin"],
        test=metric["test"],
        arms=tuple(shown),
        comparisons=tuple(comparisons),
        matured=matured,
        immature=immature,
    )
    return Measured(result, effects)


def _treatments(question: Question) -> list[int]:
    return [arm for arm in range(len(question.variants)) if arm != question.baseline]


def _maturity(
    entries: Entries, metric: Mapping[str, Any], seen: Observed, now_s: float
) -> tuple[int, int]:
    """How many units count now, and how many wait for their window or for feedback."""
    if metric["window_s"] is not None:
        mature = int((seen.units.first_s + metric["window_s"] <= now_s).sum())
        return mature, len(seen.units) - mature
    counted = len(np.unique(entries.unit[entries.counted_s <= now_s]))
    needs = metric["metric"] not in {"latency", "error_rate"} and metric["of"] != "latency"
    return counted, len(seen.units) - counted if needs else 0


def _of_estimates(
    metric: Mapping[str, Any],
    samples: Sequence[ArmSample | None],
    estimates: Sequence[Estimate | None],
    question: Question,
) -> tuple[list[Comparison], dict[str, Effect]]:
    comparisons, effects = [], {}
    control = estimates[question.baseline]
    believed = _chances(metric, estimates)
    for arm in _treatments(question):
        name, treatment = question.variants[arm], estimates[arm]
        effect = _effect(control, treatment)
        if control is None or treatment is None or effect is None:
            either = control is None or treatment is None
            note = _NONE_YET if either else "no value differs"
            comparisons.append(Comparison(name, "no data", note=note))
            continue
        effects[name] = effect
        pair = _pair(samples, arm, question)
        made = _compared(name, effect, (control, treatment), pair, question, metric)
        comparisons.append(replace(made, chance_best=believed.get(arm)))
    return comparisons, effects


def _effect(control: Estimate | None, treatment: Estimate | None) -> Effect | None:
    if control is None or treatment is None:
        return None
    try:
        return difference(control, treatment)
    except InvalidInput:
        # Nothing varies, so that nothing says how sure a difference is.
        return None


def _pair(
    samples: Sequence[ArmSample | None], arm: int, question: Question
) -> tuple[ArmSample, ArmSample]:
    """What counts of the baseline and of a variant, of which both are known."""
    control, treatment = samples[question.baseline], samples[arm]
    assert control is not None and treatment is not None  # noqa: S101, PT018 - both have estimates
    return control, treatment


def _compared(
    name: str,
    effect: Effect,
    estimates: tuple[Estimate, Estimate],
    pair: tuple[ArmSample, ArmSample],
    question: Question,
    metric: Mapping[str, Any],
) -> Comparison:
    control, treatment = estimates
    look = question.looks[-1] if question.looks else None
    posterior = normal_effect(effect.value, effect.standard_error)
    above = posterior.chance_above()
    higher = metric["better"] == "higher"
    chosen = posterior if higher else posterior.mirrored()
    base = abs(control.baseline)
    made = Comparison(
        variant=name,
        verdict="undecided",
        effect=effect.value,
        relative=effect.value / base if base else None,
        chance_to_beat=above if higher else 1 - above,
        expected_loss=chosen.expected_loss()[1],
        posterior_mean=posterior.mean,
        posterior_deviation=posterior.standard_deviation,
    )
    if look is None:
        return replace(made, note="before the first look")
    bounds = bounds_of(effect, pair, question.judge, look, question.alpha)
    if bounds is None:
        return replace(made, note=FEW)
    relative: tuple[float | None, float | None] = (None, None)
    if not bounds.is_exact:
        relative = _relative(control, treatment, look, question, level_of(pair[0], question.alpha))
    return replace(
        made,
        effect=bounds.effect,
        low=bounds.low,
        high=bounds.high,
        relative_low=relative[0],
        relative_high=relative[1],
        p_value=bounds.p_value,
        note=EXACT if bounds.is_exact else "",
        verdict=verdict_of(
            bounds.low,
            bounds.high,
            better=metric["better"],
            margin=metric["margin"],
            test=metric["test"],
        ),
    )


def _relative(
    control: Estimate, treatment: Estimate, look: Look, question: Question, alpha: float
) -> tuple[float | None, float | None]:
    if not lift_past_burn_in(control, treatment):
        return None, None
    try:
        effect = lift(control, treatment)
    except InvalidInput:
        return None, None
    reach = question.judge.reach(effect.n, look, alpha) * effect.standard_error
    if not math.isfinite(reach):
        return None, None
    return effect.value - reach, effect.value + reach


def _chances(metric: Mapping[str, Any], estimates: Sequence[Estimate | None]) -> dict[int, float]:
    """The chance of each variant to be the best, of those of which something is known."""
    posteriors = {
        arm: normal_effect(one.value, one.standard_error)
        for arm, one in enumerate(estimates)
        if one is not None and one.variance > 0
    }
    if not posteriors:
        return {}
    best = best_of([*posteriors.values()], higher_is_better=metric["better"] == "higher")
    return dict(zip(posteriors, best.chance_best, strict=True))


def _arm_value(name: str, estimate: Estimate | None, question: Question) -> ArmValue:
    if estimate is None:
        return ArmValue(name, 0, None)
    if not question.looks:
        return ArmValue(name, estimate.n, estimate.value)
    look = question.looks[-1]
    # Both arms of an effect have the rows of the sequence; one of them has half of it.
    reach = question.judge.reach(2 * estimate.n, look, question.alpha) * estimate.standard_error
    if not math.isfinite(reach):
        return ArmValue(name, estimate.n, estimate.value)
    return ArmValue(
        name, estimate.n, estimate.value, estimate.value - reach, estimate.value + reach
    )


def _with_courses(
    comparisons: Sequence[Comparison], entries: Entries, seen: Observed, question: Question
) -> list[Comparison]:
    """The comparisons with the effect and its interval at each look after the burn-in."""
    courses: dict[str, list[EffectPoint]] = {one.variant: [] for one in comparisons}
    arms = len(question.variants)
    for look in question.looks:
        samples = samples_of(entries, seen.units, arms, look.at_s)
        estimates = estimates_of(samples, seen.units, question.covariate)
        for arm in _treatments(question):
            effect = _effect(estimates[question.baseline], estimates[arm])
            if effect is None:
                continue
            pair = _pair(samples, arm, question)
            if not past_burn_in(pair):
                continue
            bounds = approximate_bounds(effect, pair, question.judge, look, question.alpha)
            if bounds is not None:
                point = EffectPoint(look.at_s, effect.n, bounds.effect, bounds.low, bounds.high)
                courses[question.variants[arm]].append(point)
    return [replace(one, course=tuple(courses[one.variant])) for one in comparisons]


def _quantile_value(metric: Mapping[str, Any], sample: ArmSample | None) -> float | None:
    if sample is None or sample.values is None:
        return None
    return float(np.quantile(sample.values, metric["at"]))


def _of_quantiles(
    metric: Mapping[str, Any], samples: Sequence[ArmSample | None], arm: int, question: Question
) -> Comparison:
    """How far quantiles lie apart: exact for any distribution, and at any time."""
    name, control, treatment = question.variants[arm], samples[question.baseline], samples[arm]
    if control is None or treatment is None:
        return Comparison(name, "no data", note=_NONE_YET)
    assert control.values is not None and treatment.values is not None  # noqa: S101, PT018
    judge = question.judge
    tightest_at = judge.tightest_at / 2 if isinstance(judge, AlwaysValid) else None
    made = quantile_difference_sequence(
        control.values,
        treatment.values,
        metric["at"],
        tightest_at=tightest_at or _QUANTILES_TIGHTEST_AT,
        alpha=question.alpha,
    )
    base = abs(float(np.quantile(control.values, metric["at"])))
    low, high = made.interval.lower, made.interval.upper
    bounded = (low, high) if math.isfinite(low) and math.isfinite(high) else (None, None)
    return Comparison(
        variant=name,
        verdict=verdict_of(
            low, high, better=metric["better"], margin=metric["margin"], test=metric["test"]
        ),
        effect=made.value,
        low=bounded[0],
        high=bounded[1],
        relative=made.value / base if base else None,
        p_value=made.p_value,
        note="of a unit's values, the first counts",
    )
