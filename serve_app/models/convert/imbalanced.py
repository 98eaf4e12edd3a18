"""Converts imbalanced-learn's models, which predict as those of scikit-learn that they extend.

What they do otherwise, they do when they are fitted: samplers change rows of training alone.
"""

from __future__ import annotations

from typing import Any

from imblearn.ensemble import (
    BalancedBaggingClassifier,
    BalancedRandomForestClassifier,
    EasyEnsembleClassifier,
    RUSBoostClassifier,
)
from imblearn.pipeline import Pipeline
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, RandomForestClassifier

from serve_app.models.convert.dispatch import (
    PREDICTORS,
    Given,
    Scored,
    predictor,
    predicts,
    transforms,
)
from serve_app.models.convert.rows import Converted, in_sequence

predicts(BalancedRandomForestClassifier)(PREDICTORS[RandomForestClassifier])
predicts(BalancedBaggingClassifier, EasyEnsembleClassifier)(PREDICTORS[BaggingClassifier])
predicts(RUSBoostClassifier)(PREDICTORS[AdaBoostClassifier])


@predicts(Pipeline)
def _pipeline(pipeline: Any, given: Given) -> Scored:
    operation, handed_on = in_sequence(_transformers(pipeline)[:-1], given)
    return predictor(pipeline.steps[-1][1], handed_on).before(operation)


@transforms(Pipeline)
def _transformer(pipeline: Any, given: Given) -> Converted:
    return in_sequence(_transformers(pipeline), given)


def _transformers(pipeline: Any) -> list[Any]:
    """The steps that rows go through when it predicts."""
    return [step for _, step in pipeline.steps if not hasattr(step, "fit_resample")]
