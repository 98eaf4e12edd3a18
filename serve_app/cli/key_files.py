"""Pairs of keys as files: the private one for its owner alone."""

from __future__ import annotations

from pathlib import Path

from serve_app.errors import Conflict
from serve_app.export.place import write_file
from serve_app.security.signing import key_pair


def write_key_pair(path: Path) -> Path:
    """Write a new private key to `KEY.pem` (mode 600), its public key to `KEY.pub.pem` beside it.

    Raises:
        Conflict: one of the two is there already.
        ConfigError: the package `cryptography` is not installed.
    """
    private, public = key_pair()
    public_path = path.with_name(f"{path.stem}.pub{path.suffix}")
    if public_path.exists():
        raise Conflict(f"{public_path} is there already; choose another name")
    try:
        write_file(path, private, mode=0o600)
        write_file(public_path, public)
    except Conflict as error:
        raise Conflict(f"{path} is there already; choose another name") from error
    return public_path
