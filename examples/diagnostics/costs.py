"""What thresholds cost, and whether probabilities are what they say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from serve_app.core.columns import Array


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How a threshold did on some patients: how many there were, were called, missed, needless."""

    patients: int
    called: int
    missed: int
    needless: int

    def cost_per_100(self, miss_cost: float) -> float:
        """Needless biopsies of 100 patients, where a miss counts as so many."""
        return 100.0 * (self.missed * miss_cost + self.needless) / self.patients


def outcomes(is_ill: Array, probability: Array, threshold: float) -> Outcomes:
    """What becomes of patients (n,) who are called from a probability (n,) of `threshold` on."""
    called, ill = probability >= threshold, is_ill > 0
    missed, needless = int(np.sum(ill & ~called)), int(np.sum(called & ~ill))
    return Outcomes(len(called), int(np.sum(called)), missed, needless)


@dataclass(frozen=True, slots=True)
class Bin:
    """Patients of like probability: their number, the mean of what was said, and how many were."""

    patients: int
    mean_probability: float
    share_ill: float


def bins(is_ill: Array, probability: Array, edges: tuple[float, ...]) -> tuple[Bin, ...]:
    """Patients by probability, between edges from 0 to 1; empty bins are left out."""
    places = np.clip(np.searchsorted(edges, probability, side="right") - 1, 0, len(edges) - 2)
    here = [places == place for place in range(len(edges) - 1)]
    return tuple(
        Bin(int(chosen.sum()), float(probability[chosen].mean()), float(is_ill[chosen].mean()))
        for chosen in here
        if chosen.any()
    )
