"""What is written down of a version when it is registered, and never changes again."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    NonNegativeInt,
    PlainSerializer,
    PositiveInt,
    TypeAdapter,
)

from serve_app.core.signature import Signature
from serve_app.registry.fields import FROZEN, Digest, Json, Score, as_json
from serve_app.registry.lineage import Lineage

_FIRST = ("accuracy", "r2")
_signature_types = TypeAdapter(Signature)


def utc_now() -> datetime:
    """The time now, with its zone."""
    return datetime.now(UTC)


def timestamp(moment: datetime) -> str:
    """A moment as manifests and alias moves carry it: ISO 8601, in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def timestamp_s(written: str, otherwise: float) -> float:
    """A written moment in seconds since 1970; `otherwise` where it is none."""
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError:
        return otherwise


def check_path(path: str) -> str:
    """Let only paths pass that lie inside a version's folder, beside the registry's own files.

    Raises:
        ValueError: it is absolute, or a part of it is empty or starts with a dot.
    """
    parts = path.split("/")
    outside = any(part == "" or part.startswith(".") for part in parts)
    own = path == "manifest.json" or parts[0] == "signatures"
    if outside or own or "\\" in path or "\0" in path:
        msg = (
            f"{path!r} cannot be a file of a version: give a path relative to the version's "
            "folder, with no part that is empty or starts with a dot, other than manifest.json "
            "and signatures/"
        )
        raise ValueError(msg)
    return path


def _signature(value: Any) -> Signature:
    body = as_json(value.to_json() if isinstance(value, Signature) else value)
    _signature_types.validate_python(body)
    try:
        return Signature.from_json(body)
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"it is not a signature: {error!r}"
        raise ValueError(msg) from None


def _known_outputs(expected: dict[str, Any]) -> dict[str, Any]:
    given = {name for name in expected if not name.startswith("tensor:")}
    unknown = sorted(given - {"values", "probabilities", "columns"})
    if unknown:
        msg = f"{unknown[0]!r} is not one of values, probabilities and columns"
        raise ValueError(msg)
    return expected


class _Frozen(BaseModel):
    model_config = FROZEN


class FileEntry(_Frozen):
    """One file of a version; `path` is relative to the version's folder."""

    path: Annotated[str, AfterValidator(check_path)]
    sha256: Digest
    size_bytes: NonNegativeInt


class TrainingData(_Frozen):
    """What the model learned from; `fingerprint` is the SHA-256 of names, types and values."""

    rows: NonNegativeInt
    fingerprint: str
    source: str | None = None
    target: str | None = None


class Metrics(_Frozen):
    """How good the model is, beside a baseline that knows only the target's distribution."""

    cross_validated: dict[str, Score] = {}
    held_out: dict[str, Score] = {}
    baseline: dict[str, Score] = {}
    baseline_cross_validated: dict[str, Score] = {}
    folds: PositiveInt | None = None


class StoredSample(_Frozen):
    """A few rows with what the model said of them at registration; null stands for NaN.

    `expected` has `values` and perhaps `probabilities`, or, of a transformer, `columns`; what
    else a graph gives stands under `tensor:` and its name.
    """

    inputs: Annotated[dict[str, list[Any]], Json]
    expected: Annotated[dict[str, Any], Json, AfterValidator(_known_outputs)]


class Quantised(_Frozen):
    """Coarser numbers than were learned: what that did to a metric on held-out rows."""

    precision: Literal["int8", "float16"]
    metric: str
    before: float
    after: float
    size_before: NonNegativeInt
    size_after: NonNegativeInt


class Compiled(_Frozen):
    """What became of compiling a version, and how it was proven.

    `served` says whether the compiled form answers; `reason` why not, when it does not.
    `compared_rows` were held against the library, `largest_difference` is that of a
    probability, or relative that of a value; `speedup` is by batch size, as measured at
    registration. Of wide models not every column was changed one by one, but `probed_columns`
    (None of old versions), and `refused_together` more rows were refused by both among others
    and not looked at alone.
    """

    served: bool
    reason: str | None = None
    backend: str | None = None
    compared_rows: NonNegativeInt = 0
    largest_difference: float = 0.0
    speedup: dict[str, float] = {}
    quantised: Quantised | None = None
    refused_together: NonNegativeInt = 0
    probed_columns: NonNegativeInt | None = None


