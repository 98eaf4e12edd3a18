"""Rows that cannot be answered: where they stand, what is wrong, and when they are too many."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from serve_app.batch.job import JobOptions

Stage = Literal["parse", "schema", "model"]
"""Where a row ended: it could not be read, broke the schema, or the model did not take it."""
LISTED = 20
JUDGED_ROWS = 1_000
"""The share of bad rows says nothing before so many were read."""
_RAW_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Broken:
    """One rule that a row breaks, as answers to requests say it; `column` is none of the whole."""

    rule: str
    expected: str
    seen: str | None = None
    column: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be answered.

    `row` is its ordinal in the file, from 0; `byte_offset` where it begins, in files of text;
    `raw` the row as it stands there, of Parquet as JSON.
    """

    file: str
    row: int
    stage: Stage
    broken: tuple[Broken, ...]
    byte_offset: int | None = None
    raw: str = ""

    def line(self, *, redact: bool) -> bytes:
        """The row as one line of a quarantine's JSON, without its values if so wished."""
        body: dict[str, Any] = {
            "file": self.file,
            "row": self.row,
            "byte_offset": self.byte_offset,
            "stage": self.stage,
            "violations": [
                {
                    "column": one.column,
                    "rule": one.rule,
                    "seen": None if redact else one.seen,
                    "expected": one.expected,
                }
                for one in self.broken
            ],
            "raw": None if redact else self.raw[:_RAW_CHARACTERS],
            "raw_is_whole": not redact and len(self.raw) <= _RAW_CHARACTERS,
        }
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") + b"\n"

    def sentence(self, *, redact: bool = False) -> str:
        """What is wrong with the row, in a line."""
        where = f"{self.file}, row {self.row}"
        if not self.broken:
            return f"{where}: {self.stage}"
        first = self.broken[0]
        column = "" if first.column is None else f", column {first.column!r}"
        seen = "" if first.seen is None or redact else f", got {first.seen}"
        return f"{where}{column}: {first.rule}: expected {first.expected}{seen}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows that were read, and those of them that could not be answered."""

    rows: int = 0
    bad: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.rows + other.rows, self.bad + other.bad)


def too_many(counts: Counts, options: JobOptions) -> str | None:
    """Why a job with so many bad rows ends before it is through; none where it goes on."""
    if options.on_error == "fail" and counts.bad:
        return "a row cannot be answered, and the job shall end then (on_error: fail)"
    most = options.max_bad_rows
    if most is not None and counts.bad > most:
        return f"{counts.bad:,} rows cannot be answered, more than max_bad_rows allows: {most:,}"
    share = options.max_bad_ratio
    if counts.rows >= JUDGED_ROWS and counts.bad > share * counts.rows:
        return (
            f"{counts.bad:,} of {counts.rows:,} rows cannot be answered, a larger share than "
            f"max_bad_ratio allows: {share:g}"
        )
    return None


def of_violations(violations: Sequence[Mapping[str, Any]]) -> tuple[Broken, ...]:
    """The broken rules that an error of ours lists in its details."""
    return tuple(
        Broken(one["rule"], one["expected"], one.get("seen"), one.get("column"))
        for one in violations
    )
