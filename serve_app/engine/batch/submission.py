"""From files and a version to a job in the ledger."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

from serve_app.batch.inputs import Input, places
from serve_app.batch.job import Job, JobOptions, check_columns, check_options
from serve_app.batch.ledger import Ledger
from serve_app.batch.shards import Plan, plan
from serve_app.engine.batch import tables
from serve_app.engine.batch.output import place_named
from serve_app.registry.manifest import Manifest


def planned(files: Sequence[str], shard_rows: int, out: str) -> Plan:
    """Read the files that are named once, without those of the output, and cut them into shards.

    Raises:
        InvalidInput: one names nothing, or cannot be read.
    """
    return plan(places(files, place_named(out)), shard_rows)


def job_of(
    cut: Plan,
    version: Manifest,
    out: str,
    options: JobOptions,
    prepare: Manifest | None = None,
) -> Job:
    """A job of planned files; `prepare` is the transformer that runs before the version.

    Raises:
        InvalidInput: an option makes no sense, a file lacks a column, or a column that is kept is
            called as one of the output's own.
    """
    check_options(options)
    first = version if prepare is None else prepare
    inputs = tuple(_bound(one, {*first.signature.names, *options.kept}) for one in cut.inputs)
    check_columns(inputs, first.signature.names, options.kept)
    tables.check_names(options.kept, version.signature.output)
    return Job(
        version=version.reference,
        version_digest=version.digest,
        inputs=inputs,
        out=place_named(out),
        options=options,
        preprocess=None if prepare is None else prepare.reference,
        preprocess_digest=None if prepare is None else prepare.digest,
    )


def _bound(one: Input, known: Set[str]) -> Input:
    """A file whose columns are called as they are asked for: blanks around names seldom count."""
    if one.columns is None:
        return one
    names = (name if name in known else name.strip() for name in one.columns)
    return replace(one, columns=tuple(names))


def submit(ledger: Ledger, job: Job, cut: Plan, key: str | None = None) -> tuple[str, bool]:
    """Keep a job in the ledger; gives its name, and whether it is new.

    Raises:
        Conflict: the key was given for another job.
    """
    return ledger.submit(job, cut.shards, key)