class Profiled(_Frozen):
    """The profile that is stored with a version, and of what it was made.

    `features` columns of `rows` are counted in it, and `skipped` others are not. It counts what
    was said of `scored_rows`: rows that a clone of the model was not fitted on (`held_out`),
    those of training, or those that were given for it (`profile_data`).
    """

    rows: NonNegativeInt
    features: NonNegativeInt
    skipped: NonNegativeInt = 0
    source: str | None = None
    scores_from: Literal["held_out", "training", "profile_data"] | None = None
    scored_rows: NonNegativeInt = 0


class Draft(_Frozen):
    """Everything of a manifest that is known before the version has a number.

    `trusted_types` are those that skops loads because a person said so; `pickle` is true
    when a person allowed that loading the version can run any code. `code` are the modules
    that are stored with it and run when it is loaded, `needs` those that must be importable
    wherever it is. `origin` says where the model came from, when it came from another
    system's store. `warnings` are what people should know who let the version answer. `profile`
    says that one is stored with it; models without data and older versions have none.
    """

    name: str
    flavour: str
    format: str
    signature: Annotated[Signature, BeforeValidator(_signature), PlainSerializer(Signature.to_json)]
    libraries: dict[str, str] = {}
    training: TrainingData | None = None
    metrics: Metrics | None = None
    git_commit: str | None = None
    origin: str | None = None
    parameters: Annotated[dict[str, Any], Json] = {}
    sample: StoredSample | None = None
    trusted_types: tuple[str, ...] = ()
    pickle: bool = False
    code: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    compiled: Compiled | None = None
    warnings: tuple[str, ...] = ()
    profile: Profiled | None = None
    lineage: Lineage | None = None

    @property
    def needs_consent(self) -> bool:
        """Whether loading it can run any code: a pickle that has no compiled form."""
        return self.pickle and not (self.compiled is not None and self.compiled.served)


class Manifest(Draft):
    """A registered version: its draft, and what registering decided."""

    version: PositiveInt
    files: tuple[FileEntry, ...]
    created_at: str
    created_by: str
    schema_version: Literal[1] = 1

    @property
    def reference(self) -> str:
        """The version's name, `diagnosis-xgb@1`."""
        return f"{self.name}@{self.version}"

    def __str__(self) -> str:
        """What there is to know at a glance: `churn@1 classification, 0.93 accuracy, compiled`."""
        scores = (
            {} if self.metrics is None else self.metrics.held_out or self.metrics.cross_validated
        )
        shown = next((name for name in _FIRST if name in scores), next(iter(scores), None))
        parts = [f"{self.reference} {self.signature.output.kind}"]
        if shown is not None:
            parts.append(f"{scores[shown]:.2f} {shown}")
        if self.compiled is not None:
            parts.append("compiled" if self.compiled.served else "served by its own library")
        return "; warning: ".join([", ".join(parts), *self.warnings])

    __repr__ = __str__

    def encode(self) -> bytes:
        """The manifest as JSON: the same bytes for the same manifest, floats exact."""
        body = self.model_dump(mode="json")
        # Versions that were registered before there was any keep their digest.
        if self.lineage is None:
            del body["lineage"]
        elif self.lineage.importance is None:
            del body["lineage"]["importance"]
        return (json.dumps(body, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the manifest, and with it of every file of the version."""
        return hashlib.sha256(self.encode()).hexdigest()

    @classmethod
    def decode(cls, content: bytes) -> Manifest:
        """Read what `encode` wrote.

        Raises:
            ValueError: it is not a manifest; a pydantic.ValidationError says where.
        """
        return cls.model_validate_json(content)
