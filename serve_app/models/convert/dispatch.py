"""Who converts what: a table by the exact class of an estimator.

A subclass may compute something else, so that it is never taken for its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from serve_app.core.columns import Array
from serve_app.core.signature import Column
from serve_app.models.compiled.arithmetic import Cast, Screen, ToMatrix
from serve_app.models.compiled.classes import Take
from serve_app.models.compiled.gaps import AsFloats
from serve_app.models.compiled.operation import Operation, chain

ConvertsRows = Callable[[Any, "Given"], tuple[Operation, "Given"]]
ConvertsModel = Callable[[Any, "Given"], "Scored"]
F = TypeVar("F", bound=Callable[..., Any])

OPTIONAL = {
    "catboost": "serve_app.models.convert.catboost",
    "imblearn": "serve_app.models.convert.imbalanced",
    "lightgbm": "serve_app.models.convert.lightgbm",
}
"""Who converts estimators of libraries that need not be here; imported with the first of them."""
NULLABLE = ("boolean", "Int", "UInt", "Float")
"""How the names of pandas' nullable types of numbers begin."""

TRANSFORMERS: dict[type, ConvertsRows] = {}
PREDICTORS: dict[type, ConvertsModel] = {}


class Inconvertible(Exception):
    """An estimator has no compiled form here; the message says why, for a person to read."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an estimator is given when it predicts.

    `columns` are those of the request while nothing has made a matrix of them. `sparse` is
    true where scikit-learn would hand on a sparse matrix, and `screened` where infinities
    have been refused since numbers last changed.
    """

    width: int
    columns: tuple[Column, ...] | None = None
    sparse: bool = False
    screened: bool = False

    def matrix(self, width: int, **changes: bool) -> Given:
        """A matrix of so many columns, which nobody has screened unless `changes` says so."""
        return replace(self, columns=None, width=width, screened=changes.get("screened", False))


@dataclass(frozen=True, slots=True)
class Scored:
    """A converted predictor.

    `scores` take the rows, and `link` the scores: nothing for most, which is the same as the
    scores themselves. A classifier's `probabilities` and `classes` take what is linked. A
    regressor's linked scores are its values, and it has no `classes`. `decision` takes the
    scores before any link: scikit-learn's decision function, XGBoost's margins.
    """

    scores: Operation
    decision: Operation | None = None
    probabilities: Operation | None = None
    classes: Operation | None = None
    labels: Array | None = None
    link: Operation | None = None

    def before(self, *steps: Operation | None) -> Scored:
        """The same predictor behind some steps."""
        return replace(self, scores=chain(*steps, self.scores))

    def method(self, name: str) -> Operation:
        """One of scikit-learn's methods: predict, predict_proba or decision_function.

        Raises:
            Inconvertible: the estimator has no such method, or its classes are no numbers.
        """
        if name == "predict":
            return self._predict()
        likely = name == "predict_proba"
        last = self.probabilities if likely else self.decision
        if last is None:
            msg = f"it has no {name}"
            raise Inconvertible(msg)
        return chain(self.scores, self.link if likely else None, last)

    def _predict(self) -> Operation:
        if self.classes is None:
            return chain(self.scores, self.link)
        if self.labels is None or self.labels.dtype.kind not in "biuf":
            msg = "a model of classes that are no numbers is a part of it"
            raise Inconvertible(msg)
        return chain(self.scores, self.link, self.classes, Take(self.labels))


def transforms(*kinds: type) -> Callable[[F], F]:
    """Enter a function as the one that converts these transformers."""

    def enter(function: F) -> F:
        TRANSFORMERS.update(dict.fromkeys(kinds, function))
        return function

    return enter


def predicts(*kinds: type) -> Callable[[F], F]:
    """Enter a function as the one that converts these predictors."""

    def enter(function: F) -> F:
        PREDICTORS.update(dict.fromkeys(kinds, function))
        return function

    return enter


def transformer(estimator: Any, given: Given) -> tuple[Operation, Given]:
    """The operation that a fitted transformer is, and what it hands on.

    Raises:
        Inconvertible: there is none; says why.
    """
    _import_family(estimator)
    convert = TRANSFORMERS.get(type(estimator))
    if convert is None:
        raise _unknown(estimator)
    return convert(estimator, given)


def predictor(estimator: Any, given: Given) -> Scored:
    """The operations that a fitted predictor is.

    Raises:
        Inconvertible: there are none; says why.
    """
    _import_family(estimator)
    convert = PREDICTORS.get(type(estimator))
    if convert is None:
        raise _unknown(estimator)
    return convert(estimator, given)


def numbers(given: Given) -> tuple[Operation | None, Given]:
    """What makes a matrix of columns that are all numbers; nothing, of a matrix.

    Raises:
        Inconvertible: a column holds text or categories.
    """
    if given.columns is None:
        return None, given
    for column in given.columns:
        if not column.is_numeric or column.frame_dtype == "category":
            msg = f"column {column.name!r} is no number where a number is needed"
            raise Inconvertible(msg)
    return chain(floats_of(given.columns), ToMatrix()), given.matrix(given.width)


def floats_of(columns: Sequence[Column]) -> Operation | None:
    """What makes floats of the columns that pandas holds with gaps beside values.

    scikit-learn does so with its nullable types, whether or not there is a gap in the rows.
    """
    positions = tuple(j for j, column in enumerate(columns) if _beside_gaps(column))
    return AsFloats(positions) if positions else None


def _beside_gaps(column: Column) -> bool:
    kind = column.frame_dtype or ""
    return kind.startswith(NULLABLE) or (column.dtype == "bool" and column.nullable)


def shared(given: Given) -> tuple[Operation | None, Given]:
    """One matrix for all members where the columns are all numbers."""
    try:
        return numbers(given)
    except Inconvertible:
        return None, given


def screened(given: Given, *, nan: bool = False, dtype: str | None = None) -> Operation:
    """Numbers as an estimator checks them: rounded to its dtype, then without infinities.

    Raises:
        Inconvertible: a column holds text or categories.
    """
    to_matrix, given = numbers(given)
    cast = None if dtype is None else Cast(dtype)
    needless = given.screened and nan and dtype is None
    return chain(to_matrix, cast, None if needless else Screen(nan=nan))


def dense(given: Given, what: Any) -> None:
    """Refuse a sparse matrix, which this estimator would treat in a way of its own.

    Raises:
        Inconvertible: it would be given one.
    """
    if given.sparse:
        msg = f"{type(what).__name__} would be given a sparse matrix; add sparse_output=False"
        raise Inconvertible(msg)


def as_array(value: Any) -> Array:
    """A fitted attribute as an array that keeps how it lies in memory."""
    return np.asarray(value)


def _import_family(estimator: Any) -> None:
    module = OPTIONAL.get(type(estimator).__module__.partition(".")[0])
    if module is not None:
        import_module(module)


def _unknown(estimator: Any) -> Inconvertible:
    return Inconvertible(f"there is no compiled form of {type(estimator).__name__}")
