"""How exactly callers learn what models say: the more exactly, the fewer answers copy a model.

Confidences are what extraction of a model lives on (Tramèr, Zhang, Juels, Reiter, Ristenpart:
"Stealing Machine Learning Models via Prediction APIs", USENIX Security 2016).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from serve_app.errors import InvalidInput

MOST_DIGITS = 9
DIGITS = 2
"""So many digits are left where nothing is said, and of numbers of which there is no class."""
_WRITTEN = re.compile(r"(full)|(top1)|rounded(?:\(([1-9])\))?")


@dataclass(frozen=True, slots=True)
class Detail:
    """How exact answers are: as they are (`full`), of so many `digits` (`rounded`), or `top1`.

    `rounded` leaves so many decimals of probabilities, scores and contributions of endpoints that
    classify, and no more than so many significant digits of any number. Of `top1` there is the
    class alone: in the place of probabilities it has 1 and all others 0, scores and explanations
    are refused, and numbers where there are no classes have two significant digits.
    """

    kind: Literal["full", "rounded", "top1"] = "full"
    digits: int = DIGITS

    def __str__(self) -> str:
        return f"rounded({self.digits})" if self.kind == "rounded" else self.kind

    def covers(self, other: Detail) -> bool:
        """Whether this tells at least all that another one does."""
        order = ("top1", "rounded", "full")
        if self.kind == other.kind == "rounded":
            return self.digits >= other.digits
        return order.index(self.kind) >= order.index(other.kind)


FULL = Detail()


def detail_of(text: str) -> Detail:
    """What is written as `full`, `rounded`, `rounded(3)` or `top1`.

    Raises:
        InvalidInput: it is none of these.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        msg = (
            f"{text[:40]!r} is no detail of answers: write full, rounded, rounded(1) to "
            f"rounded({MOST_DIGITS}), or top1"
        )
        raise InvalidInput(msg)
    if match[1]:
        return FULL
    if match[2]:
        return Detail("top1")
    return Detail("rounded", int(match[3] or DIGITS))
