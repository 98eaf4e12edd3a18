"""Which deliveries were compacted, so that none is ever taken twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from serve_app.errors import RecordsFailed

if TYPE_CHECKING:
    from serve_app.storage.records.files import Files

FILE = "compacted.json"
MAX_RANGES = 64
"""Of each replica so many unbroken ranges of numbers are known; below the last, none is taken."""
MAX_REPLICAS = 10_000
Ranges = list[list[int]]


class Ledger:
    """The numbers of compacted deliveries by replica, in one small file that is read once."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._ranges: dict[str, Ranges] | None = None

    def holds(self, replica: str, sequence: int) -> bool:
        """Whether a delivery was compacted."""
        ranges = self._known().get(replica, [])
        return any(first <= sequence <= last for first, last in ranges)

    def add(self, deliveries: Iterable[tuple[str, int]]) -> None:
        """Note compacted deliveries, for good."""
        known = {
            replica: [list(one) for one in ranges] for replica, ranges in self._known().items()
        }
        for replica, sequence in deliveries:
            # Whoever delivered last stands last, so that those long gone are forgotten first.
            known[replica] = _with(known.pop(replica, []), sequence)
        kept = dict(list(known.items())[-MAX_REPLICAS:])
        self._files.write(FILE, json.dumps(kept).encode(), sync=True)
        self._ranges = kept

    def reread(self) -> None:
        """Read the file anew, for somebody else may have written it."""
        self._ranges = None
        self._known()

    def _known(self) -> dict[str, Ranges]:
        if self._ranges is None:
            content = self._files.read(FILE)
            self._ranges = {} if content is None else _parsed(content, self._files.path(FILE))
        return self._ranges


def _parsed(content: bytes, path: str) -> dict[str, Ranges]:
    try:
        body = json.loads(content)
        return {
            str(replica): [[int(first), int(last)] for first, last in ranges]
            for replica, ranges in body.items()
        }
    except (ValueError, TypeError, AttributeError) as error:
        msg = (
            f"{path} is damaged ({error}); remove it, then deliveries that were compacted before "
            "could be taken a second time"
        )
        raise RecordsFailed(msg, path=path) from error


def _with(ranges: Ranges, sequence: int) -> Ranges:
    merged: Ranges = []
    for first, last in sorted([*ranges, [sequence, sequence]]):
        if merged and first <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([first, last])
    while len(merged) > MAX_RANGES:
        merged[:2] = [[merged[0][0], merged[1][1]]]
    return merged
