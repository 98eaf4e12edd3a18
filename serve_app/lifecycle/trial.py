"""A trial of a search, apart from what searches: whoever reads a ledger needs no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial that was judged: the metric on each fold, or the traceback of why there is none."""

    number: int
    generation: int
    candidate: str
    parameters: Mapping[str, Any]
    by_fold: tuple[float, ...] = ()
    seconds: float = 0.0
    fit_s: float = 0.0
    error: str | None = None

    @property
    def value(self) -> float | None:
        """The mean over folds; none of a trial that failed."""
        return float(np.mean(self.by_fold)) if self.by_fold else None
