"""Keys of Ed25519 (RFC 8032) in PEM, and signatures with them: the one place that has the library.

Whoever has the private key signs; whoever has the public one sees whether a byte was changed.
"""

from __future__ import annotations

import hashlib
from typing import Any

from serve_app.errors import ConfigError, InvalidInput


def key_pair() -> tuple[bytes, bytes]:
    """A new private key and its public key, both in PEM.

    Raises:
        ConfigError: the package `cryptography` is not installed.
    """
    serialization, ed25519 = _cryptography()
    private = ed25519.Ed25519PrivateKey.generate()
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )


def private_key(pem: bytes) -> Any:
    """The private key that a PEM holds.

    Raises:
        InvalidInput: it holds none of Ed25519, or one that is locked by a password.
        ConfigError: the package `cryptography` is not installed.
    """
    _, ed25519 = _cryptography()
    key = private_of_any_kind(pem)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        msg = (
            f"the private key is a {type(key).__name__}; make one of Ed25519: "
            "serve-app export key update-key.pem"
        )
        raise InvalidInput(msg)
    return key


def public_key(pem: bytes) -> bytes:
    """The 32 bytes of the public key of Ed25519 that a PEM holds.

    Raises:
        InvalidInput: it holds no such key, or a private one.
        ConfigError: the package `cryptography` is not installed.
    """
    _, ed25519 = _cryptography()
    key = public_of_any_kind(pem)
    if not isinstance(key, ed25519.Ed25519PublicKey):
        raise InvalidInput("the public key is not one of Ed25519")
    return _raw(key)


def private_of_any_kind(pem: bytes) -> Any:
    """The private key that a PEM holds, of whatever kind.

    Raises:
        InvalidInput: it holds none, or one that is locked by a password.
        ConfigError: the package `cryptography` is not installed.
    """
    serialization, _ = _cryptography()
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        msg = f"the file holds no private key that can be read without a password: {error}"
        raise InvalidInput(msg) from error


def public_of_any_kind(pem: bytes) -> Any:
    """The public key that a PEM holds, of whatever kind.

    Raises:
        InvalidInput: it holds none, or a private one.
        ConfigError: the package `cryptography` is not installed.
    """
    serialization, _ = _cryptography()
    if b"PRIVATE KEY" in pem:
        raise InvalidInput("this is the private key, which signs; give the public one (….pub.pem)")
    try:
        return serialization.load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise InvalidInput("it holds no public key in PEM") from error


def public_of(key: Any) -> bytes:
    """The public key (32 bytes) that belongs to a private one (`private_key`)."""
    return _raw(key.public_key())


def key_id(public: bytes) -> str:
    """How a public key (32 bytes) is named: the SHA-256 of its DER, 64 hexadecimal digits.

    `openssl pkey -pubin -in KEY.pub.pem -outform DER | sha256sum` says the same.
    """
    return hashlib.sha256(_DER + public).hexdigest()


def signature_of(content: bytes, key: Any) -> bytes:
    """The signature (64 bytes) of some bytes by a private key (`private_key`)."""
    signature: bytes = key.sign(content)
    return signature


def is_signed(content: bytes, signature: bytes, public: bytes) -> bool:
    """Whether a signature of some bytes is of a public key (32 bytes).

    Raises:
        ConfigError: the package `cryptography` is not installed.
    """
    _, ed25519 = _cryptography()
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except InvalidSignature:
        return False
    return True


_DER = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a public key of Ed25519 (RFC 8410)."""


def _raw(key: Any) -> bytes:
    serialization, _ = _cryptography()
    raw: bytes = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return raw


def _cryptography() -> tuple[Any, Any]:
    # Gateways and replicas that check no signatures need not wait for it.
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        msg = "signatures need the package cryptography: pip install 'serve-app[signing]'"
        raise ConfigError(msg) from error
    return serialization, ed25519
