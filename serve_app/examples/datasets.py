"""The real data sets that come with scikit-learn, with names that make good columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets


@dataclass(frozen=True, slots=True)
class Dataset:
    """Features, the target (class numbers or values), and the classes' names in order."""

    frame: pd.DataFrame
    target: np.ndarray[Any, Any]
    labels: tuple[str, ...]
    source: str
    predicts: str

    @property
    def named_target(self) -> np.ndarray[Any, Any]:
        """The target by the classes' names."""
        names: np.ndarray[Any, Any] = np.array(self.labels, dtype=object)[self.target]
        return names


def breast_cancer() -> Dataset:
    """569 patients, 30 measurements of cell nuclei, benign or malignant.

    Source: Wolberg, Street and Mangasarian, Breast Cancer Wisconsin (Diagnostic), UCI, 1995.
    """
    raw = datasets.load_breast_cancer(as_frame=True)
    # scikit-learn numbers malignant 0; alphabetical order is what other models come to.
    return Dataset(
        frame=_renamed(raw.data),
        target=1 - raw.target.to_numpy(),
        labels=("benign", "malignant"),
        source="scikit-learn's breast cancer data (569 patients)",
        predicts="diagnosis",
    )


def diabetes() -> Dataset:
    """442 patients, 10 measurements, progression of the disease a year later.

    Source: Efron, Hastie, Johnstone and Tibshirani, "Least Angle Regression", 2004.
    """
    return _regression(datasets.load_diabetes)


def wine() -> Dataset:
    """178 wines, 13 chemical measurements, three cultivars.

    Source: Aeberhard and Forina, Wine, UCI, 1991.
    """
    raw = datasets.load_wine(as_frame=True)
    return Dataset(
        frame=_renamed(raw.data),
        target=raw.target.to_numpy(),
        labels=("cultivar_1", "cultivar_2", "cultivar_3"),
        source="scikit-learn's wine data (178 wines)",
        predicts="cultivar",
    )


def _regression(load: Callable[..., Any]) -> Dataset:
    raw = load(as_frame=True, scaled=False)
    return Dataset(
        frame=_renamed(raw.data).astype(np.float64),
        target=raw.target.to_numpy(),
        labels=(),
        source="scikit-learn's diabetes data (442 patients)",
        predicts="progression",
    )


def _renamed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns=lambda name: re.sub(r"\W+", "_", str(name)).strip("_").lower())
