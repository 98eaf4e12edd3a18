"""The estimators of `auto`: with preprocessing chosen from the types of columns, and a space each.

The set is small on purpose: one linear model, one forest and two ways of boosting cover tabular
data, and all of them can be compiled.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from serve_app.core.places import standing_at
from serve_app.errors import InvalidInput
from serve_app.models.evaluate import quiet

FINAL = "model"
"""The name of the last step of each Pipeline that is made here."""
_MOST_CATEGORIES = 32

Range = Mapping[str, Any]
_FOREST: Mapping[str, Range] = {
    "max_features": {"float": (0.2, 1.0)},
    "min_samples_leaf": {"int": (1, 20), "log": True},
    "max_depth": {"int": (3, 20)},
}
_BOOSTING: Mapping[str, Range] = {
    "learning_rate": {"float": (0.01, 0.3), "log": True},
    "max_leaf_nodes": {"int": (4, 64), "log": True},
    "min_samples_leaf": {"int": (2, 60), "log": True},
    "l2_regularization": {"float": (1e-4, 10.0), "log": True},
}
_XGBOOST: Mapping[str, Range] = {
    "learning_rate": {"float": (0.01, 0.3), "log": True},
    "max_depth": {"int": (2, 8)},
    "subsample": {"float": (0.5, 1.0)},
    "colsample_bytree": {"float": (0.5, 1.0)},
    "reg_lambda": {"float": (1e-3, 10.0), "log": True},
}
SPACES: Mapping[str, Mapping[str, Mapping[str, Range]]] = {
    "linear": {
        "classification": {"C": {"float": (1e-3, 1e2), "log": True}},
        "regression": {"alpha": {"float": (1e-3, 1e3), "log": True}},
    },
    "forest": {"classification": _FOREST, "regression": _FOREST},
    "boosting": {"classification": _BOOSTING, "regression": _BOOSTING},
    "xgboost": {"classification": _XGBOOST, "regression": _XGBOOST},
}
"""What is searched of each, by task."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to build one estimator of a search.

    `source` is one of `SPACES`, or `module:name` in the environment. `fixed` are parameters that
    are always set.
    """

    name: str
    source: str
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_imported(self) -> bool:
        """Whether it comes from the user's own environment."""
        return ":" in self.source


def built(
    recipe: Recipe,
    frame: pd.DataFrame,
    parameters: Mapping[str, Any],
    *,
    classes: int,
    seed: int,
    empty: Collection[str] = (),
) -> Any:
    """An unfitted estimator for columns like those of a frame, with its parameters set.

    It computes with one thread, and draws from `seed`. `classes` is 0 where numbers are predicted.
    Estimators of `auto` leave out the columns that are `empty` where they are fitted.

    Raises:
        InvalidInput: a column cannot be preprocessed, the import fails, or the estimator has no
            such parameter.
    """
    if recipe.is_imported:
        estimator, prefix = _imported(recipe.source), ""
    else:
        estimator, prefix = _pipeline(recipe.source, frame, classes, empty)
    wanted = {f"{prefix}{name}": value for name, value in {**recipe.fixed, **parameters}.items()}
    known = estimator.get_params(deep=True)
    seeds = {
        name: seed
        for name, value in known.items()
        if (name == "random_state" or name.endswith("__random_state")) and value is None
    }
    try:
        estimator.set_params(**seeds)
        estimator.set_params(**wanted)
    except (ValueError, TypeError) as error:
        unknown = next((name for name in wanted if name not in known), None)
        shown = f"has no parameter {unknown!r}" if unknown else f"refuses its parameters: {error}"
        raise InvalidInput(f"candidate {recipe.name!r} {shown}") from error
    _use_one_thread(estimator)
    return quiet(estimator)


