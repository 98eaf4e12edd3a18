"""What the manifest of a version says, from the build that came out of all steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from serve_app.core.signature import Signature
from serve_app.engine.registration.build import Build
from serve_app.engine.registration.candidate import Candidate
from serve_app.engine.registration.commit import source_code_of
from serve_app.engine.registration.recorded import recorded
from serve_app.models.evaluate import Evaluation
from serve_app.models.fingerprint import fingerprint
from serve_app.models.frames import to_columns
from serve_app.models.replay import ROWS, expected, to_json
from serve_app.registry.manifest import Draft, Metrics, Profiled, StoredSample, TrainingData


def draft_of(build: Build) -> Draft:
    """The manifest of a version that has no number yet."""
    candidate, stored = build.candidate, build.form.stored
    # Of a quantised version nothing of the library's is left.
    is_library = build.wishes.coarser is None
    own = candidate.code.modules
    code = source_code_of([*filter(None, [candidate.project]), Path.cwd()])
    training = _training(candidate)
    return Draft(
        name=candidate.name,
        flavour=build.flavour_name,
        format=stored.format,
        signature=_signature(build),
        libraries=dict(stored.libraries),
        training=training,
        metrics=_metrics(candidate.evaluation),
        git_commit=None if code is None else code.commit,
        origin=candidate.origin,
        parameters=dict(stored.parameters),
        sample=_sample(build),
        trusted_types=stored.trusted_types,
        pickle=stored.pickle and is_library,
        code=own if is_library else (),
        needs=tuple(m for m in stored.modules if m not in own and is_library),
        compiled=build.compiled,
        warnings=build.warnings,
        profile=_profile(build),
        lineage=recorded(candidate.lineage, code, training),
    )


def _signature(build: Build) -> Signature:
    """The signature with the columns as people declared them, and scores where there are any."""
    inferred, compilation = build.signature, build.compilation
    signature = replace(inferred, inputs=tuple(build.candidate.inputs or inferred.inputs))
    if compilation is None or compilation.content is None or compilation.raw_scores:
        return signature
    return signature.without_raw_scores()


def _sample(build: Build) -> StoredSample | None:
    """The first rows of the data with what the version says of them."""
    frame, signature = build.candidate.frame, build.signature
    if len(frame) == 0:
        return None
    rows = to_columns(frame.head(ROWS))
    return StoredSample(
        inputs=to_json(rows, signature.inputs),
        expected=expected(build.form.model, rows, signature.output.kind),
    )


def _profile(build: Build) -> Profiled | None:
    profile = build.profile
    if profile is None:
        return None
    return Profiled(
        rows=profile.rows,
        features=len(profile.features),
        skipped=len(profile.skipped) + profile.left_out,
        source=profile.source,
        scores_from=profile.scores_from,
        scored_rows=profile.scored_rows,
    )


def _training(candidate: Candidate) -> TrainingData | None:
    if candidate.example or len(candidate.frame) == 0:
        return None
    return TrainingData(
        rows=len(candidate.frame),
        fingerprint=fingerprint(candidate.frame),
        source=candidate.source,
        target=candidate.target,
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
