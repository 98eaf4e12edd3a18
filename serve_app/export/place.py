"""Files that were exported, and how they are written: whole, and over nothing by accident."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serve_app.errors import Conflict
from serve_app.registry.exclusive import place, temporary_beside
from serve_app.registry.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Exported:
    """A file that was made of a version: its name, its bytes, and what a device must have."""

    file_name: str
    content: bytes
    manifest: Manifest
    needs: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)


def write(exported: Exported, folder: Path, *, force: bool = False) -> Path:
    """Write an exported file into a folder, which is made where it is none yet.

    Raises:
        Conflict: the file is there already, and nobody said to overwrite it.
    """
    path = folder / exported.file_name
    write_file(path, exported.content, force=force)
    return path


def write_file(path: Path, content: bytes, *, force: bool = False, mode: int = 0o644) -> None:
    """Write a file, whole or not at all, in a folder that is made where it is none yet.

    Raises:
        Conflict: the file is there already, and nobody said to overwrite it.
    """
    if path.exists() and not force:
        raise _conflict(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(path)
    try:
        temporary.touch(mode, exist_ok=False)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if force:
            temporary.replace(path)
        elif not place(temporary, path):
            raise _conflict(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by their paths below a folder, which is there with all of them or not at all.

    Raises:
        Conflict: it is there already.
    """
    if folder.exists():
        raise Conflict(f"{folder} is there already; give another --out")
    temporary = temporary_beside(folder)
    try:
        for path, content in files.items():
            write_file(temporary / path, content)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _conflict(path: Path) -> Conflict:
    return Conflict(f"{path} is there already; give --force to overwrite it, or another --out")
