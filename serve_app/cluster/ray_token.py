"""What Ray's processes show each other, so that nobody else who reaches their ports is heard."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from serve_app.cluster.private_files import make_private_folder, write_private
from serve_app.errors import InvalidInput

FILE = "ray-token"
_BYTES = 32


def cluster_token(state: Path, draw: Callable[[int], str] = secrets.token_hex) -> Path:
    """The file with the token of a state folder's cluster, made where there is none.

    It stays, so that machines that join again need no other. One that others could have read or
    written is replaced by a new one.
    """
    path = state / FILE
    make_private_folder(state)
    if not _is_private(path):
        write_private(path, draw(_BYTES))
    return path


def require_token(path: Path) -> Path:
    """A file that was given with a token, as whole path.

    Raises:
        InvalidInput: it cannot be read, or is empty.
    """
    try:
        content = path.read_bytes().strip()
    except OSError as error:
        msg = f"the token {path} cannot be read: {error.strerror}"
        raise InvalidInput(msg) from None
    if not content:
        raise InvalidInput(f"the token {path} is empty; serve-app cluster start makes one")
    return path.resolve()


def _is_private(path: Path) -> bool:
    """Whether a file with something in it is this user's alone; a link is not."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return (
        stat.S_ISREG(status.st_mode)
        and status.st_uid == os.getuid()
        and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        and bool(path.read_bytes().strip())
    )
