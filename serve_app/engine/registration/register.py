"""From a fitted estimator to a registered version, in steps that each give the next build."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from serve_app.core import reference as references
from serve_app.engine.registration.build import Build, Compile, Form, Wishes
from serve_app.engine.registration.candidate import (
    Candidate,
    ProfileRows,
    evaluated,
    in_order,
    parted,
)
from serve_app.engine.registration.coarser import Coarser, coarsened
from serve_app.engine.registration.draft import draft_of
from serve_app.engine.registration.profiled import profiled
from serve_app.engine.registration.prove import prove
from serve_app.engine.registration.truth import usable
from serve_app.errors import InvalidInput
from serve_app.models import owner
from serve_app.models.compilation import BACKEND, Compilation, compilation
from serve_app.models.compiled.model import FILE as COMPILED
from serve_app.models.coverage import coverage
from serve_app.models.frames import to_columns
from serve_app.models.own_modules import importable
from serve_app.models.signature import infer
from serve_app.models.xgboost_columns import as_trained
from serve_app.models.xgboost_trained import is_xgboost
from serve_app.registry.manifest import Compiled, Manifest
from serve_app.registry.store import Registry

__all__ = ["Candidate", "Coarser", "Compile", "ProfileRows", "register"]
_log = logging.getLogger(__name__)


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
    or demand it. With `coarser` the compiled form alone is stored, quantised. A profile of its
    data is stored with it, unless it came without any.

    Raises:
        InvalidInput: the estimator or its columns cannot be served, or compiling it was
            demanded and cannot be done, or quantising it costs too much; says why.
        ArtifactRejected: what was stored does not answer like the estimator.
        RegistryFailed: the registry cannot be written.
    """
    references.check_model(candidate.name)
    trusted = (trust,) if isinstance(trust, str) else tuple(trust)
    wishes = Wishes(trusted, allow_pickle, compile, coarser)
    with importable(candidate.code):
        build = build_of(parted(candidate), wishes)
        for step in (validated, stored, proven, compiled, quantised, profiled):
            build = step(build)
        return registry.register(draft_of(build), build.form.files)


def build_of(candidate: Candidate, wishes: Wishes) -> Build:
    """What a model takes and gives, with its data as it takes them.

    Raises:
        InvalidInput: the estimator, its columns or its target cannot be served; says why.
    """
    name, flavour = owner(candidate.estimator)
    candidate = in_order(candidate, name)
    estimator = flavour.examined(candidate.estimator, candidate.frame, candidate.labels)
    candidate = replace(candidate, estimator=estimator)
    signature = infer(
        candidate.estimator,
        name,
        candidate.frame,
        candidate.labels,
        candidate.truth,
        targets=candidate.targets,
    )
    candidate, warnings = usable(candidate, signature)
    return Build(candidate, wishes, name, flavour, signature, warnings)


def validated(build: Build) -> Build:
    """How good the model is, by clones that are fitted on parts of the data."""
    candidate = build.candidate
    if not candidate.evaluate or candidate.truth is None or candidate.evaluation is not None:
        return build
    _log.info("fitting it anew on parts of the data")
    candidate, warnings = evaluated(candidate, build.signature)
    return build.but(candidate=candidate).warned(*warnings)


def stored(build: Build) -> Build:
    """The model as it will be stored, and loaded again.

    Raises:
        InvalidInput: it holds what is neither known to be harmless nor trusted.
    """
    candidate, wishes = build.candidate, build.wishes
    own = [f"{module}.*" for module in candidate.code.modules]
    dumped = build.flavour.dump(
        candidate.estimator, trust=[*wishes.trust, *own], allow_pickle=wishes.allow_pickle
    )
    model = build.flavour.load(
        dumped.files,
        format=dumped.format,
        trusted_types=dumped.trusted_types,
        signature=build.signature,
        allow_pickle=wishes.allow_pickle,
    )
    files = {**dumped.files, **candidate.code.stored()}
    return build.but(stored_form=Form(dumped, model, files))


def proven(build: Build) -> Build:
    """The same, once the stored model answers like the one in memory.

    Raises:
        ArtifactRejected: it answers otherwise.
    """
    _log.info("holding what is stored against the model")
    form = build.form
    objective = str(form.stored.parameters.get("objective", ""))
    warnings = prove(form.model, build.flavour, build.candidate, build.signature, objective)
    return build.warned(*warnings)


def compiled(build: Build) -> Build:
    """The same with its compiled form, where there is one that is equal and faster.

    Raises:
        InvalidInput: it was demanded and there is none; says why.
    """
    candidate, form = build.candidate, build.form
    required = build.wishes.compile == "required" or build.wishes.coarser is not None
    if build.flavour.is_compiled or (build.wishes.compile == "never" and not required):
        return build
    columns = to_columns(candidate.frame.head(coverage(candidate.frame.shape[1]).training))
    result = compilation(candidate.estimator, form.model, build.signature, columns)
    if result.content is None:
        if required:
            raise InvalidInput(f"{candidate.name} cannot be compiled: {result.reason}")
        return build.but(compilation=result, compiled=_manifest_entry(result))
    return build.but(
        compilation=result,
        compiled=_manifest_entry(result),
        stored_form=replace(form, files={**form.files, COMPILED: result.content}),
    )


def quantised(build: Build) -> Build:
    """The compiled form alone, with coarser numbers, where that is wished.

    Raises:
        InvalidInput: there is nothing to quantise, or it costs more than is tolerated.
    """
    wish, form = build.wishes.coarser, build.form
    if wish is None:
        return build
    if is_xgboost(build.candidate.estimator):
        wish = replace(wish, frame=as_trained(build.candidate.estimator, wish.frame))
    files, entry, model = coarsened(form.files, build.compiled, wish, build.signature)
    return build.but(compiled=entry, stored_form=Form(form.stored, model, files))


def _manifest_entry(result: Compilation) -> Compiled:
    return Compiled(
        served=result.content is not None,
        reason=result.reason,
        backend=None if result.content is None else BACKEND,
        compared_rows=result.rows,
        largest_difference=result.largest_difference,
        speedup=result.speedup,
        refused_together=result.refused_together,
        probed_columns=result.probed_columns,
    )
