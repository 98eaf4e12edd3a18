"""What is to be done about an experiment, from what is known of it, with the reasons in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from serve_app.monitoring.experiment.document import (
    Comparison,
    Decision,
    MetricResult,
    Plan,
    SampleRatio,
    Verdict,
)

Test = Literal["superiority", "non-inferiority"]
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a decision rests on.

    `tests` says of each metric, by its name, what it is tested for. `elapsed_s` is how long the
    experiment has run, None before it began; `left_s` how long the rest of the needed sample takes
    as things go. `is_last_look` says that a group-sequential test has come to its end.
    """

    metrics: tuple[MetricResult, ...]
    tests: Mapping[str, Test] = field(default_factory=dict)
    ratio: SampleRatio | None = None
    plan: Plan | None = None
    elapsed_s: float | None = None
    minimum_s: float = 0.0
    left_s: float | None = None
    is_last_look: bool = False
    is_stopped: bool = False


def verdict_of(
    low: float | None, high: float | None, *, better: str, margin: float, test: Test
) -> Verdict:
    """What an interval of variant minus baseline says of the variant.

    Superior is who is better by more than the margin, non-inferior who is not worse by as much:
    both bounds of the interval decide, not the estimate.
    """
    if low is None or high is None:
        return "undecided"
    least, most = (low, high) if better == "higher" else (-high, -low)
    if test == "superiority":
        if least > margin:
            return "better"
        return "worse" if most < 0 else "not worse" if least > 0 else "undecided"
    if most < -margin:
        return "worse"
    return "better" if least > 0 else "not worse" if least > -margin else "undecided"


def decided(evidence: Evidence) -> Decision:
    """The decision that the evidence allows.

    A sample ratio that does not fit voids everything. Then a variant is shipped that is better in
    the primary metric and worse in no guardrail, once the minimum time is over; else one is taken
    back that is worse in the primary metric or in a guardrail. Nobody is different where all
    intervals lie within the smallest effect of interest, or where the last look has passed.
    """
    if evidence.elapsed_s is None:
        return Decision("not started", "not started: nobody has started it yet")
    ratio = evidence.ratio
    if ratio is not None and ratio.mismatch:
        return _invalid(ratio)
    primary = next((one for one in evidence.metrics if one.role == "primary"), None)
    if primary is None or not primary.comparisons:
        return _going_on(evidence, ["nothing can be compared yet"])
    lost = dict(_lost(evidence.metrics))
    winners = [one for one in _winners(primary, evidence.tests) if one.variant not in lost]
    if winners:
        return _ship(winners, primary, evidence)
    if lost:
        variant = next(iter(lost))
        words = f"roll back {variant}: {lost[variant][0]}"
        return Decision(
            "roll back", words, tuple(reason for some in lost.values() for reason in some), variant
        )
    return _undecided(primary, evidence)


def _invalid(ratio: SampleRatio) -> Decision:
    reasons = []
    for epoch in ratio.epochs:
        pairs = (
            f"{name} {count:,} of {epoch.expected.get(name, math.nan):,.0f} expected"
            for name, count in epoch.counts.items()
        )
        reasons.append(f"epoch {epoch.epoch}: {', '.join(pairs)}")
    shown = "" if ratio.p_value is None else f" (p = {ratio.p_value:.2g})"
    words = (
        f"invalid: sample ratio mismatch{shown}; variants do not have the units that their weights "
        "promise, so something loses some of them, and no comparison holds"
    )
    return Decision("invalid", words, tuple(reasons))


def _lost(metrics: Iterable[MetricResult]) -> Iterator[tuple[str, list[str]]]:
    """The variants that are worse in the primary metric or a guardrail, and in which."""
    reasons: dict[str, list[str]] = {}
    for metric in metrics:
        if metric.role == "secondary":
            continue
        for one in metric.comparisons:
            if one.verdict == "worse":
                reasons.setdefault(one.variant, []).append(_in_words(metric, one))
    yield from reasons.items()


