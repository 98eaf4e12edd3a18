"""The signature of a fitted estimator, from the frame that it was trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import pandas as pd
import scipy.sparse

from serve_app.core.signature import Column, Output, OutputKind, Signature
from serve_app.errors import InvalidInput
from serve_app.models import onnx_examined, sklearn, xgboost
from serve_app.models.frames import describe
from serve_app.models.onnx_ends import Graph

PROBED_ROWS = 100


def infer(
    estimator: Any, flavour: str, frame: pd.DataFrame, labels: Sequence[Any] = ()
) -> Signature:
    """What an estimator takes and gives.

    `labels` name the classes of a model that was trained on 0, 1, 2, …, in that order.

    Raises:
        InvalidInput: a column cannot be served, or the labels do not fit.
    """
    if flavour == "onnx":
        return _of_graph(estimator, frame, labels)
    _trained_on(estimator, frame)
    inputs = describe(frame)
    probe = frame.head(PROBED_ROWS)
    scores = 0
    rows: Any = probe if hasattr(estimator, "feature_names_in_") else probe.to_numpy()
    if flavour == "xgboost":
        kind, found, probabilities, width = xgboost.outputs(estimator)
        scores = xgboost.scores_width(estimator)
    else:
        with answering():
            kind, found, probabilities, width = sklearn.outputs(estimator, rows)
            scores = 0 if kind == "transform" else sklearn.scores_width(estimator, rows)
    _check_labels(labels, found)
    columns: tuple[Column, ...] = ()
    if kind == "transform":
        with answering():
            columns = _columns(estimator, rows)
    output = Output(
        cast(OutputKind, kind), tuple(labels) or found, probabilities, width, columns, scores
    )
    return Signature(inputs, output)


def _of_graph(graph: Graph, frame: pd.DataFrame, labels: Sequence[Any]) -> Signature:
    """What an ONNX graph takes and gives."""
    graph = graph if graph.found is not None else onnx_examined.examined(graph, frame, labels)
    found = graph.found
    assert found is not None  # noqa: S101 - examined just now
    roles = found.roles
    _check_labels(labels, roles.classes)
    output = Output(
        cast(OutputKind, roles.kind),
        tuple(labels) or roles.classes,
        bool(roles.shares),
        roles.width,
        tuple(one.column for one in found.outputs),
        roles.scores_width,
        named=found.named,
    )
    inputs = onnx_examined.inputs(graph, frame)
    taken = found.columns or tuple((at,) for at in range(len(inputs)))
    tensors = tuple(one.column for one in found.inputs)
    return Signature(inputs, output, by_position=found.by_position, tensors=tensors, taken=taken)


def _check_labels(labels: Sequence[Any], found: Sequence[Any]) -> None:
    """Refuse names that are not one for each class of a model that knows none of its own."""
    if labels and len(labels) != len(found):
        msg = f"the model knows {len(found)} classes, but {len(labels)} labels were given"
        raise InvalidInput(msg)
    if labels and tuple(found) not in (tuple(labels), tuple(range(len(labels)))):
        msg = (
            f"the model itself says {list(found)}; labels are for one that was trained on 0, 1, 2 …"
        )
        raise InvalidInput(msg)


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
        said = str(error).partition("\n")[0]
        msg = (
            f"the model does not answer the rows that were given with it ({type(error).__name__}: "
            f"{said}); give the data that it was trained on, with columns of the same types"
        )
        raise InvalidInput(msg) from error


def _trained_on(estimator: Any, frame: pd.DataFrame) -> None:
    """Refuse data whose columns are not those that the estimator says it was fitted on.

    Raises:
        InvalidInput: one is missing, one too many, or they come in another order.
    """
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        return
    given, wanted = [str(name) for name in frame.columns], [str(name) for name in names]
    lacking = [name for name in wanted if name not in given]
    besides = [name for name in given if name not in wanted]
    if lacking:
        msg = f"the model was trained on the column {lacking[0]!r}, which the data does not have"
        raise InvalidInput(msg, columns=lacking)
    if besides:
        msg = (
            f"the data has the column {besides[0]!r}, which the model was not trained on; leave "
            "it out, or name it as the target"
        )
        raise InvalidInput(msg, columns=besides)
    if given != wanted:
        msg = f"the model was trained on the columns in the order {', '.join(wanted)}"
        raise InvalidInput(msg, columns=wanted)


def _columns(transformer: Any, rows: Any) -> tuple[Column, ...]:
    """The columns that a transformer gives."""
    result = transformer.transform(rows)
    if isinstance(result, pd.DataFrame):
        return tuple(Column(c.name, c.dtype, c.nullable) for c in describe(result))
    if scipy.sparse.issparse(result):
        result = result.toarray()
    result = np.asarray(result)
    names = [str(name) for name in transformer.get_feature_names_out()]
    dtype = "string" if result.dtype == object else str(result.dtype)
    return tuple(Column(name, dtype) for name in names)
