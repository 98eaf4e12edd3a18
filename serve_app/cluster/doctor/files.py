"""Who else on this machine may read or write what belongs to a cluster."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from serve_app.cluster.doctor.finding import Finding

_DEPTH = 3
_SECRETS = ("ray-token", "edge-token")
_SHOWN = 3


def of_files(places: Mapping[str, Path]) -> Iterator[Finding]:
    """A finding for each folder, by what it is; one that is not there has none."""
    for name, folder in places.items():
        if folder.is_dir():
            yield _of_folder(name, folder)


def of_secret(path: Path) -> Finding:
    """Whether a file with a secret is its owner's alone."""
    try:
        status = path.lstat()
    except OSError as error:
        return Finding("problem", "file", str(path), f"cannot be read: {error.strerror}")
    if stat.S_ISLNK(status.st_mode):
        return Finding("problem", "file", str(path), "is a link", "put the file itself there")
    if status.st_mode & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        text = f"mode {mode:03o}: others on this machine may read a secret"
        return Finding("problem", "file", str(path), text, f"chmod 600 {path}, and make a new one")
    return Finding("ok", "file", str(path), "its owner's alone")


def _of_folder(name: str, folder: Path) -> Finding:
    if not _is_open(folder):
        return Finding("ok", "file", f"{name} {folder}", "its owner's alone")
    writable = [path for path in _below(folder) if _may_write(path)]
    if writable:
        shown = ", ".join(str(path) for path in writable[:_SHOWN])
        more = f" and {len(writable) - _SHOWN} more" if len(writable) > _SHOWN else ""
        text = f"others on this machine may write {shown}{more}"
        return Finding("problem", "file", f"{name} {folder}", text, f"chmod -R go-w {folder}")
    return Finding(
        "warning", "file", f"{name} {folder}", "others on this machine may read it",
        f"chmod 700 {folder}",
    )  # fmt: skip


def _is_open(folder: Path) -> bool:
    """Whether anybody else can come into a folder at all."""
    return bool(folder.stat().st_mode & 0o077)


def _below(folder: Path) -> Iterable[Path]:
    """A folder and what is in it, not too deep; links are not followed."""
    yield folder
    root = len(folder.parts)
    for place, folders, names in os.walk(folder):
        here = Path(place)
        if len(here.parts) - root >= _DEPTH:
            folders.clear()
        for name in (*folders, *names):
            yield here / name


def _may_write(path: Path) -> bool:
    try:
        mode = path.lstat().st_mode
    except OSError:
        return False
    if stat.S_ISLNK(mode):
        return False
    # In a folder such as /tmp others make files, and nobody touches those of others.
    return bool(mode & 0o022) and not mode & stat.S_ISVTX
