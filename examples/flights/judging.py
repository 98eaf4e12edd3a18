"""How good answers about a month were, how far its flights are from others, and what leaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score
from threadpoolctl import threadpool_limits

from examples.flights.year import NUMBERS
from serve_app.monitoring.drift.distances import psi

_BINS = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """What was said of flights whose arrival is known, beside what came: shares from 0 to 1.

    `expected` is the mean probability of being late, `late` the share that was.
    """

    flights: int
    late: float
    expected: float
    auc: float
    brier: float


def judged(answers: pd.DataFrame) -> Judged:
    """Answers of a batch job, with its columns `probability_yes` and `late`, held to the truth.

    Flights that never arrived are left out.
    """
    known = answers[answers["late"].notna()]
    truth = (known["late"] == "yes").to_numpy()
    probability = known["probability_yes"].to_numpy(float)
    return Judged(
        len(known),
        float(truth.mean()),
        float(probability.mean()),
        float(roc_auc_score(truth, probability)),
        float(brier_score_loss(truth, probability)),
    )


def distances(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, float]:
    """The PSI of each column of numbers, in the tenths of the reference and what is missing."""
    return {name: _distance(reference[name], current[name]) for name in NUMBERS}


def _distance(reference: pd.Series[Any], current: pd.Series[Any]) -> float:
    inner = np.unique(np.nanquantile(reference, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = []
    for series in (reference, current):
        values = series.to_numpy(float)
        known = values[~np.isnan(values)]
        places = np.searchsorted(inner, known, side="right")
        counts.append([*np.bincount(places, minlength=len(inner) + 1), len(values) - len(known)])
    return psi(counts[0], counts[1])


def auc_with(
    columns: Sequence[str], fitted_on: pd.DataFrame, later: pd.DataFrame, *, seed: int
) -> float:
    """The area under ROC, on later flights, of boosted trees that see these columns of numbers."""
    model = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    before, after = (frame[frame["late"].notna()] for frame in (fitted_on, later))
    # Threads that wait for each other take minutes where others compute beside them.
    with threadpool_limits(1):
        model.fit(before[list(columns)], before["late"] == "yes")
        probability = model.predict_proba(after[list(columns)])[:, 1]
    return float(roc_auc_score(after["late"] == "yes", probability))


def best_alone(columns: Sequence[str], flights: pd.DataFrame) -> Mapping[str, float]:
    """How well each column alone tells late flights from others: an area under ROC from 0.5."""
    known = flights[flights["late"].notna()]
    truth = known["late"] == "yes"
    areas = {}
    for name in columns:
        here = known[name].notna()
        area = float(roc_auc_score(truth[here], known.loc[here, name]))
        areas[name] = max(area, 1 - area)
    return areas
