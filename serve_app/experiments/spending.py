"""How much of alpha each look of a group-sequential test spends.

Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials", Biometrika 70(3): any
function that grows from 0 to alpha lets looks come when they come, at any share of the maximum.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

from scipy.special import ndtr, ndtri

from serve_app.errors import InvalidInput
from serve_app.experiments.arguments import not_negative, probability

Spending = Literal["obrien-fleming", "pocock"]
"""O'Brien-Fleming-type spends nearly all at the end, Pocock-type about the same at each look."""


def _obrien_fleming(share: float, alpha: float) -> float:
    return 2 * float(ndtr(ndtri(alpha / 2) / math.sqrt(share)))


def _pocock(share: float, alpha: float) -> float:
    return alpha * math.log1p((math.e - 1) * share)


_FUNCTIONS: dict[str, Callable[[float, float], float]] = {
    "obrien-fleming": _obrien_fleming,
    "pocock": _pocock,
}


def spent_alpha(share: float, alpha: float, *, spending: Spending = "obrien-fleming") -> float:
    """What may be spent until that share of the maximum information, for one side.

    `2 - 2 Phi(z / sqrt(share))` with the upper `alpha / 2` quantile `z`, or `alpha * log(1 +
    (e - 1) * share)`; all of alpha from the whole maximum on.

    Raises:
        InvalidInput: the share is negative, alpha no probability, or there is no such function.
    """
    if spending not in get_args(Spending):
        raise InvalidInput(
            f"there is no spending function {spending!r}: it is one of"
            f" {', '.join(get_args(Spending))}"
        )
    level = probability("alpha", alpha)
    reached = not_negative("the share of information", share)
    if reached == 0:
        return 0.0
    return level if reached >= 1 else _FUNCTIONS[spending](reached, level)
