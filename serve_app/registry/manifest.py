"""What is written down of a version when it is registered, and never changes again."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    PositiveInt,
    field_serializer,
    field_validator,
)

from serve_app.core.signature import Signature


class _Frozen(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, ser_json_inf_nan="constants"
    )


class FileEntry(_Frozen):
    """One file of a version."""

    path: str
    sha256: str
    size_bytes: int

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\\" in path:
            msg = f"{path!r} does not lie inside the version's folder"
            raise ValueError(msg)
        return path


class TrainingData(_Frozen):
    """What the model learned from; `fingerprint` is the SHA-256 of names, types and values."""

    rows: int
    fingerprint: str
    source: str | None = None
    target: str | None = None


class Metrics(_Frozen):
    """How good the model is, beside a baseline that knows only the target's distribution."""

    cross_validated: dict[str, float] = {}
    held_out: dict[str, float] = {}
    baseline: dict[str, float] = {}
    baseline_cross_validated: dict[str, float] = {}
    folds: int | None = None


class Sample(_Frozen):
    """A few rows with what the model said of them at registration; null stands for NaN."""

    inputs: dict[str, list[Any]]
    expected: dict[str, Any]


class Draft(_Frozen):
    """Everything of a manifest that is known before the version has a number."""

    name: str
    flavour: str
    format: str
    signature: Signature
    libraries: dict[str, str] = {}
    training: TrainingData | None = None
    metrics: Metrics | None = None
    git_commit: str | None = None
    parameters: dict[str, Any] = {}
    sample: Sample | None = None
    trusted_types: tuple[str, ...] = ()
    pickle: bool = False

    @field_validator("signature", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        return Signature.from_json(value) if isinstance(value, dict) else value

    @field_serializer("signature")
    def _write(self, value: Signature) -> dict[str, Any]:
        return value.to_json()


class Manifest(Draft):
    """A registered version. `pickle` is true when a person allowed that it is one."""

    version: PositiveInt
    files: tuple[FileEntry, ...]
    created_at: str
    created_by: str
    schema_version: int = 1