def _use_one_thread(estimator: Any) -> None:
    """Trials are computed side by side: more threads in each would be in each other's way."""
    for one in (estimator, *estimator.get_params(deep=True).values()):
        own = one.get_params(deep=False) if hasattr(one, "set_params") else {}
        # None is one thread to scikit-learn, and to these as many as there are.
        libraries = {base.__module__.partition(".")[0] for base in type(one).__mro__}
        is_one = own.get("n_jobs") is None and not libraries & {"lightgbm", "xgboost"}
        if "n_jobs" in own and not is_one:
            one.set_params(n_jobs=1)


def _imported(place: str) -> Any:
    try:
        made = standing_at(place)
        estimator = made if hasattr(made, "fit") and not isinstance(made, type) else made()
    except Exception as error:
        msg = f"{place} gives no estimator: {type(error).__name__}: {error}"
        raise InvalidInput(msg) from error
    if not hasattr(estimator, "fit") or not hasattr(estimator, "get_params"):
        msg = (
            f"{place} gives a {type(estimator).__name__}; it has to be an unfitted estimator or "
            "Pipeline with fit, get_params and set_params, as scikit-learn's have"
        )
        raise InvalidInput(msg)
    return estimator


def _pipeline(
    source: str, frame: pd.DataFrame, classes: int, empty: Collection[str]
) -> tuple[Any, str]:
    """The estimator of a name, behind what its columns need, and the prefix of its parameters."""
    every_number, words, gaps = column_kinds(frame)
    numbers = [name for name in every_number if name not in empty]
    model = _model(source, classes)
    if source == "linear":
        steps: list[tuple[str, Any]] = [("impute", SimpleImputer(strategy="median"))] * gaps
        of_numbers: Any = Pipeline([*steps, ("scale", StandardScaler())])
        of_words: Any = OneHotEncoder(
            handle_unknown="infrequent_if_exist", max_categories=_MOST_CATEGORIES
        )
    else:
        impute = gaps and source == "forest"
        of_numbers = SimpleImputer(strategy="median") if impute else "passthrough"
        of_words = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        )
    if not words and len(numbers) == len(every_number):
        if of_numbers == "passthrough":
            return model, ""
        return Pipeline([("numbers", of_numbers), (FINAL, model)]), f"{FINAL}__"
    parts = [("numbers", of_numbers, numbers)] if numbers else []
    parts += [("categories", of_words, words)] if words else []
    columns = ColumnTransformer(parts)
    return Pipeline([("columns", columns), (FINAL, model)]), f"{FINAL}__"


def column_kinds(frame: pd.DataFrame) -> tuple[list[str], list[str], bool]:
    """The columns of numbers, those of categories, and whether a number is missing somewhere.

    Raises:
        InvalidInput: a column is of another kind, such as a date; says what to do.
    """
    numbers: list[str] = []
    words: list[str] = []
    for name in frame.columns:
        series = frame[name]
        if pd.api.types.is_bool_dtype(series.dtype):
            words.append(name)
        elif pd.api.types.is_numeric_dtype(series.dtype):
            numbers.append(name)
        elif pd.api.types.is_datetime64_any_dtype(series.dtype):
            msg = (
                f"column {name!r} holds dates, of which `auto` makes no features: leave it out "
                "with data.drop, or bring an estimator of your own that reads it"
            )
            raise InvalidInput(msg, column=name)
        else:
            words.append(name)
    gaps = bool(frame[numbers].isna().any(axis=None)) if numbers else False
    return numbers, words, gaps


def _model(source: str, classes: int) -> Any:
    if source == "linear":
        return LogisticRegression(max_iter=1000) if classes else Ridge()
    if source == "forest":
        return RandomForestClassifier() if classes else RandomForestRegressor()
    if source == "boosting":
        return HistGradientBoostingClassifier() if classes else HistGradientBoostingRegressor()
    import xgboost  # noqa: PLC0415 - slow to import, and only one candidate needs it

    return xgboost.XGBClassifier() if classes else xgboost.XGBRegressor()
