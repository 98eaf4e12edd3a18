"""Estimators whose probabilities are calibrated, and whose threshold follows from costs."""

from __future__ import annotations

from typing import Any

from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MISS_COST = 20.0
"""What a missed cancer costs, in needless biopsies: a number that is agreed upon, not learned."""
MALIGNANT = 1
"""The class that is looked for: classes are numbered in the order of their names."""


def threshold(miss_cost: float) -> float:
    """The probability from which a positive is called, at the least expected cost.

    Calling everybody with probability p costs 1 - p needless biopsies in the mean, and not
    calling them p misses: both are equal at 1 / (1 + miss_cost).

    Source: Elkan, The foundations of cost-sensitive learning, IJCAI 2001, equation 2.
    """
    return 1.0 / (1.0 + miss_cost)


def linear() -> Any:
    """Logistic regression."""
    return _careful(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)))


def forest() -> Any:
    """A random forest, whose shares of votes are no probabilities before they are calibrated."""
    return _careful(voting_forest())


def voting_forest() -> RandomForestClassifier:
    """The forest without calibration."""
    return RandomForestClassifier(n_estimators=40)


def _careful(estimator: Any) -> Any:
    """Calibrated on rows that it was not fitted on, with the threshold of the costs.

    Source of the calibration: Platt, Probabilistic outputs for support vector machines, 1999.
    """
    return FixedThresholdClassifier(
        CalibratedClassifierCV(estimator, method="sigmoid", cv=5),
        threshold=threshold(MISS_COST),
        pos_label=MALIGNANT,
        response_method="predict_proba",
    )
