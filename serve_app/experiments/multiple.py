"""Several tests at once: adjusted p-values, and one alpha spent over guardrails and steps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from serve_app.errors import InvalidInput
from serve_app.experiments import arguments, arrays
from serve_app.experiments.arrays import Floats, Numbers


def bonferroni(p_values: Numbers) -> tuple[float, ...]:
    """P-values times their number: the chance that any false one is at most alpha is alpha.

    Raises:
        InvalidInput: there are none, or one is not between 0 and 1.
    """
    p = _p_values(p_values)
    return tuple(np.minimum(1.0, p * len(p)).tolist())


def holm(p_values: Numbers) -> tuple[float, ...]:
    """P-values adjusted by Holm's step-down method, in the order in which they came.

    Rejecting those that are at most alpha rejects any true hypothesis with a probability of at
    most alpha, however the tests depend on each other (S. Holm, Scandinavian Journal of
    Statistics 6, 1979). Always-valid p-values stay always valid.

    Raises:
        InvalidInput: there are none, or one is not between 0 and 1.
    """
    p = _p_values(p_values)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, stepped)
    return tuple(adjusted.tolist())


def benjamini_hochberg(p_values: Numbers) -> tuple[float, ...]:
    """P-values adjusted so that rejecting at q keeps the expected share of false ones at q.

    In the order in which they came; for tests that are independent or depend positively on each
    other (Y. Benjamini and Y. Hochberg, Journal of the Royal Statistical Society B 57, 1995).

    Raises:
        InvalidInput: there are none, or one is not between 0 and 1.
    """
    p = _p_values(p_values)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return tuple(adjusted.tolist())


def _p_values(values: Numbers) -> Floats:
    p = arrays.numbers("the p-values", values)
    if (p < 0).any() or (p > 1).any():
        wrong = p[(p < 0) | (p > 1)][0]
        raise InvalidInput(f"the p-values hold {wrong}; all have to lie between 0 and 1")
    return p


@dataclass(frozen=True, slots=True)
class AlphaAllocation:
    """What each guardrail may spend at each step: `by_guardrail["latency"][2]`.

    Rolling back when a guardrail's p-value at a step is at most its part rolls a harmless release
    back with a probability of at most `alpha`, over all guardrails and steps together.
    """

    alpha: float
    by_guardrail: Mapping[str, tuple[float, ...]]

    @property
    def spent(self) -> float:
        """The sum of all parts, which is `alpha` but for rounding."""
        return math.fsum(part for parts in self.by_guardrail.values() for part in parts)


def allocate_alpha(
    alpha: float, guardrails: Mapping[str, float], steps: Numbers = (1.0,)
) -> AlphaAllocation:
    """Split one alpha over guardrails, and the part of each over steps, by their weights.

    Guardrails of one always-valid test over the whole release need one step alone. Where each
    step begins its tests anew, `steps` has a weight for each: early steps, where few see the new
    version, can get more.

    Raises:
        InvalidInput: alpha is not between 0 and 1, there is no guardrail or step, or weights are
            negative or sum to 0.
    """
    arguments.probability("alpha", alpha)
    if not guardrails:
        raise InvalidInput("there is no guardrail to spend alpha on; name at least one")
    of_guardrails = arrays.weights("the weights of the guardrails", list(guardrails.values()))
    of_steps = arrays.weights("the weights of the steps", steps)
    parts = alpha * np.outer(of_guardrails, of_steps)
    named = zip(guardrails, parts.tolist(), strict=True)
    return AlphaAllocation(alpha, {name: tuple(row) for name, row in named})


def alpha_of_attempt(alpha: float, attempt: int) -> float:
    """What attempt 1, 2, … of a series without an end may spend, so that all spend alpha.

    `alpha * 6 / (pi * attempt) ** 2`: 61 % of it at the first attempt, 15 % at the second.

    Raises:
        InvalidInput: alpha is not between 0 and 1, or the attempt is not a number from 1 up.
    """
    arguments.probability("alpha", alpha)
    number = arguments.count("the attempt", attempt, at_least=1)
    return alpha * 6 / (math.pi * number) ** 2
