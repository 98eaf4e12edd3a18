"""The versions that a job was submitted with, in memory."""

from __future__ import annotations

from serve_app.batch.job import Job
from serve_app.engine.batch.scoring import Scorer
from serve_app.engine.load import Loaded, load
from serve_app.errors import ArtifactRejected
from serve_app.registry.store import Registry


def scorer_of(registry: Registry, job: Job, *, threads: int, allow_pickle: bool = False) -> Scorer:
    """What answers the rows of a job: the very versions that it was submitted with.

    Raises:
        ArtifactRejected: a version is another now.
        ServeError: one cannot be loaded; says why.
    """
    before = job.preprocess
    prepare = None
    if before is not None:
        prepare = _loaded(registry, before, job.preprocess_digest, allow_pickle=allow_pickle)
    version = _loaded(registry, job.version, job.version_digest, allow_pickle=allow_pickle)
    return Scorer(
        version.in_threads(threads), None if prepare is None else prepare.in_threads(threads)
    )


def _loaded(
    registry: Registry, reference: str, digest: str | None, *, allow_pickle: bool
) -> Loaded:
    one = load(registry, *registry.resolve(reference), allow_pickle=allow_pickle)
    if one.manifest.digest != digest:
        msg = f"{reference} is another than it was when the job was submitted; submit a new job"
        raise ArtifactRejected(msg, version=reference)
    return one
