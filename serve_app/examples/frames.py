"""The example data as frames with their target, for pipelines that import them.

Those whose column `held_out` says which rows are held out give the rows of training first, in the
order of `Dataset.parts`. What chooses features, and what members of a stack say, is fitted on
rows of training alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import cross_val_predict

from serve_app.examples.datasets import Dataset, breast_cancer, diabetes, wine
from serve_app.examples.estimators import features
from serve_app.examples.pipelines import estimator_of

HELD_OUT = "held_out"
MEMBERS = ("diagnosis-xgb", "diagnosis-forest", "diagnosis-logistic")
"""What the example of a stack is made of."""


def diagnosis() -> pd.DataFrame:
    """569 patients with their `diagnosis`, benign or malignant."""
    return _with_target(breast_cancer())


def progression() -> pd.DataFrame:
    """442 patients with the `progression` of their disease a year later."""
    return _with_target(diabetes())


def cultivar() -> pd.DataFrame:
    """178 wines with their `cultivar`."""
    return _with_target(wine())


def progression_parted() -> pd.DataFrame:
    """The rows of `progression`, of which a quarter is held out."""
    return _parted(diabetes())


def cultivar_parted() -> pd.DataFrame:
    """The rows of `cultivar`, of which a quarter is held out."""
    return _parted(wine())


def diagnosis_features() -> pd.DataFrame:
    """What `diagnosis-features` makes of the patients, with their `diagnosis`."""
    return _of_features(breast_cancer())


def diagnosis_millimetres() -> pd.DataFrame:
    """The same of patients whose lengths were measured in millimetres, not centimetres."""
    data = breast_cancer()
    factors = [float(_millimetres(name)) for name in data.frame.columns]
    return _of_features(replace(data, frame=data.frame * factors))


def diagnosis_members() -> pd.DataFrame:
    """What the members of the stack say of each patient: how probable it is that it is malignant.

    Of rows of training each member was fitted on others, by turns.
    """
    data = breast_cancer()
    fitted_on, held_out = data.parts()
    chain = features().fit(fitted_on.frame, fitted_on.target)
    rows, later = chain.transform(fitted_on.frame), chain.transform(held_out.frame)
    given = pd.DataFrame(index=[*rows.index, *later.index])
    for name in MEMBERS:
        member, target = estimator_of(name, rows, classes=2), fitted_on.target
        by_turns = cross_val_predict(member, rows, target, method="predict_proba")
        after = member.fit(rows, target).predict_proba(later)
        given[f"{name}@1:{data.labels[1]}"] = np.concatenate([by_turns, after])[:, 1]
    return _marked(given, fitted_on, held_out)


def _millimetres(column: str) -> int:
    """By how much a number grows that was of a centimetre, or of its square."""
    if "area" in column:
        return 100
    return 10 if "radius" in column or "perimeter" in column else 1


def _of_features(data: Dataset) -> pd.DataFrame:
    fitted_on, _ = breast_cancer().parts()
    chain = features().fit(fitted_on.frame, fitted_on.target)
    parts = data.parts()
    rows = pd.concat([chain.transform(part.frame) for part in parts])
    return _marked(rows, *parts)


def _parted(data: Dataset) -> pd.DataFrame:
    parts = data.parts()
    return _marked(pd.concat([part.frame for part in parts]), *parts)


def _marked(rows: pd.DataFrame, fitted_on: Dataset, held_out: Dataset) -> pd.DataFrame:
    """Rows in the order of both parts, with their target and where they belong."""
    target = np.concatenate([_target(fitted_on), _target(held_out)])
    marks = np.repeat([False, True], [len(fitted_on.target), len(held_out.target)])
    return rows.assign(**{fitted_on.predicts: target, HELD_OUT: marks})


def _target(data: Dataset) -> np.ndarray[Any, Any]:
    return data.named_target if data.labels else data.target


def _with_target(data: Dataset) -> pd.DataFrame:
    return data.frame.assign(**{data.predicts: _target(data)})
