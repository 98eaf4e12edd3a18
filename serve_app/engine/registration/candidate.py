"""A fitted estimator that somebody wants to register, with the data that it was fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serve_app.core.signature import Column, Signature
from serve_app.errors import InvalidInput
from serve_app.models.categories import typed
from serve_app.models.code import NONE, Code
from serve_app.models.containers import handed
from serve_app.models.evaluate import Evaluation
from serve_app.models.evaluate import evaluate as evaluation
from serve_app.models.feature_names import bound
from serve_app.models.xgboost_columns import as_trained, columns_as_trained
from serve_app.models.xgboost_trained import fitted_again
from serve_app.registry.lineage import Lineage

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class ProfileRows:
    """Rows of which a profile is made in place of those of training, as the model takes them.

    `truth` is the target of each, where it is known; `source` says in words where they are from.
    """

    frame: pd.DataFrame
    truth: Any = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted estimator with the frame that it was fitted on.

    The frame of an ONNX graph may have no rows, where nobody knows its training data. With
    `example` its rows are not those of training, but some that the model takes.
    `labels` name the classes of a model that was trained on 0, 1, 2, …; `inputs` correct
    the columns that are inferred from the frame; `source` and `target` say in words where
    the data came from and what is predicted, `origin` where the model did. `truth` is the
    target of the frame's rows, where it is known (the frame's own column `target`, or columns
    with commas between, when not given): what the model says is held against it, and clones of
    the estimator are fitted and scored by it, unless `evaluate` is false. `targets` name what is
    predicted where that is several things. `code` holds the modules of the model's own that are
    stored with it, and runs whenever it is loaded. `project` is a folder of the project that it
    comes from, whose commit is written down; the working directory, when not given. The profile
    that later rows are held against is made of `profile_rows`; of the frame, when not given.
    `lineage` says what it was made of; code, libraries and data are written down where it does
    not say them.

    A model of XGBoost's may come as `Trained`, which says what its file does not: which
    number is a gap, which iterations answer, which column is the offset.
    """

    name: str
    estimator: Any
    frame: pd.DataFrame
    labels: Sequence[Any] = ()
    inputs: Sequence[Column] | None = None
    source: str | None = None
    target: str | None = None
    evaluation: Evaluation | None = None
    example: bool = False
    origin: str | None = None
    truth: Any = None
    evaluate: bool = True
    targets: Sequence[str] = ()
    code: Code = NONE
    project: Path | None = None
    profile_rows: ProfileRows | None = None
    lineage: Lineage | None = None


def parted(candidate: Candidate) -> Candidate:
    """The candidate with its target apart from its rows, where the frame holds it.

    A Series that has a name is a frame of one column: models of texts are fitted on these.

    Raises:
        InvalidInput: the rows are no pandas frame.
    """
    frame: Any = candidate.frame
    if hasattr(frame, "to_frame") and getattr(frame, "name", None) is not None:
        frame = frame.to_frame()
        candidate = replace(candidate, frame=frame)
    columns = getattr(frame, "columns", None)
    if columns is None or not hasattr(frame, "iloc"):
        msg = (
            f"{candidate.name}: the rows are a {type(frame).__name__}; give a pandas DataFrame, "
            "such as pandas.DataFrame(rows, columns=names)"
        )
        raise InvalidInput(msg)
    if candidate.truth is not None or candidate.target is None:
        return candidate
    if candidate.target in columns:
        rest = frame.drop(columns=candidate.target)
        return replace(candidate, frame=rest, truth=frame[candidate.target])
    names = [name.strip() for name in candidate.target.split(",")]
    if not set(names) <= set(columns):
        # In words alone, as where the target was never part of the frame.
        return candidate
    rest, targets = frame.drop(columns=names), candidate.targets or tuple(names)
    return replace(candidate, frame=rest, truth=frame[names], targets=targets)


def in_order(candidate: Candidate, flavour: str) -> Candidate:
    """The candidate with the columns of its frame in the order in which the model knows them.

    Plain values become categories where the model knows those.

    Raises:
        InvalidInput: they are not those that it was trained on.
    """
    if flavour == "onnx":
        return candidate
    estimator = candidate.estimator
    if flavour == "xgboost":
        frame = as_trained(estimator, candidate.frame)
    else:
        frame = typed(estimator, flavour, bound(estimator, candidate.frame))
    inputs = columns_as_trained(candidate.inputs, frame) if candidate.inputs else None
    return replace(candidate, frame=frame, inputs=inputs)


def evaluated(candidate: Candidate, signature: Signature) -> tuple[Candidate, tuple[str, ...]]:
    """The candidate with its metrics, or a warning why it has none."""
    estimator = fitted_again(candidate.estimator)
    if candidate.truth is None or not hasattr(estimator, "get_params"):
        return candidate, ()
    if signature.output.kind == "transform":
        return candidate, ()
    rows = handed(candidate.frame, signature.container or "frame")
    try:
        scores = evaluation(estimator, rows, candidate.truth)
    except Exception as error:  # noqa: BLE001 - whatever fails when fitted anew, it can serve
        reason = str(error).strip().partition("\n")[0]
        warning = f"not evaluated: fitting it anew on parts of the data failed: {reason}"
        return candidate, (warning,)
    return replace(candidate, evaluation=scores), ()
