"""Names of models, names and digests of the files of a version."""

from __future__ import annotations

import difflib
import hashlib

from serve_app.errors import InvalidInput
from serve_app.registry.manifest import check_path


def check_file(path: str) -> None:
    """Let only names pass that a file of a version can have.

    Raises:
        InvalidInput: it cannot.
    """
    try:
        check_path(path)
    except ValueError as error:
        raise InvalidInput(str(error), file=path) from None


def digest_of(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def nearest(name: str, known: list[str]) -> str:
    """The nearest of some names as a question behind a sentence; nothing where none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
