"""Lets the oldest lines of an audit log go, and says so in a signed anchor the chain goes on from.

An anchor is how far the lines went that are gone, with the hash of the last of them: what is left
follows from it as from the start. It is on the disk before a line goes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.core.disk import sync
from serve_app.security.chain import START, ChainBroken, links, number_of
from serve_app.security.checkpoints import ANCHORS, CHAIN, Checkpoint, read_anchors
from serve_app.security.signing import key_id, public_of


@dataclass(frozen=True, slots=True)
class Cut:
    """The oldest lines of a writer's chain: `length` bytes, the last of them by number and hash."""

    writer: str
    seq: int
    hash: str
    length: int


def first_of(lines: Sequence[bytes]) -> int:
    """The number of the first line of a chain; 1 where there is none, or it says none."""
    return (number_of(lines[0].partition(b" ")[2]) if lines else None) or 1


def base_of(first: int, anchors: Mapping[int, str]) -> str | None:
    """The hash that a chain from a line on follows; none where no anchor says so."""
    return START if first == 1 else anchors.get(first - 1)


def cut_before(folder: Path, writer: str, moment: str, key: Any) -> Cut | None:
    """The lines that were written before a moment (ISO 8601, UTC); none where there are none.

    The last line stays. Lines that do not follow one another are no lines to let go.

    Raises:
        ChainBroken: one of them was changed, or older ones were removed without an anchor.
        CheckpointDamaged: an anchor is not signed with the key.
        OSError: they cannot be read.
    """
    lines = (folder / f"{writer}{CHAIN}").read_bytes().splitlines(keepends=True)
    first = first_of(lines)
    base = base_of(first, _anchors(folder, writer, key))
    if base is None:
        raise ChainBroken(first, "follows lines that were removed without an anchor")
    cut, length = None, 0
    for line, link in zip(lines[:-1], links(lines[:-1], base, first), strict=True):
        if str(link.body.get("time")) >= moment:
            break
        length += len(line)
        cut = Cut(writer, link.number, link.hash, length)
    return cut


def let_go(folder: Path, copy_to: Path | None, cut: Cut, key: Any, at_s: float) -> None:
    """Write the anchor down in both folders, then take the lines away.

    Raises:
        OSError: it cannot be written; the lines are still there.
    """
    anchor = Checkpoint(cut.writer, cut.seq, cut.hash, at_s).anchor(key)
    for place in filter(None, (folder, copy_to)):
        append(place / f"{cut.writer}{ANCHORS}", anchor)
    file = folder / f"{cut.writer}{CHAIN}"
    shorter = folder / f".{cut.writer}.shorter"
    shorter.unlink(missing_ok=True)
    shorter.touch(mode=0o600)
    with shorter.open("wb") as opened:
        opened.write(file.read_bytes()[cut.length :])
        opened.flush()
        os.fsync(opened.fileno())
    shorter.replace(file)
    sync(folder)


def append(file: Path, line: bytes) -> None:
    """Add a line to a file, on the disk; raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.open("ab") as opened:
        opened.write(line)
        opened.flush()
        os.fsync(opened.fileno())


def _anchors(folder: Path, writer: str, key: Any) -> dict[int, str]:
    file = folder / f"{writer}{ANCHORS}"
    if not file.is_file():
        return {}
    public = public_of(key)
    lines = file.read_bytes().splitlines(keepends=True)
    read = read_anchors(lines, {key_id(public): public})
    return {one.seq: one.hash for one in read if one.writer == writer}
