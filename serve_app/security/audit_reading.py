"""Reads audit logs back, and says of each whether a line was changed, removed or exchanged."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.errors import NotFound
from serve_app.security.chain import ChainBroken, body_of, links
from serve_app.security.checkpoints import (
    ANCHORS,
    CHAIN,
    CHECKPOINTS,
    Checkpoint,
    CheckpointDamaged,
    read_anchors,
    read_checkpoints,
)
from serve_app.security.retention import base_of, first_of

_TAIL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of one writer's chain, whose last line is number `lines`.

    `problem` says what is wrong, `line` where it begins, from 1 on; both are none where nothing
    is. `signed` is up to which line a checkpoint vouches that none is missing at the end,
    `let_go` up to which an anchor vouches that lines were let go.
    """

    writer: str
    lines: int
    signed: int
    line: int | None = None
    problem: str | None = None
    let_go: int = 0


def writers(folder: Path, copy: Path | None = None) -> list[str]:
    """The names of those who wrote in a folder, also of those of whom checkpoints alone are left.

    Raises:
        NotFound: there is no audit log.
    """
    names: set[str] = set()
    for place in filter(None, (folder, copy)):
        files = [file.name for file in place.glob(f"*{CHAIN}")] if place.is_dir() else []
        for ending in (CHECKPOINTS, ANCHORS, CHAIN):
            files = [name.removesuffix(ending) for name in files]
        names |= set(files)
    if not names:
        raise NotFound(f"there is no audit log in {folder}")
    return sorted(names)


def all_events(folder: Path) -> list[dict[str, Any]]:
    """All events, by time, each with its writer; as they are written, whether that is right or not.

    Raises:
        NotFound: there is no audit log.
    """
    events: list[dict[str, Any]] = []
    for writer in writers(folder):
        bodies = [body_of(line.partition(b" ")[2]) for line in _lines(folder / f"{writer}{CHAIN}")]
        events += [{"writer": writer, **body} for body in bodies if body]
    return sorted(events, key=lambda one: (str(one.get("time")), str(one.get("writer"))))


def newest_events(
    folder: Path, *, most: int, actor: str = "", action: str = ""
) -> list[dict[str, Any]]:
    """So many of the last events, the newest first, each with its writer; empty names are all.

    The last megabyte of each writer is read and no more, however long its chain is.

    Raises:
        NotFound: there is no audit log.
    """
    events: list[dict[str, Any]] = []
    for writer in writers(folder):
        for line in _tail(folder / f"{writer}{CHAIN}"):
            body = body_of(line.partition(b" ")[2])
            if body and actor in {"", body.get("actor")} and action in {"", body.get("action")}:
                events.append({"writer": writer, **body})
    events.sort(
        key=lambda one: (str(one.get("time")), one["writer"], one.get("seq", 0)), reverse=True
    )
    return events[:most]


def verify(
    folder: Path, writer: str, keys: Mapping[str, bytes], copy: Path | None = None
) -> Verified:
    """Follow a writer's chain, and hold it against checkpoints and anchors.

    `keys` are public keys (32 bytes) by `signing.key_id` that sign them; without any, none is
    read. `copy` is another folder that has them. A chain whose older lines were let go begins
    after an anchor.
    """
    anchors: list[Checkpoint] = []
    checkpoints: list[Checkpoint] = []
    for place in filter(None, (folder, copy) if keys else ()):
        for kind, ending, read, into in (
            ("checkpoint", CHECKPOINTS, read_checkpoints, checkpoints),
            ("anchor", ANCHORS, read_anchors, anchors),
        ):
            file = place / f"{writer}{ending}"
            try:
                into.extend(read(_lines(file), keys))
            except CheckpointDamaged as error:
                problem = f"{kind} {error.number} in {file} {error.problem}"
                return Verified(writer, 0, 0, None, problem)
    lines = _lines(folder / f"{writer}{CHAIN}")
    first = first_of(lines)
    base = base_of(first, {one.seq: one.hash for one in anchors if one.writer == writer})
    if base is None:
        return Verified(writer, 0, 0, 1, _cut_unseen(first, has_keys=bool(keys)))
    hashes, broken = _followed(lines, base, first)
    return _held_against(writer, hashes, [*anchors, *checkpoints], broken)


def _cut_unseen(first: int, *, has_keys: bool) -> str:
    missing = f"is missing: the chain begins with line {first}, and "
    if has_keys:
        return f"{missing}no anchor says that lines before it were let go"
    return f"{missing}--key alone tells whether lines before it were let go"


def _followed(
    lines: list[bytes], base: str, first: int
) -> tuple[dict[int, str], ChainBroken | None]:
    """The hashes of lines by number, with that before the first, and where the chain breaks."""
    hashes = {first - 1: base}
    try:
        for link in links(lines, base, first):
            hashes[link.number] = link.hash
    except ChainBroken as error:
        return hashes, error
    return hashes, None


def _held_against(
    writer: str,
    hashes: dict[int, str],
    checkpoints: list[Checkpoint],
    broken: ChainBroken | None,
) -> Verified:
    base, lines, signed = min(hashes), max(hashes), 0
    for one in sorted(checkpoints, key=lambda each: each.seq):
        if one.writer != writer:
            return Verified(writer, lines, signed, None, f"a checkpoint is of {one.writer}", base)
        if one.seq > lines and broken is None:
            problem = f"is missing: {one.seq} lines were signed, and {lines} are there"
            return Verified(writer, lines, signed, lines + 1, problem, base)
        if base <= one.seq <= lines and hashes[one.seq] != one.hash:
            problem = f"or one up to line {one.seq} is not the one that was signed"
            return Verified(writer, lines, signed, signed + 1, problem, base)
        if one.seq <= lines:
            signed = one.seq
    if broken is not None:
        return Verified(writer, lines, signed, broken.number, broken.problem, base)
    return Verified(writer, lines, signed, let_go=base)


def _tail(file: Path) -> list[bytes]:
    """The whole lines of the end of a file."""
    if not file.is_file():
        return []
    with file.open("rb") as opened:
        begin = max(0, opened.seek(0, os.SEEK_END) - _TAIL_BYTES)
        opened.seek(begin)
        lines = opened.read().splitlines()
    return lines[1:] if begin else lines


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True) if file.is_file() else []
