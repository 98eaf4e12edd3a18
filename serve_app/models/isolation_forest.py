"""How many rows an isolation forest isolates sooner than nearly all of a reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TREES = 100
USUAL_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Isolated:
    """Rows that score beyond the 99 % quantile of a reference, there and now.

    `reference_rows` are those of the reference that the forest was not fitted on.
    """

    rows: int
    isolated: int
    reference_rows: int
    reference_isolated: int

    @property
    def ratio(self) -> float:
        """The share of rows that are isolated now."""
        return self.isolated / self.rows


def isolated_rows(
    reference: NDArray[np.float64], current: NDArray[np.float64], *, seed: int
) -> Isolated:
    """Fit a forest on half of a reference, and hold current rows against the other half.

    Raises:
        ValueError: there are no current rows, or fewer than four of the reference.
    """
    if len(reference) < 4 or not len(current):
        msg = f"{len(reference)} and {len(current)} rows are too few for an isolation forest"
        raise ValueError(msg)
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415 - takes a second

    forest = IsolationForest(n_estimators=TREES, random_state=seed).fit(reference[::2])
    usual = -forest.score_samples(reference[1::2])
    scores = -forest.score_samples(current)
    threshold = float(np.quantile(usual, USUAL_SHARE))
    beyond = int((scores > threshold).sum()), int((usual > threshold).sum())
    return Isolated(len(scores), beyond[0], len(usual), beyond[1])
