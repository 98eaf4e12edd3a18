"""Keys of Ed25519 in PEM: with the private one updates are signed, devices hold the public one."""

from __future__ import annotations

from typing import Any

from serve_app.errors import ConfigError, InvalidInput
from serve_app.export.runtime.bundle import public_key

__all__ = ["made", "private_key", "public_key", "signature_of", "verified"]


def made() -> tuple[bytes, bytes]:
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
    serialization, ed25519 = _cryptography()
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        msg = f"the file holds no private key that can be read without a password: {error}"
        raise InvalidInput(msg) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        msg = (
            f"the private key is a {type(key).__name__}; make one of Ed25519: "
            "serve-app export key update-key.pem"
        )
        raise InvalidInput(msg)
    return key


def signature_of(content: bytes, key: Any) -> tuple[bytes, bytes]:
    """The signature of some bytes (64 bytes), and the public key (32 bytes) that verifies it."""
    serialization, _ = _cryptography()
    public = key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    return key.sign(content), public


def verified(content: bytes, signature: bytes, public: bytes) -> bool:
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


def _cryptography() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415
    except ImportError as error:
        msg = "signing needs the package cryptography: pip install 'serve-app[edge-updates]'"
        raise ConfigError(msg) from error
    return serialization, ed25519
