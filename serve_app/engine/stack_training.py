"""A meta-model for an ensemble, from rows that none of its members was trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.meta_model import Source, meta_rows
from serve_app.core.ports import Servable
from serve_app.core.stacking import Member, meta_features
from serve_app.engine.held_out import LEAST_ROWS
from serve_app.errors import InvalidInput
from serve_app.models.stackers import FittedStacker, fitted
from serve_app.tasks import task_named

if TYPE_CHECKING:
    from serve_app.core.snapshot import Endpoint

_LEAST_PROBABILITY = 1e-15
_LEAST_PER_CLASS = 5


@dataclass(frozen=True, slots=True)
class TrainedStack:
    """A meta-model, and its loss (`log_loss` or `squared_error`) on rows it was not fitted on.

    `columns` are those that it takes, `loss_name` says which loss `cross_validated` is, by five
    parts of the held-out rows; `truth` is what was true of them.
    """

    stacker: FittedStacker
    columns: tuple[str, ...]
    truth: tuple[Any, ...]
    loss_name: str
    cross_validated: float


def trained_stack(
    spec: Endpoint,
    members: Sequence[Member],
    rows: tuple[Columns, Sequence[Any]],
    model_of: Callable[[str], Servable],
    *,
    with_columns: Sequence[str] = (),
    seed: int = 0,
) -> TrainedStack:
    """Fit a meta-model on what the members of an ensemble say of held-out rows.

    Members are fitted already, so that only rows that they were not trained on tell how much each
    is worth. `rows` are these, as the endpoint takes them, and what was true of each.

    Raises:
        InvalidInput: the endpoint is no ensemble, gives neither classes nor one number, there are
            too few rows, a truth is no class or no number, or a column cannot be computed with.
        ServeError: a member cannot predict the rows.
    """
    columns, given = rows
    output = spec.signature.output
    classifies = output.kind == "classification"
    if spec.route.kind != "ensemble":
        raise InvalidInput(f"{spec.name!r} is a {spec.route.kind}; what is stacked is an ensemble")
    if not classifies and not (output.kind == "regression" and output.width == 1):
        msg = f"{spec.name!r} gives {output.kind}; what is stacked is one class or number per row"
        raise InvalidInput(msg)
    if columns.rows < LEAST_ROWS:
        msg = f"{columns.rows} rows say too little; give {LEAST_ROWS} or more held-out rows"
        raise InvalidInput(msg)
    truth = _classes(given, output.labels) if classifies else _numbers(given)
    shown = columns
    if spec.preprocess is not None:
        shown = model_of(spec.preprocess.version).ask(task_named("transform"), columns)
    features = _features(members, shown, model_of, with_columns)
    try:
        stacker = fitted(
            features, truth, classifies=classifies, is_scaled=bool(with_columns), seed=seed
        )
    except ValueError as error:
        raise InvalidInput(f"no meta-model can be fitted on these rows: {error}") from error
    name, loss = _loss(stacker, truth)
    return TrainedStack(stacker, tuple(features), tuple(truth), name, loss)


def _features(
    members: Sequence[Member],
    shown: Columns,
    model_of: Callable[[str], Servable],
    with_columns: Sequence[str],
) -> Mapping[str, Any]:
    """The columns of the meta-model: what each member says, and columns of the rows."""
    taken = [one for member in members for one in meta_features(member)]
    silent = next((m.version for m in members if _says_classes_alone(m)), None)
    if silent is not None:
        msg = (
            f"{silent} gives classes without probabilities or scores, which this meta-model "
            "cannot take; register one of your own"
        )
        raise InvalidInput(msg)
    for name in with_columns:
        if name not in shown:
            known = ", ".join(shown.names)
            raise InvalidInput(f"there is no column {name!r}; members are shown {known}")
        if shown[name].dtype.kind not in "biuf" or not np.isfinite(shown[name]).all():
            msg = f"the column {name!r} holds what is no number, which this meta-model cannot take"
            raise InvalidInput(msg)
    scored = {one.version for one in taken if one.part == "score"}
    predictions = {
        member.version: model_of(member.version).ask(
            task_named("raw_scores" if member.version in scored else "predict"), shown
        )
        for member in members
    }
    sources = [
        *(Source(f.name, "float64", f.part, f.name, f.version, f.place) for f in taken),
        *(Source(name, "float64", "column", name) for name in with_columns),
    ]
    return meta_rows(sources, predictions, shown).as_dict()


def _says_classes_alone(member: Member) -> bool:
    output = member.output
    return output.kind == "classification" and not (output.probabilities or output.raw_scores)


def _classes(given: Sequence[Any], labels: Sequence[Any]) -> list[Any]:
    by_text = {str(label): label for label in labels}
    unknown = next((one for one in given if str(one) not in by_text), None)
    if unknown is not None:
        known = ", ".join(by_text)
        raise InvalidInput(f"the target holds {unknown!r}, which is no class; those are {known}")
    truth = [by_text[str(one)] for one in given]
    counts = Counter(truth)
    rare = next((label for label in labels if counts[label] < _LEAST_PER_CLASS), None)
    if rare is not None:
        msg = (
            f"{counts[rare]} rows are of the class {rare!r}; give {_LEAST_PER_CLASS} or more of "
            "each, of rows that no member was trained on"
        )
        raise InvalidInput(msg)
    return truth


def _numbers(given: Sequence[Any]) -> list[float]:
    try:
        truth = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInput("the target holds what is no number") from None
    missing = np.flatnonzero(~np.isfinite(truth))
    if len(missing):
        raise InvalidInput(f"the target of row {missing[0]} is no finite number; take it out")
    numbers: list[float] = truth.tolist()
    return numbers


def _loss(stacker: FittedStacker, truth: Sequence[Any]) -> tuple[str, float]:
    """The loss on rows that the meta-model was not fitted on: its name, and its mean."""
    if not stacker.classes:
        return "squared_error", float(np.square(stacker.out_of_fold - np.asarray(truth)).mean())
    places = [stacker.classes.index(one) for one in truth]
    shares = stacker.out_of_fold[np.arange(len(places)), places]
    return "log_loss", float(-np.log(np.clip(shares, _LEAST_PROBABILITY, 1.0)).mean())
