"""Reads audit logs back, and says of each whether a line was changed, removed or exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serve_app.errors import NotFound
from serve_app.security.audit import CHAIN, CHECKPOINTS
from serve_app.security.chain import START, ChainBroken, body_of, links
from serve_app.security.checkpoints import Checkpoint, CheckpointDamaged, read_checkpoints


@dataclass(frozen=True, slots=True)
class Verified:
    """What is known of one writer's chain.

    `problem` says what is wrong, `line` where it begins, from 1 on; both are none where nothing
    is. `signed` is up to which line a checkpoint vouches that none is missing at the end.
    """

    writer: str
    lines: int
    signed: int
    line: int | None = None
    problem: str | None = None


def writers(folder: Path, copy: Path | None = None) -> list[str]:
    """The names of those who wrote in a folder, also of those of whom checkpoints alone are left.

    Raises:
        NotFound: there is no audit log.
    """
    names: set[str] = set()
    for place in filter(None, (folder, copy)):
        files = [file.name for file in place.glob(f"*{CHAIN}")] if place.is_dir() else []
        names |= {name.removesuffix(CHECKPOINTS).removesuffix(CHAIN) for name in files}
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


def verify(
    folder: Path, writer: str, keys: Mapping[str, bytes], copy: Path | None = None
) -> Verified:
    """Follow a writer's chain, and hold it against checkpoints.

    `keys` are public keys (32 bytes) by `signing.key_id` that sign checkpoints; without any, none
    is read. `copy` is another folder that has checkpoints.
    """
    hashes = [START]
    broken: ChainBroken | None = None
    try:
        hashes += [link.hash for link in links(_lines(folder / f"{writer}{CHAIN}"))]
    except ChainBroken as error:
        hashes += [link.hash for link in _as_far(folder / f"{writer}{CHAIN}", error.number)]
        broken = error
    checkpoints: list[Checkpoint] = []
    for place in filter(None, (folder, copy) if keys else ()):
        file = place / f"{writer}{CHECKPOINTS}"
        try:
            checkpoints += read_checkpoints(_lines(file), keys)
        except CheckpointDamaged as error:
            problem = f"checkpoint {error.number} in {file} {error.problem}"
            return Verified(writer, len(hashes) - 1, 0, None, problem)
    return _held_against(writer, hashes, checkpoints, broken)


def _held_against(
    writer: str, hashes: list[str], checkpoints: list[Checkpoint], broken: ChainBroken | None
) -> Verified:
    lines, signed = len(hashes) - 1, 0
    for one in sorted(checkpoints, key=lambda each: each.seq):
        if one.writer != writer:
            return Verified(writer, lines, signed, None, f"a checkpoint is of {one.writer}")
        if one.seq > lines and broken is None:
            problem = f"is missing: {one.seq} lines were signed, and {lines} are there"
            return Verified(writer, lines, signed, lines + 1, problem)
        if one.seq <= lines and hashes[one.seq] != one.hash:
            problem = f"or one up to line {one.seq} is not the one that was signed"
            return Verified(writer, lines, signed, signed + 1, problem)
        if one.seq <= lines:
            signed = one.seq
    if broken is not None:
        return Verified(writer, lines, signed, broken.number, broken.problem)
    return Verified(writer, lines, signed)


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines(keepends=True) if file.is_file() else []


def _as_far(file: Path, number: int) -> Iterator[Any]:
    return links(_lines(file)[: number - 1])
