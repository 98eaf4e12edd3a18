"""What an attempt wrote, once it is on the disk, committed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from serve_app.batch.bad_rows import Counts
from serve_app.batch.committed import Committed, WrittenFile
from serve_app.core.disk import sync
from serve_app.engine.batch.output_place import OutputPlace

_BLOCK_BYTES = 1024 * 1024
Watch = Callable[[Counts], None]
"""Is given the counts of an attempt after every block; raises what is to end it."""


def committed(
    folder: OutputPlace, job: str, attempt: tuple[int, int], counts: Counts, errors: Sequence[str]
) -> Committed:
    """Commit the files of an attempt, which is the number of a shard and its own.

    Gives what was committed first, by whomever; `errors` say of the first bad rows what is wrong.

    Raises:
        OSError: the output cannot be written.
    """
    shard, number = attempt
    output, quarantine = folder.temporary(shard, number)
    written = _finished(output)
    aside = _finished(quarantine) if quarantine.stat().st_size else None
    if aside is None:
        quarantine.unlink()
    return folder.commit(
        Committed(
            job=job,
            shard=shard,
            attempt=number,
            rows=counts.rows,
            rows_ok=counts.rows - counts.bad,
            rows_bad=counts.bad,
            output=written,
            quarantine=aside,
            first_errors=tuple(errors),
        )
    )


def _finished(file: Path) -> WrittenFile:
    """A file that was written, once it is on the disk."""
    sync(file)
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while some := content.read(_BLOCK_BYTES):
            digest.update(some)
    return WrittenFile(file.stat().st_size, digest.hexdigest())
