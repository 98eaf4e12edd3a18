"""The patients of the case study: those known first, those who come later, and those who wait."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from serve_app.examples.datasets import SEED, breast_cancer

TARGET, ID, TIME = "diagnosis", "patient", "admitted"
KNOWN_FIRST, KNOWN_LATER = 400, 120


@dataclass(frozen=True, slots=True)
class Patients:
    """Frames with the columns of measurements, `patient`, `admitted` and `diagnosis`."""

    first: pd.DataFrame
    later: pd.DataFrame
    waiting: pd.DataFrame


def patients() -> Patients:
    """The 569 patients of the breast cancer data in an order that is drawn once.

    The data has neither names nor dates: patients are numbered, and one is admitted each day.
    """
    data = breast_cancer()
    order = np.random.default_rng(SEED).permutation(len(data.target))
    days = pd.date_range("2025-01-01", periods=len(order), freq="D")
    frame = data.frame.iloc[order].reset_index(drop=True)
    frame.insert(0, ID, [f"p-{number:03d}" for number in range(1, len(order) + 1)])
    frame.insert(1, TIME, days.strftime("%Y-%m-%d"))
    frame[TARGET] = data.named_target[order]
    until = KNOWN_FIRST + KNOWN_LATER
    return Patients(frame[:KNOWN_FIRST], frame[KNOWN_FIRST:until], frame[until:])
