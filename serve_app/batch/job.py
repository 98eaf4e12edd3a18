"""What a batch job is: what it reads, which version answers, how, and where the answers go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from serve_app.batch.inputs import Input
from serve_app.batch.rendering import Rendering, rendering_of
from serve_app.errors import InvalidInput

Format = Literal["parquet", "csv", "jsonl"]
"""What output is written as."""
OnError = Literal["quarantine", "fail", "null"]
"""What becomes of a row that cannot be answered.

It is written into the quarantine and left out (quarantine), ends the job (fail), or stays without
a prediction and with the reason in `_error` (null).
"""
JobState = Literal[
    "QUEUED",
    "RUNNING",
    "CANCELLING",
    "CANCELLED",
    "SUCCEEDED",
    "SUCCEEDED_WITH_ERRORS",
    "FAILED",
]
SUFFIXES: Mapping[Format, str] = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl"}
SHARD_ROWS = 50_000
BATCH_ROWS = 8_192
MAX_BAD_RATIO = 0.01
_KEY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a job answers.

    `ids` and `passthrough` are columns of the input that stand in the output as they are.
    `max_bad_ratio` is judged once 1,000 rows were read, `max_bad_rows` at once. With `redact`,
    the quarantine holds no values. With a `rendering`, records are read and written in the words
    of another system, whatever `format` is.
    """

    format: Format = "parquet"
    ids: tuple[str, ...] = ()
    passthrough: tuple[str, ...] = ()
    on_error: OnError = "quarantine"
    max_bad_rows: int | None = None
    max_bad_ratio: float = MAX_BAD_RATIO
    redact: bool = False
    shard_rows: int = SHARD_ROWS
    batch_rows: int = BATCH_ROWS
    rendering: Rendering | None = None

    @property
    def kept(self) -> tuple[str, ...]:
        """The columns of the input that stand in the output, each once."""
        return tuple(dict.fromkeys((*self.ids, *self.passthrough)))


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it was submitted, which never changes.

    `version` is pinned (`churn@3`), `version_digest` that of its manifest; `preprocess` is the
    transformer that runs before, where there is one. `out` is the folder of the output.
    """

    version: str
    version_digest: str
    inputs: tuple[Input, ...]
    out: str
    options: JobOptions = JobOptions()
    preprocess: str | None = None
    preprocess_digest: str | None = None

    @property
    def key(self) -> str:
        """The same for jobs that would give the same output in the same place: a SHA-256.

        Of inputs their paths and contents count, and not when they were written; how many rows
        may be bad changes nothing of the output.
        """
        body = self.to_json()
        for limit in ("max_bad_rows", "max_bad_ratio"):
            del body["options"][limit]
        if self.options.rendering is None:
            # Jobs that were submitted before there were any keep their names.
            del body["options"]["rendering"]
        body["inputs"] = [[one.path, one.sha256] for one in self.inputs]
        return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()

    @property
    def id(self) -> str:
        """The job's name, which follows from its key."""
        return f"job-{self.key[:_KEY_DIGITS]}"

    def to_json(self) -> dict[str, Any]:
        """The job as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Job:
        """Read what `to_json` wrote."""
        options: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in body["options"].items()
        }
        options["rendering"] = rendering_of(options.get("rendering"))
        return cls(
            version=body["version"],
            version_digest=body["version_digest"],
            inputs=tuple(Input.from_json(one) for one in body["inputs"]),
            out=body["out"],
            options=JobOptions(**options),
            preprocess=body["preprocess"],
            preprocess_digest=body["preprocess_digest"],
        )


def check_columns(inputs: Sequence[Input], needed: Sequence[str], kept: Sequence[str]) -> None:
    """Return where every input that names its columns has those that are needed and kept.

    Raises:
        InvalidInput: one lacks a column; says which, and what it has.
    """
    for one in inputs:
        if one.columns is None:
            continue
        known = set(one.columns)
        missing = [name for name in (*needed, *kept) if name not in known]
        if missing:
            shown = ", ".join(map(repr, one.columns[:20]))
            more = f" and {len(one.columns) - 20} more" if len(one.columns) > 20 else ""
            why = "the version takes it" if missing[0] in needed else "the output shall keep it"
            msg = f"{one.path} has no column {missing[0]!r}, and {why}; it has {shown}{more}"
            raise InvalidInput(msg, column=missing[0], file=one.path)


def check_options(options: JobOptions) -> None:
    """Return where numbers of options make sense.

    Raises:
        InvalidInput: one does not; says which.
    """
    for one in fields(options):
        value = getattr(options, one.name)
        least = 0 if one.name == "max_bad_rows" else 1
        if one.name.endswith("_rows") and value is not None and value < least:
            raise InvalidInput(f"{one.name} is {value}; give {least} or more")
    if not 0 <= options.max_bad_ratio <= 1:
        msg = f"max_bad_ratio is {options.max_bad_ratio:g}; give a number from 0 to 1"
        raise InvalidInput(msg)
