"""A model of XGBoost's together with what its file does not tell."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import xgboost
from scipy.special import softmax

from serve_app.core.columns import Array
from serve_app.errors import InvalidInput

WRAPPERS = {
    wrapper.__name__: wrapper
    for wrapper in (
        xgboost.XGBClassifier,
        xgboost.XGBRegressor,
        xgboost.XGBRanker,
        xgboost.XGBRFClassifier,
        xgboost.XGBRFRegressor,
    )
}
_BY_TYPE = {"classifier": "XGBClassifier", "regressor": "XGBRegressor", "ranker": "XGBRanker"}
_LIKELY = frozenset({"binary:logistic", "binary:hinge", "multi:softprob", "multi:softmax"})

Choice = Literal["best", "all"] | int
"""Which iterations answer: the best of early stopping, all, or so many from the first on."""


@dataclass(frozen=True, slots=True)
class Iterations:
    """The iterations that answer: the first `end` of `of`; `words` say so to people."""

    end: int
    of: int
    words: str

    @property
    def given(self) -> tuple[int, int]:
        """As a booster's `predict` takes it: (0, 0) are all."""
        return (0, 0) if self.end == self.of else (0, self.end)


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A booster or one of XGBoost's wrappers, and what only who trained it knows.

    `missing` is the number that stood for a gap in training; where it is None, nobody said,
    and NaN alone is one. `iterations` says which answer; None leaves it to the library, which
    takes all of a booster and the best of a wrapper. `offset` names the column of the data
    that was the base margin in training, and is added to each row's margin.
    """

    model: Any
    missing: float | None = None
    iterations: Choice | None = None
    offset: str | None = None

    @property
    def wrapped(self) -> bool:
        """Whether it is one of the wrappers."""
        return not isinstance(self.model, xgboost.Booster)

    @property
    def booster(self) -> xgboost.Booster:
        """The booster itself."""
        booster: xgboost.Booster = self.model.get_booster() if self.wrapped else self.model
        return booster

    @property
    def feature_names_in_(self) -> tuple[str, ...] | None:
        """The columns that it knows by name, the offset last; XGBoost's own f0, f1, … are none."""
        names = self.booster.feature_names
        if not names or made_up(names):
            return None
        return tuple(names) if self.offset is None else (*names, self.offset)

    @property
    def gap(self) -> float:
        """The number that stands for a gap, NaN where only NaN does."""
        if self.missing is not None:
            return float(self.missing)
        own = getattr(self.model, "missing", None)
        return math.nan if own is None else float(own)

    @property
    def gap_is_known(self) -> bool:
        """Whether somebody said which number stands for a gap."""
        return self.missing is not None or not math.isnan(self.gap)


def is_xgboost(estimator: Any) -> bool:
    """Whether it is a booster, a wrapper of exactly XGBoost's own classes, or one `Trained`."""
    exact = type(estimator) in WRAPPERS.values()
    return exact or isinstance(estimator, (Trained, xgboost.Booster))


def trained(estimator: Any) -> Trained:
    """A model of XGBoost's with what is known of it: a wrapper in memory knows its gaps."""
    if isinstance(estimator, Trained):
        return estimator
    if isinstance(estimator, xgboost.Booster):
        return Trained(estimator)
    model = Trained(estimator)
    return replace(model, missing=model.gap)


def from_file(content: Any) -> Trained:
    """Read what `save_model` wrote: a path, or the bytes themselves.

    A wrapper's file says what kind of learner it is; where it does not, its objective does.
    Files of XGBoost before 2.0 also hold the wrapper's settings, and so which number is a gap.

    Raises:
        xgboost.core.XGBoostError: it cannot be read.
    """
    booster = xgboost.Booster(model_file=content)
    text = booster.attr("scikit_learn")
    if text is None:
        return Trained(booster)
    settings = json.loads(text)
    settings = settings if isinstance(settings, dict) else {}
    kind = _BY_TYPE.get(str(settings.get("_estimator_type"))) or str(settings.get("type"))
    kind = kind if kind in WRAPPERS else _by_objective(booster)
    wrapper = WRAPPERS[kind]()
    wrapper.load_model(content)
    missing = settings.get("missing")
    return Trained(wrapper, float(missing) if isinstance(missing, (int, float)) else None)


def made_up(names: Sequence[str]) -> bool:
    """Whether names are those that XGBoost gives columns of arrays."""
    return list(names) == [f"f{at}" for at in range(len(names))]


def objective(booster: xgboost.Booster) -> str:
    """The name of what a booster was trained for."""
    return str(json.loads(booster.save_config())["learner"]["objective"]["name"])


