"""Predictions of several targets: which columns are whose, and how their order is changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from serve_app.core.columns import Array
    from serve_app.core.messages import Prediction
    from serve_app.core.signature import Output, Target

SHOWN = 8


def parts(probabilities: Array, targets: Sequence[Target]) -> list[Array]:
    """The probabilities of each target's classes, of shape (n, its classes), by target."""
    ends = list(accumulate(len(target.labels) for target in targets))
    return np.split(probabilities, ends[:-1], axis=1)


def aligned(prediction: Prediction, mine: tuple[Target, ...], output: Output) -> Prediction:
    """A prediction of the targets `mine` in the order of `output`, and of its classes."""
    at = {target.name: place for place, target in enumerate(mine)}
    order = [at[target.name] for target in output.targets]
    probabilities, scores = prediction.probabilities, prediction.scores
    if probabilities is not None and output.kind == "multilabel":
        probabilities = probabilities[:, order]
    elif probabilities is not None:
        shares = parts(probabilities, mine)
        probabilities = np.concatenate(
            [shares[at[t.name]][:, _order(mine[at[t.name]], t)] for t in output.targets], axis=1
        )
    if scores is not None:
        # One score per target speaks for the second of its two classes, and against the first.
        turned = [mine[at[t.name]].labels != t.labels for t in output.targets]
        scores = np.where(turned, -scores[:, order], scores[:, order])
    return type(prediction)(prediction.values[:, order], probabilities, scores)


def column_wise(columns: Sequence[Array]) -> Array:
    """One array of shape (n, targets) of a value per row for each; of several kinds, objects."""
    if len({column.dtype for column in columns}) == 1:
        return np.column_stack(columns)
    stacked: Array = np.empty((len(columns[0]), len(columns)), dtype=object)
    for place, column in enumerate(columns):
        stacked[:, place] = column.tolist()
    return stacked


def in_words(targets: Sequence[Target]) -> str:
    """The targets with their classes, in words."""
    shown = [f"{target.name!r} of {_shown(target.labels)}" for target in targets[:SHOWN]]
    more = f" and {len(targets) - SHOWN} more" if len(targets) > SHOWN else ""
    return ", ".join(shown) + more


def _shown(labels: Sequence[Any]) -> str:
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return f"{list(labels[:SHOWN])}{more}"


def _order(mine: Target, theirs: Target) -> list[int]:
    return [mine.labels.index(label) for label in theirs.labels]
