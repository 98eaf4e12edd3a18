"""Signatures beside files, as `openssl pkeyutl -rawin` has them: Ed25519 (RFC 8032)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from serve_app.errors import ArtifactRejected, NotFound
from serve_app.security.signing import is_signed, signature_of

SUFFIX = ".sig"


def beside(file: Path) -> Path:
    """Where the signature of a file is."""
    return file.with_name(file.name + SUFFIX)


def signature(file: Path, key: Any) -> bytes:
    """The signature of a file's bytes (64 bytes) by a private key (`security.signing.private_key`).

    Raises:
        NotFound: the file cannot be read.
    """
    return signature_of(_content(file), key)


def check(file: Path, public: bytes) -> None:
    """Let pass a file whose signature beside it is of the public key (32 bytes).

    Raises:
        NotFound: the file or its signature cannot be read.
        ArtifactRejected: the signature is of other bytes, or of another key.
    """
    if not is_signed(_content(file), _content(beside(file)), public):
        msg = f"{file} is not what was signed with this key: it, or its signature, was changed"
        raise ArtifactRejected(msg)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror or error}"
        raise NotFound(msg) from error
