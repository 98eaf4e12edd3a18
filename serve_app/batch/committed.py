"""What was committed of a shard, as its commit file and the ledger hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from serve_app.batch.bad_rows import Counts


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file that was written: its size and the SHA-256 of its bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Committed:
    """The output of one shard, by the attempt that was the first to commit it.

    `rows` were read, `rows_ok` answered and `rows_bad` not; `first_errors` says of up to 20 of
    these what was wrong. `quarantine` is None where no row went there.
    """

    job: str
    shard: int
    attempt: int
    rows: int
    rows_ok: int
    rows_bad: int
    output: WrittenFile
    quarantine: WrittenFile | None = None
    first_errors: tuple[str, ...] = ()

    @property
    def counts(self) -> Counts:
        """How many rows were read, and how many of them were bad."""
        return Counts(self.rows, self.rows_bad)

    def encode(self) -> bytes:
        """The commit as JSON: the same bytes for the same commit."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def decode(cls, content: bytes | str) -> Committed:
        """Read what `encode` wrote.

        Raises:
            ValueError: it is no such thing.
        """
        try:
            body: Mapping[str, Any] = json.loads(content)
            quarantine = body["quarantine"]
            return cls(
                **{
                    **body,
                    "output": WrittenFile(**body["output"]),
                    "quarantine": None if quarantine is None else WrittenFile(**quarantine),
                    "first_errors": tuple(body["first_errors"]),
                }
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"it is no commit of a shard: {error}") from None