def _winners(primary: MetricResult, tests: Mapping[str, Test]) -> list[Comparison]:
    """Those that pass the primary metric's test, the one with the largest effect first."""
    enough = {"better"}
    if tests.get(primary.name) == "non-inferiority":
        enough.add("not worse")
    sign = 1.0 if primary.better == "higher" else -1.0
    passed = [one for one in primary.comparisons if one.verdict in enough]
    return sorted(passed, key=lambda one: -sign * (one.effect or 0.0))


def _ship(winners: Sequence[Comparison], primary: MetricResult, evidence: Evidence) -> Decision:
    best = winners[0]
    reasons = [_in_words(primary, best), *_guardrails(evidence.metrics, best.variant)]
    left_s = evidence.minimum_s - (evidence.elapsed_s or 0.0)
    if left_s > 0 and not evidence.is_stopped:
        words = (
            f"keep running: {best.variant} is better, and nothing is shipped before "
            f"{_duration(evidence.minimum_s)} are over, in {_duration(left_s)}"
        )
        return Decision("keep running", words, tuple(reasons), best.variant, left_s=left_s)
    return Decision("ship", f"ship {best.variant}: {reasons[0]}", tuple(reasons), best.variant)


def _guardrails(metrics: Iterable[MetricResult], variant: str) -> Iterator[str]:
    for metric in metrics:
        for one in metric.comparisons:
            if metric.role == "guardrail" and one.variant == variant:
                yield f"guardrail {metric.name}: {one.verdict}"


def _undecided(primary: MetricResult, evidence: Evidence) -> Decision:
    plan = evidence.plan
    within = plan is not None and all(
        one.low is not None
        and one.high is not None
        and -plan.effect < one.low
        and one.high < plan.effect
        for one in primary.comparisons
    )
    reasons = [_in_words(primary, one) for one in primary.comparisons]
    if within and plan is not None:
        words = f"no difference: {primary.name} differs by less than {plan.effect:g} either way"
        return Decision("no difference", words, tuple(reasons), progress=_share(plan))
    if evidence.is_last_look:
        words = f"no difference: {primary.name} does not differ at the last look"
        return Decision("no difference", words, tuple(reasons), progress=1.0)
    return _going_on(evidence, reasons)


def _going_on(evidence: Evidence, reasons: Sequence[str]) -> Decision:
    plan = evidence.plan
    if plan is None or plan.needed is None:
        far = "without an `effect`, nobody knows how much is needed" if plan is None else ""
        far = far or "nobody can tell yet how much is needed"
    elif plan.reached >= plan.needed:
        far = "the needed sample is there, and the interval still holds both"
    else:
        far = f"{math.floor(100 * plan.reached / plan.needed)} % of the needed sample"
        if evidence.left_s is not None and not evidence.is_stopped:
            far += f", about {_left(evidence.left_s)} left"
    head = "stopped undecided" if evidence.is_stopped else "keep running"
    left_s = None if evidence.is_stopped else evidence.left_s
    share = None if plan is None else _share(plan)
    return Decision("keep running", f"{head}: {far}", tuple(reasons), None, share, left_s)


def _share(plan: Plan) -> float | None:
    return None if not plan.needed else min(1.0, plan.reached / plan.needed)


def _in_words(metric: MetricResult, one: Comparison) -> str:
    """How a variant compares in a metric, for people."""
    if one.effect is None:
        return f"{metric.name} of {one.variant}: {one.note or 'no data yet'}"
    words = f"{metric.name} of {one.variant} is {one.verdict}: {one.effect:+.4g}"
    if one.low is not None and one.high is not None:
        words += f", from {one.low:+.4g} to {one.high:+.4g}"
    if metric.margin:
        words += f" (margin {metric.margin:g})"
    return f"{words} ({one.note})" if one.note else words


def _left(seconds: float) -> str:
    """About how long, in whole days, hours or minutes, never less than it takes."""
    for unit, length_s in (("day", DAY_S), ("hour", 3600.0)):
        if seconds > length_s:
            number = math.ceil(seconds / length_s)
            return f"{number} {unit}{'s' if number > 1 else ''}"
    number = max(1, math.ceil(seconds / 60.0))
    return f"{number} minute{'s' if number > 1 else ''}"


def _duration(seconds: float) -> str:
    """A time in the unit that people would say it in."""
    for unit, length_s in (("days", DAY_S), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.3g} {unit}"
    return f"{seconds:.3g} seconds"
