"""The profile of a version: its training data, and what it says of rows that it never saw."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from serve_app.core.columns import Array, Columns, of_objects
from serve_app.core.messages import Prediction
from serve_app.core.signature import Output
from serve_app.engine.registration.build import Build
from serve_app.engine.registration.candidate import Candidate, ProfileRows, in_order
from serve_app.engine.registration.importances import importances
from serve_app.errors import InvalidInput, ServeError
from serve_app.models.evaluate import HeldOut
from serve_app.models.frames import to_columns
from serve_app.models.window_metrics import metrics_of
from serve_app.monitoring.profile.build import Scored, profile_of
from serve_app.monitoring.profile.profile import FILE, ScoresFrom

SCORED_ROWS = 20_000
"""So many rows at most, from all over the data, are predicted for a profile."""


def profiled(build: Build) -> Build:
    """The same with a profile among its files, unless it came without data.

    Raises:
        InvalidInput: the rows that were given for the profile lack a column.
    """
    candidate = build.candidate
    if candidate.profile_rows is not None:
        rows = _given(build, candidate.profile_rows)
        scores_from: ScoresFrom = "profile_data"
    elif candidate.example or not len(candidate.frame):
        return build
    else:
        rows = ProfileRows(candidate.frame, candidate.truth, candidate.source)
        scores_from = "training"
    columns = to_columns(rows.frame)
    scored = _held_out(build, columns) if scores_from == "training" else None
    warnings: tuple[str, ...] = ()
    if scored is None:
        scored, warnings = _stored(build, columns, rows.truth, scores_from)
    profile = profile_of(columns, scored, rows.source)
    profile = replace(profile, importances=importances(build, columns, profile))
    form = build.form
    files = {**form.files, FILE: profile.encode()}
    return build.but(profile=profile, stored_form=replace(form, files=files)).warned(*warnings)


def _given(build: Build, rows: ProfileRows) -> ProfileRows:
    """The rows that somebody gave, with the columns of training in their order and types."""
    known = {str(name): name for name in rows.frame.columns}
    lacking = [name for name in build.signature.names if name not in known]
    if lacking:
        msg = f"the data for the profile lacks the column {lacking[0]!r}; it has {', '.join(known)}"
        raise InvalidInput(msg, columns=lacking)
    if not len(rows.frame):
        raise InvalidInput("the data for the profile has no rows")
    frame = rows.frame.loc[:, [known[name] for name in build.signature.names]]
    own = replace(build.candidate, frame=frame, inputs=None)
    return replace(rows, frame=_ordered(own, build.flavour_name))


def _ordered(candidate: Candidate, flavour: str) -> pd.DataFrame:
    return in_order(candidate, flavour).frame


def _held_out(build: Build, columns: Columns) -> Scored | None:
    """What clones said of rows that they were not fitted on, where the model was evaluated."""
    evaluation, output = build.candidate.evaluation, build.signature.output
    if evaluation is None or evaluation.predicted is None or output.targets:
        return None
    held_out = evaluation.predicted
    metrics = metrics_of(output)
    if output.kind == "regression" and output.width == 1:
        prediction, rows = Prediction(np.asarray(held_out.values)), None
        if held_out.places is not None and held_out.of_rows == columns.rows:
            rows = columns.take(held_out.places.tolist())
        truth = np.asarray(held_out.truth)
        return Scored(prediction, output, "held_out", truth, metrics, rows)
    if output.kind != "classification" or len(held_out.classes) != len(output.labels):
        return None
    shares = held_out.probabilities if output.probabilities else None
    if output.probabilities and shares is None:
        return None
    prediction = Prediction(_labelled(held_out.values, held_out, output.labels), shares)
    truth = _labelled(held_out.truth, held_out, output.labels)
    return Scored(prediction, output, "held_out", truth, metrics)


def _labelled(values: Any, held_out: HeldOut, labels: tuple[Any, ...]) -> Array:
    """Classes as the signature calls them, whose labels are in their order."""
    words = dict(zip(held_out.classes, labels, strict=True))
    return _array([words.get(value, value) for value in np.asarray(values).tolist()])


def _stored(
    build: Build, columns: Columns, truth: Any, scores_from: ScoresFrom
) -> tuple[Scored | None, tuple[str, ...]]:
    """What the stored model says of rows, or a warning why that cannot be counted."""
    output = build.signature.output
    if output.kind in {"transform", "tensors"}:
        return None, ()
    places = np.unique(
        np.linspace(0, columns.rows - 1, min(columns.rows, SCORED_ROWS)).astype(np.intp)
    )
    rows = columns.take(places.tolist())
    try:
        prediction = build.form.model.predict(rows)
    except ServeError as error:
        return None, (f"its profile is without predictions: {error}",)
    known, warnings = (None, ()) if truth is None else _truth(truth, output)
    if known is not None:
        known = known[places]
    return Scored(prediction, output, scores_from, known, metrics_of(output), rows), warnings


def _truth(truth: Any, output: Output) -> tuple[Array | None, tuple[str, ...]]:
    """The truth in the words of the labels, or a warning why nothing can be held against it."""
    if pd.isna(truth).any(axis=None):
        return None, ("its profile is without metrics: the target of its rows has gaps",)
    wanted = np.asarray(truth)
    if wanted.ndim == 2 and wanted.shape[1] == 1:
        wanted = wanted[:, 0]
    if output.kind == "regression":
        try:
            return wanted.astype(np.float64), ()
        except (TypeError, ValueError):
            return None, ("its profile is without metrics: the target is no number",)
    values, labels = wanted.tolist(), output.labels
    if wanted.ndim > 1 or not labels or set(values) <= set(labels):
        return wanted, ()
    words = dict(enumerate(labels))
    return _array([words.get(value, value) for value in values]), ()


def _array(values: list[Any]) -> Array:
    """Values as an array of their own type; of several types, objects."""
    made = of_objects(values)
    kinds = set(map(type, values))
    return made if len(kinds) != 1 or kinds == {str} else np.array(values)
