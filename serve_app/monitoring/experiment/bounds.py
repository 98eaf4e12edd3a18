"""Within what an effect lies at a look: by an approximation, or exactly while events are few."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serve_app.experiments.bernoulli_sequence import bounded_ratio_difference
from serve_app.experiments.confidence_sequence import BURN_IN_EVENTS, BURN_IN_PER_ARM

if TYPE_CHECKING:
    from serve_app.experiments.effect import Effect
    from serve_app.monitoring.experiment.estimates import ArmSample
    from serve_app.monitoring.experiment.judging import Judge, Look

EARLY_SHARE = 0.1
"""The part of alpha that a metric of yes and no may spend before the burn-in is over."""
EARLY_TIGHTEST_AT = 500.0
"""Units of each variant: rare events are known as well as they can be long before that many."""
FEW = (
    f"too few yet: each variant needs {BURN_IN_PER_ARM} units, and both together "
    f"{BURN_IN_EVENTS} with the event and {BURN_IN_EVENTS} without"
)
EXACT = "exact, since events are few"


@dataclass(frozen=True, slots=True)
class Bounds:
    """An effect, its interval and p-value; the interval excludes 0 where `p_value` < alpha."""

    effect: float
    low: float
    high: float
    p_value: float
    is_exact: bool = False


def bounds_of(
    effect: Effect, pair: tuple[ArmSample, ArmSample], judge: Judge, look: Look, alpha: float
) -> Bounds | None:
    """What is known of an effect at a look, at the level `alpha`; None while nothing is.

    `pair` is of the baseline and the variant. An approximation needs a burn-in. Before that is
    over, a metric of yes and no is judged exactly, with its own part of alpha, so that both ways
    together are wrong no more often than alpha says.
    """
    if past_burn_in(pair):
        return approximate_bounds(effect, pair, judge, look, alpha)
    return None if pair[0].bounded is None else _exact(pair, alpha)


def approximate_bounds(
    effect: Effect, pair: tuple[ArmSample, ArmSample], judge: Judge, look: Look, alpha: float
) -> Bounds | None:
    """The same after the burn-in; None where the judge knows of no bound."""
    level = level_of(pair[0], alpha)
    reach = judge.reach(effect.n, look, level) * effect.standard_error
    if not math.isfinite(reach):
        return None
    p_value = min(1.0, judge.p_value(effect, look, level) * alpha / level)
    return Bounds(effect.value, effect.value - reach, effect.value + reach, p_value)


def level_of(sample: ArmSample, alpha: float) -> float:
    """What the approximation may spend of alpha."""
    return alpha * (1 - EARLY_SHARE) if sample.bounded is not None else alpha


def _exact(pair: tuple[ArmSample, ArmSample], alpha: float) -> Bounds | None:
    control, treatment = (one.bounded for one in pair)
    assert control is not None and treatment is not None  # noqa: S101, PT018 - who calls has looked
    made = bounded_ratio_difference(
        control, treatment, tightest_at=EARLY_TIGHTEST_AT, alpha=EARLY_SHARE * alpha
    )
    p_value = min(1.0, made.p_value / EARLY_SHARE)
    return Bounds(made.difference, made.interval.lower, made.interval.upper, p_value, is_exact=True)


def past_burn_in(pair: tuple[ArmSample, ArmSample]) -> bool:
    """Whether there are enough units, events, and entries without one, for the approximation."""
    if min(one.n for one in pair) < BURN_IN_PER_ARM:
        return False
    counts = [one.events for one in pair if one.events is not None]
    if not counts:
        return True
    happened, of = sum(one[0] for one in counts), sum(one[1] for one in counts)
    return min(happened, of - happened) >= BURN_IN_EVENTS
