"""Group-sequential tests: a few looks at an experiment whose maximum is known.

Alpha is spent look by look (`spending.py`), and boundaries follow by integration
(`repeated_looks.py`). Looks need not come as planned: each boundary depends on the looks until
then alone. The exact tests of Pocock 1977 and O'Brien and Fleming 1979 want equal looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from scipy.optimize import brentq

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import (
    Alternative,
    alternative,
    count,
    finite,
    positive,
    probability,
)
from serve_app.experiments.effect import Effect
from serve_app.experiments.interval import Comparison, around
from serve_app.experiments.repeated_looks import (
    Continuing,
    advance,
    checked,
    crossing_probabilities,
    start,
    upper_tail,
)
from serve_app.experiments.spending import Spending, spent_alpha

_FARTHEST = 38.0
"""Beyond that, a normal tail is smaller than the smallest float."""
_MOST_LOOKS = 1000


@dataclass(frozen=True, slots=True)
class GroupSequentialDesign:
    """Looks and the boundary of the statistic at each: it rejects at or beyond it.

    `boundaries` are distances from the null in standard errors, infinite where a look may spend
    nothing. `spent` is how much of alpha is spent until each look, both sides together.
    """

    fractions: tuple[float, ...]
    boundaries: tuple[float, ...]
    spent: tuple[float, ...]
    alpha: float
    side: Alternative


def group_sequential_design(
    fractions: Sequence[float],
    *,
    alpha: float = 0.05,
    spending: Spending = "obrien-fleming",
    side: Alternative = "two-sided",
) -> GroupSequentialDesign:
    """The boundaries of looks at any shares of the maximum information, rows for instance.

    Two-sided tests spend half of alpha on each side. The last look spends all of it only where
    it is at 1 or beyond, so that looks until now can be judged before the end is there.

    Args:
        fractions: shares of the maximum at each look, growing; `[0.2, 0.4, 0.6, 0.8, 1]`.
        alpha: how often a true null may be rejected, all looks together.
        spending: how much of it goes to early looks.
        side: the alternative.

    Raises:
        InvalidInput: the shares do not grow, or another argument is out of its range.
    """
    shares = checked(fractions)
    if len(shares) > _MOST_LOOKS:
        raise InvalidInput(
            f"{len(shares)} looks are more than {_MOST_LOOKS}: an always-valid test is meant for"
            " looking all the time"
        )
    sides = 2 if alternative(side) == "two-sided" else 1
    level = probability("alpha", alpha) / sides
    density, boundaries, spent = start(), [], []
    before = 0.0
    for share in shares:
        until = spent_alpha(share, level, spending=spending)
        boundary = _boundary(density, share, until - before)
        boundaries.append(boundary)
        spent.append(sides * until)
        density = advance(density, share, -boundary if sides == 2 else -math.inf, boundary)
        before = until
    return GroupSequentialDesign(shares, tuple(boundaries), tuple(spent), alpha, side)


def _boundary(density: Continuing, share: float, to_spend: float) -> float:
    """Where the chance of crossing it now, above, is what may be spent now."""
    if to_spend <= 0 or upper_tail(density, share, _FARTHEST) >= to_spend:
        return math.inf

    def excess(z: float) -> float:
        return math.log(max(upper_tail(density, share, z), 1e-320)) - math.log(to_spend)

    return float(brentq(excess, -_FARTHEST, _FARTHEST, xtol=1e-10))


@lru_cache(maxsize=256)
def pocock_constant(looks: int, *, alpha: float = 0.05) -> float:
    """The one boundary of all equally spaced looks of Pocock's two-sided test.

    Raises:
        InvalidInput: there is less than one look, or alpha is no probability.
    """
    return _constant(looks, alpha, [1.0] * count("looks", looks, at_least=1))


@lru_cache(maxsize=256)
def obrien_fleming_constant(looks: int, *, alpha: float = 0.05) -> float:
    """The boundary `C` of the last look of O'Brien and Fleming's two-sided test.

    That of look k of K is `C * sqrt(K / k)`, the looks being equally spaced.

    Raises:
        InvalidInput: there is less than one look, or alpha is no probability.
    """
    number = count("looks", looks, at_least=1)
    return _constant(number, alpha, [math.sqrt(number / (k + 1)) for k in range(number)])


def _constant(looks: int, alpha: float, shape: Sequence[float]) -> float:
    level = probability("alpha", alpha)
    information = [float(k + 1) for k in range(looks)]

    def excess(constant: float) -> float:
        upper = [constant * factor for factor in shape]
        lower = [-bound for bound in upper]
        return crossing_probabilities(information, upper, lower).total - level

    # An alpha within rounding of 0 or 1 has its boundary at an end.
    if excess(1e-9) <= 0:
        return 1e-9
    return float(brentq(excess, 1e-9, _FARTHEST, xtol=1e-9)) if excess(_FARTHEST) < 0 else _FARTHEST


def classical_design(kind: Spending, looks: int, *, alpha: float = 0.05) -> GroupSequentialDesign:
    """Pocock's or O'Brien and Fleming's own two-sided test, of equally spaced looks.

    Raises:
        InvalidInput: there is no such kind, less than one look, or alpha is no probability.
    """
    number = count("looks", looks, at_least=1)
    if kind == "pocock":
        boundaries = [pocock_constant(number, alpha=alpha)] * number
    elif kind == "obrien-fleming":
        last = obrien_fleming_constant(number, alpha=alpha)
        boundaries = [last * math.sqrt(number / (k + 1)) for k in range(number)]
    else:
        raise InvalidInput(f"there is no design {kind!r}: it is pocock or obrien-fleming")
    fractions = tuple((k + 1) / number for k in range(number))
    crossed = crossing_probabilities(fractions, boundaries, [-bound for bound in boundaries])
    both = zip(crossed.upper, crossed.lower, strict=True)
    spent = tuple(accumulate(above + below for above, below in both))
    return GroupSequentialDesign(fractions, tuple(boundaries), spent, alpha, "two-sided")


def repeated_testing_error(looks: int, critical_value: float) -> float:
    """How often a true null is rejected that is tested again and again, as if once.

    The looks are equally spaced and each rejects beyond the same critical value, on either
    side: 0.142 for five at 1.96.

    Raises:
        InvalidInput: there is less than one look, or the critical value is not above zero.
    """
    number, bound = count("looks", looks, at_least=1), positive("critical_value", critical_value)
    information = [float(k + 1) for k in range(number)]
    return crossing_probabilities(information, [bound] * number, [-bound] * number).total


def repeated_comparison(
    effect: Effect, design: GroupSequentialDesign, *, null: float = 0.0
) -> Comparison:
    """An effect at the last look of a design, with its repeated confidence interval.

    The interval is the effect plus and minus the boundary in standard errors: all those of a
    design together hold the true effect with probability `1 - alpha`, whether or not the test
    stopped where it might have (Jennison and Turnbull 2000, chapter 9). The p-value is the
    repeated one: the smallest alpha whose design would reject at this look.

    Raises:
        InvalidInput: `null` is not finite.
    """
    null = finite("null", null)
    boundary = design.boundaries[-1]
    z = (effect.value - null) / effect.standard_error
    reached = abs(z) if design.side == "two-sided" else (z if design.side == "greater" else -z)
    return Comparison(
        effect=effect.value,
        standard_error=effect.standard_error,
        interval=around(effect.value, boundary * effect.standard_error, design.side),
        p_value=_repeated_p_value(reached, design),
        alternative=design.side,
        null=null,
        alpha=design.alpha,
    )


def stagewise_p_value(z: float, design: GroupSequentialDesign) -> float:
    """The p-value of a test that ends at the last look of its design with statistic `z`.

    Outcomes are ordered by the look at which the test ends, then by the statistic: an earlier
    end is stronger evidence (Armitage 1957; Jennison and Turnbull 2000, section 8.4). All looks
    but the last must have stayed within their boundaries.

    Raises:
        InvalidInput: `z` is not finite.
    """
    reached = -finite("z", z) if design.side == "less" else finite("z", z)
    two_sided = design.side == "two-sided"
    density, above = start(), 0.0
    for share, boundary in zip(design.fractions[:-1], design.boundaries[:-1], strict=True):
        above += upper_tail(density, share, boundary)
        density = advance(density, share, -boundary if two_sided else -math.inf, boundary)
    above += upper_tail(density, design.fractions[-1], reached)
    return min(1.0, 2 * min(above, 1 - above)) if two_sided else above


def _repeated_p_value(reached: float, design: GroupSequentialDesign) -> float:
    """The smallest alpha at which the design's last boundary is at `reached`.

    Designs at other alphas keep this one's shape of spending: what was spent, scaled.
    """
    sides = 2 if design.side == "two-sided" else 1

    def last_boundary(alpha: float) -> float:
        density, before, boundary = start(), 0.0, math.inf
        for share, spent in zip(design.fractions, design.spent, strict=True):
            until = spent / design.alpha * alpha / sides
            boundary = _boundary(density, share, until - before)
            density = advance(density, share, -boundary if sides == 2 else -math.inf, boundary)
            before = until
        return boundary

    most, least = 1 - 1e-9, 1e-12
    if reached <= last_boundary(most):
        return 1.0
    if reached >= last_boundary(least):
        return least
    root = brentq(
        lambda log_alpha: last_boundary(math.exp(log_alpha)) - reached,
        math.log(least),
        math.log(most),
        xtol=1e-7,
    )
    return math.exp(float(root))
