"""Who works on a run: a lock that its process loses however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serve_app.errors import Conflict

FILE = "lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Work on a run alone.

    Raises:
        Conflict: another process does.
    """
    with (folder / FILE).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"another process works on run {folder.name}; see: serve-app train status"
            raise Conflict(msg) from error
        yield


def is_held(folder: Path) -> bool:
    """Whether a process works on a run."""
    try:
        with held(folder):
            return False
    except Conflict:
        return True
    except OSError:
        return False