def likely(objective: str) -> bool:
    """Whether what a classifier with this objective calls probabilities are some."""
    return objective in _LIKELY


def iterations(model: Trained) -> Iterations:
    """Which iterations of a model answer.

    Raises:
        InvalidInput: it has not those that were asked for.
    """
    booster, wish = model.booster, model.iterations
    total = int(booster.num_boosted_rounds())
    attribute = booster.attr("best_iteration")
    best = None if attribute is None else int(attribute)
    if json.loads(booster.save_config())["learner"]["gradient_booster"]["name"] == "gblinear":
        if wish not in (None, "all"):
            raise InvalidInput("a linear booster (gblinear) answers with all its iterations")
        return Iterations(total, total, f"all {total}")
    if wish == "best" or (wish is None and model.wrapped and best is not None):
        return _best(best, total)
    if isinstance(wish, int):
        if not 1 <= wish <= total:
            msg = f"the model has {total} iterations, of which {wish} were asked for"
            raise InvalidInput(msg)
        return Iterations(wish, total, f"0 to {wish - 1} of {total}")
    words = f"all {total}"
    if best is not None and best + 1 < total and wish is None:
        words += (
            f", as a Booster's predict takes them (early stopping found 0 to {best} the best: "
            "--iterations best)"
        )
    return Iterations(total, total, words)


def user_prediction(estimator: Any, frame: pd.DataFrame) -> tuple[Array, Array | None]:
    """What somebody gets who asks XGBoost itself about a frame: values and probabilities.

    The frame has the types of training and, where there is one, the offset as a column.
    Values of a classifier are the numbers of its classes.
    """
    model = trained(estimator)
    margin = None if model.offset is None else frame[model.offset].to_numpy(np.float32)
    rows = frame if model.offset is None else frame.drop(columns=model.offset)
    names = model.booster.feature_names
    if names and list(map(str, rows.columns)) != names:
        rows = rows.set_axis(pd.Index(names), axis=1)
    if model.wrapped:
        return _wrapper_prediction(model, rows, margin)
    matrix = xgboost.DMatrix(rows, base_margin=margin, missing=model.gap, enable_categorical=True)
    chosen = {} if model.iterations is None else {"iteration_range": iterations(model).given}
    output: Array = model.booster.predict(matrix, **chosen)
    aim = objective(model.booster)
    if aim in {"multi:softmax", "binary:hinge"}:
        return output.astype(np.int64), None
    if aim == "multi:softprob":
        return np.argmax(output, axis=1), output
    if aim == "binary:logistic" and output.ndim == 1:
        return (output > 0.5).astype(np.int64), np.column_stack([1 - output, output])
    return output, None


def fitted_again(estimator: Any) -> Any:
    """The wrapper that cross-validation can fit, with its gaps; the estimator itself otherwise.

    A ranker and a model with an offset need more than rows and a target.
    """
    if not isinstance(estimator, Trained):
        return estimator
    if not estimator.wrapped or estimator.offset is not None:
        return None
    if type(estimator.model).__name__ == "XGBRanker":
        return None
    return type(estimator.model)(**estimator.model.get_params()).set_params(missing=estimator.gap)


def both_of_margins(margins: Array) -> tuple[Array, Array]:
    """Classes and probabilities as a wrapper with `multi:softmax` gives them."""
    return np.argmax(margins, axis=1), softmax(margins, axis=1)


def _wrapper_prediction(
    model: Trained, rows: pd.DataFrame, margin: Array | None
) -> tuple[Array, Array | None]:
    more: dict[str, Any] = {} if margin is None else {"base_margin": margin}
    if model.iterations is not None:
        more["iteration_range"] = (0, iterations(model).end)
    wrapper = model.model
    before = wrapper.missing
    wrapper.missing = model.gap
    try:
        values = wrapper.predict(rows, **more)
        if not hasattr(wrapper, "predict_proba") or not likely(objective(model.booster)):
            return values, None
        return values, wrapper.predict_proba(rows, **more)
    finally:
        wrapper.missing = before


def _best(best: int | None, total: int) -> Iterations:
    if best is None:
        raise InvalidInput("the model was trained without early stopping: no iteration is its best")
    if best >= total:
        msg = (
            f"its best iteration is said to be {best}, but it has {total} (was it sliced?); "
            "choose with --iterations all"
        )
        raise InvalidInput(msg)
    words = f"0 to {best} of {total} (best iteration, early stopping)"
    return Iterations(best + 1, total, words)


def _by_objective(booster: xgboost.Booster) -> str:
    aim = objective(booster)
    if aim.startswith(("binary:", "multi:")):
        return "XGBClassifier"
    return "XGBRanker" if aim.startswith("rank:") else "XGBRegressor"
