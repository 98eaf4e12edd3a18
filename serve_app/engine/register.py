"""From a fitted estimator to a registered version."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from serve_app.core import reference as references
from serve_app.core.ports import Model
from serve_app.core.signature import Signature
from serve_app.engine.candidate import Candidate, evaluated, in_order, parted
from serve_app.engine.coarser import Coarser, coarsened
from serve_app.engine.commit import commit_of
from serve_app.engine.prove import prove
from serve_app.engine.truth import usable
from serve_app.errors import InvalidInput
from serve_app.models import owner, resolve
from serve_app.models.compilation import BACKEND, Compilation, compilation
from serve_app.models.compiled.model import FILE as COMPILED
from serve_app.models.coverage import coverage
from serve_app.models.evaluate import Evaluation
from serve_app.models.fingerprint import fingerprint
from serve_app.models.frames import to_columns
from serve_app.models.own_modules import importable
from serve_app.models.replay import ROWS, expected, to_json
from serve_app.models.signature import infer
from serve_app.models.xgboost_columns import as_trained
from serve_app.models.xgboost_trained import is_xgboost
from serve_app.registry.manifest import Compiled, Draft, Manifest, Metrics, Sample, TrainingData
from serve_app.registry.store import Registry

__all__ = ["Candidate", "Coarser", "register"]
_log = logging.getLogger(__name__)
Compile = Literal["auto", "never", "required"]


def register(
    registry: Registry,
    candidate: Candidate,
    *,
    trust: Sequence[str] | str = (),
    allow_pickle: bool = False,
    compile: Compile = "auto",  # noqa: A002 - what people call it
    coarser: Coarser | None = None,
) -> Manifest:
    """Store an estimator, prove that what was stored answers like it, and give it a number.

    With the target of its rows (`truth`, or `target` where the frame holds that column), clones
    of it are cross-validated beside a baseline. `trust` names types of the estimator that are
    not known to be harmless (`package.*` for all of a package), `allow_pickle` stores what skops
    cannot. It is compiled where that is possible, proven equal and faster; `compile` may forbid
    or demand it. With `coarser` the compiled form alone is stored, quantised.

    Raises:
        InvalidInput: the estimator or its columns cannot be served, or compiling it was
            demanded and cannot be done, or quantising it costs too much; says why.
        ArtifactRejected: what was stored does not answer like the estimator.
        RegistryFailed: the registry cannot be written.
    """
    references.check_model(candidate.name)
    trusted = (trust,) if isinstance(trust, str) else trust
    with importable(candidate.code):
        return _register(registry, parted(candidate), (trusted, allow_pickle), compile, coarser)


def _register(
    registry: Registry,
    candidate: Candidate,
    consent: tuple[Sequence[str], bool],
    compile: Compile,  # noqa: A002
    coarser: Coarser | None,
) -> Manifest:
    trust, allow_pickle = consent
    name, flavour = owner(candidate.estimator)
    candidate, inferred = _understood(candidate, name)
    candidate, warnings = usable(candidate, inferred)
    if candidate.evaluate and candidate.truth is not None and candidate.evaluation is None:
        _log.info("fitting it anew on parts of the data")
        candidate, more = evaluated(candidate, inferred)
        warnings = (*warnings, *more)
    own = [f"{module}.*" for module in candidate.code.modules]
    stored = flavour.dump(candidate.estimator, trust=[*trust, *own], allow_pickle=allow_pickle)
    model = flavour.load(
        stored.files,
        format=stored.format,
        trusted_types=stored.trusted_types,
        signature=inferred,
        allow_pickle=allow_pickle,
    )
    _log.info("holding what is stored against the model")
    objective = str(stored.parameters.get("objective", ""))
    warnings = (*warnings, *prove(model, flavour, candidate, inferred, objective))
    wanted: Compile = "required" if coarser else compile
    compiled = None if flavour.is_compiled else _compiled(candidate, model, inferred, wanted)
    signature = replace(inferred, inputs=tuple(candidate.inputs or inferred.inputs))
    if compiled is not None and compiled.content is not None and not compiled.raw_scores:
        signature = signature.without_raw_scores()
    told = None if compiled is None else _told(compiled)
    files = {**stored.files, **candidate.code.stored()}
    if compiled is not None and compiled.content is not None:
        files[COMPILED] = compiled.content
    if coarser is not None:
        if is_xgboost(candidate.estimator):
            coarser = replace(coarser, frame=as_trained(candidate.estimator, coarser.frame))
        files, told, model = coarsened(files, told, coarser, inferred)
    library = coarser is None
    draft = Draft(
        name=candidate.name,
        flavour=name,
        format=stored.format,
        signature=signature,
        libraries=dict(stored.libraries),
        training=_training(candidate),
        metrics=_metrics(candidate.evaluation),
        git_commit=commit_of([*filter(None, [candidate.project]), Path.cwd()]),
        origin=candidate.origin,
        parameters=dict(stored.parameters),
        sample=_sample(model, candidate, inferred),
        trusted_types=stored.trusted_types,
        pickle=stored.pickle and library,
        code=candidate.code.modules if library else (),
        needs=tuple(m for m in stored.modules if m not in candidate.code.modules and library),
        compiled=told,
        warnings=warnings,
    )
    return registry.register(draft, files)


def _understood(candidate: Candidate, flavour: str) -> tuple[Candidate, Signature]:
    """A model with its data as it takes them, and what it takes and gives."""
    candidate = in_order(candidate, flavour)
    looked_at = resolve(flavour).examined(candidate.estimator, candidate.frame, candidate.labels)
    candidate = replace(candidate, estimator=looked_at)
    inferred = infer(
        candidate.estimator,
        flavour,
        candidate.frame,
        candidate.labels,
        candidate.truth,
        targets=candidate.targets,
    )
    return candidate, inferred


def _sample(model: Model, candidate: Candidate, signature: Signature) -> Sample | None:
    """The first rows of the data with what the version says of them."""
    if len(candidate.frame) == 0:
        return None
    rows = to_columns(candidate.frame.head(ROWS))
    return Sample(
        inputs=to_json(rows, signature.inputs),
        expected=expected(model, rows, signature.output.kind),
    )


def _compiled(
    candidate: Candidate,
    model: Model,
    signature: Signature,
    wanted: Compile,
) -> Compilation | None:
    if wanted == "never":
        return None
    columns = to_columns(candidate.frame.head(coverage(candidate.frame.shape[1]).training))
    found = compilation(candidate.estimator, model, signature, columns)
    if wanted == "required" and found.content is None:
        msg = f"{candidate.name} cannot be compiled: {found.reason}"
        raise InvalidInput(msg)
    return found


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
        refused_together=found.refused_together,
        probed_columns=found.probed_columns,
    )


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
