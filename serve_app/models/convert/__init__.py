"""From fitted estimators of scikit-learn and XGBoost to programs (`models/compiled`).

Every file converts one family, by the exact class of an estimator; the tables are in
`dispatch.py`. What is written down here is only a claim: `models/parity.py` holds every
program against its estimator before it may answer anybody.

To add an estimator: a function under `@predicts` or `@transforms` that says with which
operations, and in which order, the library computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from serve_app.core.signature import Column, Signature
from serve_app.models.compiled.functions import Typed
from serve_app.models.compiled.model import Program
from serve_app.models.compiled.operation import Operation, chain
from serve_app.models.convert import (
    boosted,
    clusters,
    curves,
    encoders,
    functions,
    imputers,
    kernels,
    layers,
    linear,
    meta,
    neighbours,
    outliers,
    projections,
    rows,
    targets,
    texts,
    trees,
)
from serve_app.models.convert.dispatch import Given, Inconvertible, numbers, predictor, transformer

__all__ = ["Inconvertible", "convert"]
FAMILIES = (
    boosted, clusters, curves, encoders, functions, imputers, kernels, layers, linear, meta,
    neighbours, outliers, projections, rows, targets, texts, trees,
)  # fmt: skip


def convert(estimator: Any, signature: Signature) -> Program:
    """The program that computes what a fitted estimator does.

    Raises:
        Inconvertible: it, or a part of it, has no compiled form; says why.
    """
    if signature.output.targets:
        msg = "it says several things of each row, which has no compiled form"
        raise Inconvertible(msg)
    given = Given(len(signature.inputs), signature.inputs)
    if signature.output.kind == "transform":
        operation, handed_on = transformer(estimator, given)
        to_matrix, _ = numbers(handed_on)
        return Program(chain(operation, to_matrix, _typed(signature.output.columns)))
    scored = predictor(estimator, given)
    if signature.output.kind == "regression":
        return Program(scored.scores, link=scored.link, raw=scored.decision)
    if signature.output.probabilities and scored.probabilities is None:
        msg = "it gives probabilities in a way that has no compiled form"
        raise Inconvertible(msg)
    probabilities = scored.probabilities if signature.output.probabilities else None
    return Program(
        scored.scores, probabilities, scored.classes, link=scored.link, raw=scored.decision
    )


def _typed(columns: Sequence[Column]) -> Operation | None:
    """What gives the columns of a transformer types of their own, where they have some."""
    dtypes = tuple(column.dtype for column in columns)
    if "string" in dtypes:
        msg = "it gives columns of text"
        raise Inconvertible(msg)
    alike = len(set(dtypes)) == 1 and dtypes[0].startswith("float")
    return None if alike else Typed(dtypes)
