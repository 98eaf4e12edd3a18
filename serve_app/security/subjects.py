"""Pseudonyms of the people whom rows are about, and the encryption of what is known of them.

All of it goes back to one secret. A tenant's pepper is HMAC-SHA256 of the secret over its name, so
that the same person of two tenants has two pseudonyms; values are encrypted by AES-256-GCM (NIST
SP 800-38D) with nonces of 96 random bits under a key of each subject. Who destroys a subject's key
destroys what was encrypted under it, also where copies of that are.
"""

from __future__ import annotations

import hmac
import os
from typing import Any

from serve_app.errors import ConfigError, InvalidInput

KEY_BYTES = 32
NONCE_BYTES = 12
_PEPPER, _KEYS, _WRAP = b"pepper of a tenant\0", b"keys of an endpoint\0", b"keys of subjects\0"


def fresh_key() -> bytes:
    """A new key of 256 random bits."""
    return os.urandom(KEY_BYTES)


class SubjectSecret:
    """What is derived from the one secret; nothing shows it.

    Raises:
        ConfigError: the package `cryptography` is not installed.
    """

    def __init__(self, secret: str) -> None:
        master = hmac.digest(b"serve-app privacy", secret.encode(), "sha256")
        self._master = master
        self._wrapping = _cipher(hmac.digest(master, _WRAP, "sha256"))

    def subject_of(self, tenant: str, subject: str) -> str:
        """The pseudonym of a tenant's subject, 64 hexadecimal digits."""
        return _pseudonym(hmac.digest(self._master, _PEPPER + _bytes(tenant), "sha256"), subject)

    def key_of(self, endpoint: str, key: str) -> str:
        """The pseudonym of a key by which feedback finds rows of an endpoint."""
        return _pseudonym(hmac.digest(self._master, _KEYS + _bytes(endpoint), "sha256"), key)

    def wrapped(self, key: bytes, subject: str) -> bytes:
        """A subject's key as it may stand in a file."""
        return _sealed(self._wrapping, key, _bytes(subject))

    def unwrapped(self, wrapped: bytes, subject: str) -> bytes:
        """A subject's key as it was before.

        Raises:
            InvalidInput: it was wrapped by another secret, or changed.
        """
        return _opened(self._wrapping, wrapped, _bytes(subject))


def sealed(key: bytes, plain: bytes, about: bytes) -> bytes:
    """Bytes encrypted under a key, together with what they are about, which is not encrypted."""
    return _sealed(_cipher(key), plain, about)


def opened(key: bytes, given: bytes, about: bytes) -> bytes:
    """What was encrypted.

    Raises:
        InvalidInput: the key is another, or any byte was changed.
    """
    return _opened(_cipher(key), given, about)


def _sealed(cipher: Any, plain: bytes, about: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    encrypted: bytes = cipher.encrypt(nonce, plain, about)
    return nonce + encrypted


def _opened(cipher: Any, given: bytes, about: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - an extra

    try:
        plain: bytes = cipher.decrypt(given[:NONCE_BYTES], given[NONCE_BYTES:], about)
    except (InvalidTag, ValueError) as error:
        msg = "encrypted values cannot be read: the secret is another one, or they were changed"
        raise InvalidInput(msg) from error
    return plain


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - an extra
    except ImportError as error:
        msg = "privacy needs the package cryptography: pip install 'serve-app[signing]'"
        raise ConfigError(msg) from error
    return AESGCM(key)


def _pseudonym(pepper: bytes, text: str) -> str:
    return hmac.digest(pepper, _bytes(text), "sha256").hex()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
