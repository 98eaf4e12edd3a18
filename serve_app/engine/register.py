"""From a fitted estimator to a registered version."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from serve_app.core.columns import Columns
from serve_app.core.ports import Model
from serve_app.core.signature import Column, Signature
from serve_app.errors import InvalidInput
from serve_app.models import owner, resolve
from serve_app.models.compilation import BACKEND, Compilation, compilation
from serve_app.models.compiled import storage
from serve_app.models.compiled.model import FILE as COMPILED
from serve_app.models.compiled.model import load_compiled
from serve_app.models.evaluate import Evaluation
from serve_app.models.fingerprint import fingerprint
from serve_app.models.frames import to_columns
from serve_app.models.onnx import Graph
from serve_app.models.quantise import Precision, is_coarse, quantised, score
from serve_app.models.replay import ROWS, check, expected, to_json
from serve_app.models.signature import answering, infer
from serve_app.models.xgboost_columns import as_trained, described
from serve_app.models.xgboost_trained import is_xgboost, user_prediction
from serve_app.registry.manifest import (
    Compiled,
    Draft,
    Manifest,
    Metrics,
    Quantised,
    Sample,
    TrainingData,
)
from serve_app.registry.store import Registry

if TYPE_CHECKING:
    import pandas as pd

PROVEN_ROWS = 1000
COMPARED_ROWS = 20_000
Compile = Literal["auto", "never", "required"]


@dataclass(frozen=True, slots=True)
class Coarser:
    """A wish for a quantised version, and how much of the metric it may cost at most.

    `frame` and `target` are rows that the model is judged by, best such that it never saw.
    """

    precision: Precision
    frame: pd.DataFrame
    target: Any
    tolerance: float = 0.005


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fitted estimator with the frame that it was fitted on.

    The frame of an ONNX graph may have no rows, where nobody knows its training data. With
    `example` its rows are not those of training, but some that the model takes.
    `labels` name the classes of a model that was trained on 0, 1, 2, …; `inputs` correct
    the columns that are inferred from the frame; `source` and `target` say in words where
    the data came from and what is predicted, `origin` where the model did.

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


def register(
    registry: Registry,
    candidate: Candidate,
    *,
    trust: Sequence[str] = (),
    allow_pickle: bool = False,
    compile: Compile = "auto",  # noqa: A002 - what people call it
    coarser: Coarser | None = None,
) -> Manifest:
    """Store an estimator, prove that what was stored answers like it, and give it a number.

    It is compiled where that is possible, proven equal and faster; `compile` may forbid or
    demand it. With `coarser` the compiled form alone is stored, quantised.

    Raises:
        InvalidInput: the estimator or its columns cannot be served, or compiling it was
            demanded and cannot be done, or quantising it costs too much; says why.
        ArtifactRejected: what was stored does not answer like the estimator.
        RegistryFailed: the registry cannot be written.
    """
    name, flavour = owner(candidate.estimator)
    if name == "xgboost":
        candidate = _as_trained(candidate)
        if coarser is not None:
            coarser = replace(coarser, frame=as_trained(candidate.estimator, coarser.frame))
    inferred = infer(candidate.estimator, name, candidate.frame, candidate.labels)
    signature = Signature(tuple(candidate.inputs or inferred.inputs), inferred.output)
    stored = flavour.dump(candidate.estimator, trust=trust, allow_pickle=allow_pickle)
    model = resolve(name).load(
        stored.files,
        format=stored.format,
        trusted_types=stored.trusted_types,
        signature=inferred,
        allow_pickle=allow_pickle,
    )
    columns = to_columns(candidate.frame.head(PROVEN_ROWS))
    kind = inferred.output.kind
    _prove(model, candidate, columns, inferred)
    compiled = _compiled(candidate, model, inferred, "required" if coarser else compile)
    if compiled is not None and compiled.content is not None and not compiled.raw_scores:
        signature = signature.without_raw_scores()
    told = None if compiled is None else _told(compiled)
    files = dict(stored.files)
    if compiled is not None and compiled.content is not None:
        files[COMPILED] = compiled.content
    if coarser is not None:
        files, told, model = _coarsened(files, told, coarser, inferred)
    sample = columns.slice(0, min(ROWS, columns.rows)) if columns.rows else None
    draft = Draft(
        name=candidate.name,
        flavour=name,
        format=stored.format,
        signature=signature,
        libraries=dict(stored.libraries),
        training=_training(candidate),
        metrics=_metrics(candidate.evaluation),
        git_commit=_git_commit(),
        origin=candidate.origin,
        parameters=dict(stored.parameters),
        sample=None
        if sample is None
        else Sample(inputs=to_json(sample), expected=expected(model, sample, kind)),
        trusted_types=stored.trusted_types,
        pickle=stored.pickle and coarser is None,
        compiled=told,
    )
    return registry.register(draft, files)


def _as_trained(candidate: Candidate) -> Candidate:
    """The candidate with its data, and the columns that describe it, as in training."""
    frame = as_trained(candidate.estimator, candidate.frame)
    inputs = described(candidate.inputs, frame) if candidate.inputs else None
    return replace(candidate, frame=frame, inputs=inputs)


def _compiled(
    candidate: Candidate,
    model: Model,
    signature: Signature,
    wanted: Compile,
) -> Compilation | None:
    if wanted == "never" or isinstance(candidate.estimator, Graph):
        # A graph is a compiled form already.
        return None
    columns = to_columns(candidate.frame.head(COMPARED_ROWS))
    found = compilation(candidate.estimator, model, signature, columns)
    if wanted == "required" and found.content is None:
        msg = f"{candidate.name} cannot be compiled: {found.reason}"
        raise InvalidInput(msg)
    return found


def _coarsened(
    files: Mapping[str, bytes], told: Compiled | None, wish: Coarser, signature: Signature
) -> tuple[dict[str, bytes], Compiled, Model]:
    """The quantised form alone, when it stays within the tolerance.

    Raises:
        InvalidInput: there is nothing to quantise, or it costs more than is tolerated.
    """
    if told is None or COMPILED not in files or signature.output.kind == "transform":
        msg = "what is quantised must be a predictor that can be compiled"
        raise InvalidInput(msg)
    program = storage.load(files[COMPILED])
    coarse = quantised(program, wish.precision)
    if not is_coarse(coarse):
        msg = f"nothing in the compiled model becomes smaller as {wish.precision}"
        raise InvalidInput(msg)
    content = storage.dump(coarse)
    columns, target = to_columns(wish.frame), np.asarray(wish.target)
    model = load_compiled(content, signature)
    kind = signature.output.kind
    labels = dict(enumerate(signature.output.labels))
    if kind == "classification" and not set(target.tolist()) <= set(signature.output.labels):
        target = np.array([labels.get(value, value) for value in target.tolist()], dtype=object)
    exact = load_compiled(files[COMPILED], signature)
    metric, before = score(exact, columns, target, kind)
    _, after = score(model, columns, target, kind)
    sizes = len(files[COMPILED]), len(content)
    if before - after > wish.tolerance:
        msg = (
            f"as {wish.precision} the {metric} falls from {before:.4f} to {after:.4f}, by more "
            f"than the tolerance {wish.tolerance:g}; nothing was registered "
            f"({sizes[0]:,} bytes would have become {sizes[1]:,})"
        )
        raise InvalidInput(msg, before=before, after=after)
    trade = Quantised(
        precision=wish.precision,
        metric=metric,
        before=before,
        after=after,
        size_before=sizes[0],
        size_after=sizes[1],
    )
    return {COMPILED: content}, told.model_copy(update={"quantised": trade}), model


def _training(candidate: Candidate) -> TrainingData | None:
    if candidate.example or len(candidate.frame) == 0:
        return None
    return TrainingData(
        rows=len(candidate.frame),
        fingerprint=fingerprint(candidate.frame),
        source=candidate.source,
        target=candidate.target,
    )


def _told(found: Compilation) -> Compiled:
    return Compiled(
        served=found.content is not None,
        reason=found.reason,
        backend=None if found.content is None else BACKEND,
        compared_rows=found.rows,
        largest_difference=found.largest_difference,
        speedup=found.speedup,
    )


def _prove(model: Any, candidate: Candidate, columns: Columns, signature: Signature) -> None:
    """Compare the stored model with the one in memory, on up to `PROVEN_ROWS` rows."""
    kind = signature.output.kind
    estimator = candidate.estimator
    if is_xgboost(estimator):
        with answering():
            said_, likely = user_prediction(estimator, candidate.frame.head(PROVEN_ROWS))
        check(model, columns, _wanted(said_, likely, candidate.labels, signature), kind)
        return
    if kind == "transform" or not hasattr(estimator, "get_params"):
        return
    rows: Any = candidate.frame.head(PROVEN_ROWS)
    if not hasattr(estimator, "feature_names_in_"):
        rows = rows.to_numpy()
    with answering():
        values = estimator.predict(rows)
    labels = candidate.labels
    said = [labels[int(value)] for value in values] if labels else values.tolist()
    wanted: dict[str, Any] = {"values": said}
    if signature.output.probabilities:
        wanted["probabilities"] = estimator.predict_proba(rows).astype("float64").tolist()
    check(model, columns, wanted, kind)


def _wanted(
    values: Any, likely: Any, labels: Sequence[Any], signature: Signature
) -> dict[str, Any]:
    """What a library said, as `check` compares it."""
    said = values.astype("float64").tolist() if values.dtype.kind == "f" else values.tolist()
    wanted: dict[str, Any] = {"values": [labels[value] for value in said] if labels else said}
    if signature.output.probabilities:
        wanted["probabilities"] = likely.astype("float64").tolist()
    return wanted


def _metrics(evaluation: Evaluation | None) -> Metrics | None:
    if evaluation is None:
        return None
    return Metrics(
        cross_validated=evaluation.cross_validated,
        held_out=evaluation.held_out,
        baseline=evaluation.baseline,
        baseline_cross_validated=evaluation.baseline_cross_validated,
        folds=evaluation.folds,
    )


def _git_commit() -> str | None:
    """The commit of the folder that somebody registers from, when it is a repository."""
    git = shutil.which("git")
    if git is None:
        return None
    said = subprocess.run(  # noqa: S603 - our own arguments
        [git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or None if said.returncode == 0 else None
