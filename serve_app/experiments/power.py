"""How many rows a test needs, how likely it finds an effect, and which effects it can find.

For a test of one look, the functions of shares and means follow R's `power.prop.test` and
`power.t.test`. For any plan of `plans.py`, start from the effect that is expected:

    expected = lift(unadjusted(10_000, 10, 300), unadjusted(10_000, 10.5, 300))
    effect_power(expected, AlwaysValidPlan(tightest_at=20_000))

In the middle of an experiment, `progress` says how much of the needed sample is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from scipy.optimize import brentq
from scipy.special import nctdtr, ndtr, ndtri, stdtrit

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import finite, not_negative, positive, probability
from serve_app.experiments.effect import Effect, lift
from serve_app.experiments.estimate import Estimate, unadjusted
from serve_app.experiments.plans import FixedPlan, Plan

_USUAL_DRIFT = 2.8
"""Standard errors away at which a test of one look has power 0.8: where searches begin."""
_DOUBLINGS = 60


@dataclass(frozen=True, slots=True)
class Level:
    """The level of a test of one look and the number of its sides, 1 or 2.

    `strict` counts rejections on the wrong side as power too.
    """

    alpha: float = 0.05
    sides: int = 2
    strict: bool = False

    def __post_init__(self) -> None:
        probability("alpha", self.alpha)
        if self.sides not in {1, 2}:
            raise InvalidInput(f"a test has one side or two, not {self.sides}")

    @property
    def tail(self) -> float:
        """What may be rejected on one side."""
        return self.alpha / self.sides


def proportions_power(n: float, p1: float, p2: float, *, level: Level | None = None) -> float:
    """The power of a test of two shares, as R's `power.prop.test`.

    Args:
        n: rows of each arm.
        p1: the control's share.
        p2: the treatment's.
        level: of the test; 0.05 on two sides by default.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    rows, test = positive("n", n), level or Level()
    first, second = probability("p1", p1), probability("p2", p2)
    critical = -float(ndtri(test.tail))
    pooled = critical * math.sqrt((first + second) * (1 - (first + second) / 2))
    deviation = math.sqrt(first * (1 - first) + second * (1 - second))
    apart = math.sqrt(rows) * abs(first - second)
    power = float(ndtr((apart - pooled) / deviation))
    if test.strict and test.sides == 2:
        power += float(ndtr((-apart - pooled) / deviation))
    return power


def proportions_sample_size(
    p1: float, p2: float, *, power: float = 0.8, level: Level | None = None
) -> float:
    """Rows of each arm with which a difference of two shares is found with that power.

    Raises:
        InvalidInput: the shares are equal, or an argument is out of its range.
    """
    if p1 == p2:
        raise InvalidInput(f"both shares are {p1}: no sample is large enough to tell them apart")
    return _smallest(lambda n: proportions_power(n, p1, p2, level=level), 100.0, power)


def proportions_detectable(
    n: float, p1: float, *, power: float = 0.8, level: Level | None = None
) -> float:
    """The smallest share above `p1` that is found with that power.

    Raises:
        InvalidInput: there is none below 1, or an argument is out of its range.
    """
    base, wanted = probability("p1", p1), probability("power", power)

    def lacking(p2: float) -> float:
        return proportions_power(n, base, p2, level=level) - wanted

    highest = 1 - 1e-12
    if highest <= base or lacking(highest) < 0:
        raise InvalidInput(
            f"{n:g} rows per arm find no share above {base:g} with power {wanted:g}: take more"
        )
    return float(brentq(lacking, base, highest, xtol=1e-12)) if lacking(base) < 0 else base


