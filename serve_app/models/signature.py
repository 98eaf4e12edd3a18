"""The signature of a fitted estimator, from the frame that it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pandas as pd

from serve_app.core.signature import SEVERAL, Column, Output, OutputKind, Signature
from serve_app.errors import InvalidInput
from serve_app.models import module_of, resolve, several, sklearn, xgboost_columns
from serve_app.models.containers import RowContainer, find, handed, refused
from serve_app.models.feature_names import knows_names
from serve_app.models.frames import describe
from serve_app.models.labels import check_labels
from serve_app.models.plausibility import agreement
from serve_app.models.xgboost_trained import is_xgboost

PROBED_ROWS = 100


def infer(
    estimator: Any,
    flavour: str,
    frame: pd.DataFrame,
    labels: Sequence[Any] = (),
    truth: Any = None,
    targets: Sequence[str] = (),
) -> Signature:
    """What an estimator takes and gives.

    `frame` has its columns in the estimator's own order (`feature_names.bound`). `labels` name
    the classes of a model that was trained on 0, 1, 2, …, in that order; `targets` name what it
    predicts where that is several things. `truth` is the target of the rows, where it is known.

    Raises:
        InvalidInput: a column cannot be served, the labels or targets do not fit, or the model
            does not answer the rows.
    """
    own = resolve(flavour).signature(estimator, frame, labels)
    if own is not None:
        return own
    inputs, row_container = describe(frame), None
    rows: Any = frame.head(PROBED_ROWS)
    if flavour in {"catboost", "lightgbm", "xgboost"}:
        library = module_of(flavour)
        with answering():
            kind, classes, probabilities, width = library.outputs(estimator)
            scores = library.scores_width(estimator)
    else:
        with answering():
            row_container = _container(estimator, frame, truth)
            rows = handed(rows, row_container.container)
            kind, classes, probabilities, width = sklearn.outputs(estimator, rows)
            without = kind in {"transform", "multioutput"}
            scores = 0 if without else sklearn.scores_width(estimator, rows)
    about = several.named(cast("Any", classes), targets) if kind in SEVERAL else ()
    if about:
        classes, scores = (), scores if scores == width else 0
    if labels and about:
        raise InvalidInput("labels name the classes of one target, but the model predicts several")
    check_labels(labels, classes)
    columns = _columns(estimator, rows) if kind == "transform" else ()
    named = tuple(labels) or classes
    return Signature(
        inputs,
        Output(cast(OutputKind, kind), named, probabilities, width, columns, scores, about),
        container=None if row_container is None else row_container.container,
        by_position=_by_position(estimator, frame, row_container),
    )


def _container(estimator: Any, frame: pd.DataFrame, truth: Any) -> RowContainer:
    ask = estimator.predict if hasattr(estimator, "predict") else estimator.transform
    if truth is None:
        return find(estimator, ask, frame)
    wanted = np.asarray(truth)
    labels = getattr(estimator, "classes_", ())

    def fit(answers: Any) -> float:
        return agreement(answers, wanted[np.arange(len(answers)) % len(wanted)], list(labels))

    return find(estimator, ask, frame, fit)


def _by_position(estimator: Any, frame: pd.DataFrame, row_container: RowContainer | None) -> bool:
    if row_container is not None:
        return row_container.by_position
    if is_xgboost(estimator):
        given = [str(name) for name in frame.columns]
        return frame.shape[1] > 1 and xgboost_columns.known_names(estimator, given) is None
    return frame.shape[1] > 1 and not knows_names(estimator, frame)


@contextmanager
def answering() -> Iterator[None]:
    """What an estimator is asked inside must succeed: it is asked about rows of its own data.

    Raises:
        InvalidInput: it raised; says what.
    """
    try:
        yield
    except InvalidInput:
        raise
    except Exception as error:
        raise refused(error) from error


def _columns(transformer: Any, rows: Any) -> tuple[Column, ...]:
    """The columns that a transformer gives."""
    with answering():
        result = transformer.transform(rows)
        if isinstance(result, pd.DataFrame):
            return tuple(Column(c.name, c.dtype, c.nullable, zone=c.zone) for c in describe(result))
        result = several.dense(result)
        names = [str(name) for name in transformer.get_feature_names_out()]
    dtype = "string" if result.dtype == object else str(result.dtype)
    return tuple(Column(name, dtype) for name in names)
