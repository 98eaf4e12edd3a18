"""Files and folders that no other user reads, whatever umask this process has."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from serve_app.errors import Conflict

_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def write_private(path: Path, text: str) -> None:
    """Write a file of mode 600 anew; a link in its place is not followed."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def replace_private(path: Path, text: str) -> None:
    """Write a file of mode 600 whole or not at all; what was there stays until then.

    Raises:
        OSError: it cannot be written.
    """
    made = path.with_name(f".{path.name}.{os.getpid()}")
    write_private(made, text)
    made.replace(path)


def make_private_folder(path: Path) -> None:
    """Make a folder of mode 700 with all above it; one that is there stays as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)


def require_own_folder(path: Path) -> None:
    """Make a folder of mode 700, or take the one that is there if it is this user's alone.

    Raises:
        Conflict: it is a link, or belongs to somebody else.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        msg = f"{path} is a link, or belongs to somebody else; remove it and start again"
        raise Conflict(msg)
    if status.st_mode & _OF_OTHERS:
        path.chmod(0o700)
