"""What a version was made of: data, code, libraries, seeds, and the run that made it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from serve_app.core import reference as references
from serve_app.registry.fields import FROZEN, Digest, Score

Role = Literal["training", "validation", "holdout"]


def _text(value: object) -> object:
    """Times as text: YAML and pandas read them as objects."""
    return value.isoformat() if isinstance(value, date) else value


def _check_moment(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        msg = f"{text!r} is no time; write ISO 8601, such as 2026-11-01 or 2026-11-01T12:00:00Z"
        raise ValueError(msg) from None
    return text


def _check_version(reference: str) -> str:
    if not references.is_version(reference):
        msg = f"{reference!r} names no version; write model@number, such as churn@3"
        raise ValueError(msg)
    return reference


Moment = Annotated[str, BeforeValidator(_text), AfterValidator(_check_moment)]
"""A date, or a time with its zone or without, in ISO 8601."""
Version = Annotated[str, AfterValidator(_check_version)]
"""A version by its number, `churn@3`."""
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Frozen(BaseModel):
    model_config = FROZEN


class Period(_Frozen):
    """From `start` on, before `end`."""

    start: Moment
    end: Moment

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        start, end = (datetime.fromisoformat(one) for one in (self.start, self.end))
        if (start.tzinfo is None) != (end.tzinfo is None):
            msg = f"{self.start} and {self.end}: give both a zone, or neither"
            raise ValueError(msg)
        if end < start:
            msg = f"it ends at {self.end}, before it starts at {self.start}"
            raise ValueError(msg)
        return self

    def __str__(self) -> str:
        """`2026-05-01 to 2026-11-01`."""
        return f"{self.start} to {self.end}"


class DataFile(_Frozen):
    """A file that rows were read from, and its content's digest then."""

    path: Name
    sha256: Digest
    size_bytes: NonNegativeInt


class Dataset(_Frozen):
    """Rows that a run used, so that they can be recognised again.

    `fingerprint` is the SHA-256 of names, types and values, whatever files hold them.
    `time_range` is that of the rows, `label_cutoff` the last moment of which labels were known.
    `snapshot` is what a store of data calls its state: a version of Delta, an id of Iceberg's, a
    digest of DVC's, a commit of lakeFS.
    """

    role: Role = "training"
    files: tuple[DataFile, ...] = ()
    fingerprint: Digest | None = None
    rows: NonNegativeInt | None = None
    time_range: Period | None = None
    label_cutoff: Moment | None = None
    snapshot: Name | None = None


class SourceCode(_Frozen):
    """The code that made it: a commit of Git's.

    `diff_sha256` is the digest of what differed from that commit, none where nothing did.
    """

    commit: Name
    diff_sha256: Digest | None = None

    @property
    def is_dirty(self) -> bool:
        """Whether something differed from the commit."""
        return self.diff_sha256 is not None


class Environment(_Frozen):
    """Libraries and processor of a process.

    `process` says whether that was the one that trained, or only the one that registered.
    `libraries` are the versions of all installed distributions, `cpu_features` what of the
    processor's instructions decides how sums are rounded.
    """

    process: Literal["training", "registration"]
    python: Name
    platform: Name
    libraries: dict[str, str] = {}
    cpu_features: tuple[str, ...] = ()
    threads: PositiveInt | None = None


class ColumnLoss(_Frozen):
    """What a metric loses, in its own unit, once the values of a column are shuffled.

    Mean and standard deviation over shuffles; positive is worse, whatever the metric.
    """

    column: str
    mean: Score
    deviation: Score


class Importance(_Frozen):
    """Which columns a version needs: the loss of each on rows held out, the largest first."""

    metric: Name
    rows: PositiveInt
    repeats: PositiveInt
    columns: tuple[ColumnLoss, ...]


class Lineage(_Frozen):
    """What a version was made of. Everything may be unknown.

    `run_id` is the run that made it, `trigger_id` what started that, `parent` the version that it
    follows. `metrics` are those of the run. `digests` are those of other documents of the run,
    such as its specification, its split and its search, by their names.
    """

    schema_version: Literal[1] = 1
    run_id: Name | None = None
    trigger_id: Name | None = None
    parent: Version | None = None
    training_window: Period | None = None
    holdout_window: Period | None = None
    data: tuple[Dataset, ...] = ()
    code: SourceCode | None = None
    environment: Environment | None = None
    seeds: dict[str, int] = {}
    metrics: dict[str, Score] = {}
    digests: dict[str, Digest] = {}
    importance: Importance | None = None
    duration_s: NonNegativeFloat | None = None
    peak_memory_bytes: NonNegativeInt | None = None

    def dataset(self, role: Role) -> Dataset | None:
        """The rows of a role, where they are known."""
        return next((one for one in self.data if one.role == role), None)