def means_power(
    n: float, delta: float, deviation: float = 1.0, *, samples: int = 2, level: Level | None = None
) -> float:
    """The power of Student's t test, as R's `power.t.test`.

    Args:
        n: rows of each arm, above 1.
        delta: the true difference of the means.
        deviation: the standard deviation of a row; for paired rows, of their differences.
        samples: 2 arms, or 1 for paired rows or a mean against a number.
        level: of the test; 0.05 on two sides by default.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    test = level or Level()
    if positive("n", n) <= 1:
        raise InvalidInput(f"n is {n}: a t test needs more than one row per arm")
    if samples not in {1, 2}:
        raise InvalidInput(f"there are 1 or 2 samples, not {samples}")
    freedom = (n - 1) * samples
    centre = math.sqrt(n / samples) * abs(finite("delta", delta)) / positive("deviation", deviation)
    critical = -float(stdtrit(freedom, test.tail))
    power = 1 - _noncentral_t(freedom, centre, critical)
    if test.strict and test.sides == 2:
        power += _noncentral_t(freedom, centre, -critical)
    return power


def _noncentral_t(freedom: float, centre: float, t: float) -> float:
    """The distribution function of the noncentral t.

    Where SciPy's series does not converge, far from the centre or with many degrees of freedom,
    it is the normal approximation 26.7.10 of Abramowitz and Stegun.
    """
    chance = float(nctdtr(freedom, centre, t))
    if not math.isnan(chance):
        return chance
    spread = math.sqrt(1 + t**2 / (2 * freedom))
    return float(ndtr((t * (1 - 1 / (4 * freedom)) - centre) / spread))


def means_sample_size(
    delta: float,
    deviation: float = 1.0,
    *,
    power: float = 0.8,
    samples: int = 2,
    level: Level | None = None,
) -> float:
    """Rows of each arm with which that difference of means is found with that power.

    Raises:
        InvalidInput: the difference is zero, or an argument is out of its range.
    """
    if delta == 0:
        raise InvalidInput("the difference is zero: no sample is large enough to find it")
    return _smallest(
        lambda n: means_power(n, delta, deviation, samples=samples, level=level),
        10.0,
        power,
        least=2.0,
    )


def means_detectable(
    n: float,
    deviation: float = 1.0,
    *,
    power: float = 0.8,
    samples: int = 2,
    level: Level | None = None,
) -> float:
    """The smallest difference of means that is found with that power.

    Raises:
        InvalidInput: an argument is out of its range.
    """
    scale = positive("deviation", deviation)
    return _smallest(
        lambda delta: means_power(n, delta, scale, samples=samples, level=level),
        _USUAL_DRIFT * scale / math.sqrt(positive("n", n)),
        power,
    )


def effect_power(expected: Effect, plan: Plan) -> float:
    """The chance that a plan finds an effect that is as expected, with the rows it has."""
    return plan.power(expected.value / expected.standard_error, expected.n)


def needed_rows(expected: Effect, plan: Plan, *, power: float = 0.8) -> float:
    """Rows of all arms together with which the plan finds the effect with that power.

    The arms keep their shares of the rows, and the variances stay as they are.

    Raises:
        InvalidInput: the effect is zero, on the side that is not tested, or too small.
    """
    drift = expected.value / expected.standard_error
    if drift == 0:
        raise InvalidInput("the expected effect is zero: no sample is large enough to find it")
    guess = expected.n * (_USUAL_DRIFT / drift) ** 2
    return _smallest(lambda n: plan.power(drift * math.sqrt(n / expected.n), n), guess, power)


def detectable_effect(now: Effect, plan: Plan, *, power: float = 0.8) -> float:
    """The smallest effect that the plan finds with that power, with the rows it has.

    Its standard error is taken as it is now, whatever the effect.

    Raises:
        InvalidInput: no effect above zero can be found, as with `less` for a side.
    """
    return now.standard_error * _smallest(
        lambda drift: plan.power(drift, now.n), _USUAL_DRIFT, power
    )


def detectable_lift(
    control: Estimate, n_treatment: int, plan: Plan, *, power: float = 0.8
) -> float:
    """The smallest relative lift that the plan finds with that power.

    The treatment is taken to vary as the control; the lift's variance grows with the lift.

    Raises:
        InvalidInput: no lift is large enough, since its variance grows with it.
    """

    def power_at(share: float) -> float:
        mean = control.value + abs(control.value) * share
        return effect_power(lift(control, unadjusted(n_treatment, mean, control.variance)), plan)

    guess = _USUAL_DRIFT * math.sqrt(control.variance / control.n) / abs(control.value or 1.0)
    return _smallest(power_at, guess, power)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an experiment is; `days_left` is None where no rows come in."""

    rows: int
    needed: float
    days_left: float | None

    @property
    def share(self) -> float:
        """The share of the needed sample that is there, 1 at most."""
        return min(1.0, self.rows / self.needed)

    def __str__(self) -> str:
        if self.share >= 1:
            return "the needed sample is there"
        sentence = f"{math.floor(100 * self.share)} % of the needed sample"
        if self.days_left is None:
            return f"{sentence}, and no rows come in"
        days = max(1, math.ceil(self.days_left))
        return f"{sentence}, about {days} {'day' if days == 1 else 'days'} left"


def progress(
    now: Effect, plan: Plan, *, smallest: float, rows_per_day: float, power: float = 0.8
) -> Progress:
    """How much of the sample is there that finds the smallest effect of interest.

    Args:
        now: the effect as it is seen; only its standard error and rows are used, since an
            effect that happens to look large is no reason to stop early.
        plan: how it is judged.
        smallest: the smallest effect worth finding, in the unit of `now`.
        rows_per_day: how many come in, of all arms together.
        power: the chance with which it is to be found.

    Raises:
        InvalidInput: `smallest` is zero, or an argument is out of its range.
    """
    wanted = replace(now, value=finite("smallest", smallest))
    needed = needed_rows(wanted, plan, power=power)
    speed = not_negative("rows_per_day", rows_per_day)
    left = max(0.0, needed - now.n)
    days = 0.0 if left == 0 else (left / speed if speed else None)
    return Progress(rows=now.n, needed=needed, days_left=days)


def sample_price(expected: Effect, plan: Plan, *, power: float = 0.8, alpha: float = 0.05) -> float:
    """How many times the rows of a two-sided test of one look a plan needs for the same power.

    Raises:
        InvalidInput: as `needed_rows`.
    """
    fixed = needed_rows(expected, FixedPlan(alpha=alpha), power=power)
    return needed_rows(expected, plan, power=power) / fixed


def _smallest(
    power_at: Callable[[float], float], guess: float, power: float, *, least: float = 0.0
) -> float:
    """Where a power that grows reaches the wanted one, `least` where it does so there."""
    wanted = probability("power", power)
    lower = upper = max(guess, least)
    for _ in range(_DOUBLINGS):
        if power_at(upper) >= wanted:
            break
        lower, upper = upper, 2 * upper
    else:
        raise InvalidInput(
            f"nothing reaches power {wanted:g}: the effect is too small, or on the side that is"
            " not tested, or varies more the larger it is"
        )
    for _ in range(_DOUBLINGS):
        if power_at(lower) < wanted:
            break
        if lower <= least:
            return least
        lower, upper = max(lower / 2, least), lower
    else:
        return lower
    return float(brentq(lambda x: power_at(x) - wanted, lower, upper, xtol=1e-12, rtol=1e-9))
