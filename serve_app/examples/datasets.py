"""The real data sets that come with scikit-learn, with names that make good columns."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

from serve_app.models.evaluate import HELD_OUT

SEED = 20


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

    def parts(self) -> tuple[Dataset, Dataset]:
        """The rows that example models are fitted on, and a quarter that none of them has seen.

        The split is that of `evaluate` with `SEED`, so that what a manifest says of held-out rows
        is true of the very model that is served.
        """
        fitted_on, held_out = train_test_split(
            np.arange(len(self.target)),
            test_size=HELD_OUT,
            random_state=SEED,
            stratify=self.target if self.labels else None,
        )
        return self._rows(fitted_on), self._rows(held_out)

    def _rows(self, places: np.ndarray[Any, Any]) -> Dataset:
        return replace(self, frame=self.frame.iloc[places], target=self.target[places])


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
