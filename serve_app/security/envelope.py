"""Signed envelopes as DSSE has them: a payload, its type, and who signed both.

The form is that of https://github.com/secure-systems-lab/dsse (envelope.md and protocol.md, v1.0).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serve_app.security.signing import is_signed, key_id, public_of, signature_of

LARGEST_BYTES = 65_536
MOST_SIGNATURES = 16


class EnvelopeDamaged(ValueError):
    """What stands there is no envelope."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, and the name of the key that is said to have made it (`signing.key_id`)."""

    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """Some bytes of a type, and signatures of both."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    @classmethod
    def signed(cls, payload_type: str, payload: bytes, key: Any) -> Envelope:
        """Some bytes, signed with a private key (`signing.private_key`)."""
        value = signature_of(authenticated(payload_type, payload), key)
        return cls(payload_type, payload, (Signature(key_id(public_of(key)), value),))

    def signers(self, trusted: Mapping[str, bytes]) -> tuple[frozenset[str], frozenset[str]]:
        """Names of the trusted keys that signed it, and of those that are only said to have.

        `trusted` are public keys (32 bytes) by name. What other keys signed stands in neither.
        """
        content = authenticated(self.payload_type, self.payload)
        named = {one.key for one in self.signatures if one.key in trusted}
        right = {
            one.key
            for one in self.signatures
            if one.key in trusted and is_signed(content, one.value, trusted[one.key])
        }
        return frozenset(right), frozenset(named - right)

    def encode(self) -> bytes:
        """The envelope as DSSE's JSON."""
        return json.dumps(self.to_json(), separators=(",", ":")).encode()

    def to_json(self) -> dict[str, Any]:
        """The envelope in JSON's types."""
        return {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [
                {"keyid": one.key, "sig": base64.b64encode(one.value).decode()}
                for one in self.signatures
            ],
        }

    @classmethod
    def decode(cls, content: bytes) -> Envelope:
        """Read DSSE's JSON; of what it may hold beside, nothing is taken.

        Raises:
            EnvelopeDamaged: it is none.
        """
        if len(content) > LARGEST_BYTES:
            raise EnvelopeDamaged(f"it has {len(content)} bytes, more than {LARGEST_BYTES}")
        try:
            return cls.from_json(json.loads(content))
        except (ValueError, RecursionError) as error:
            raise EnvelopeDamaged(str(error)) from error

    @classmethod
    def from_json(cls, body: Any) -> Envelope:
        """Take an envelope from JSON's types.

        Raises:
            EnvelopeDamaged: it is none.
        """
        try:
            signatures = tuple(
                # DSSE lets who signs leave the name of the key out.
                Signature(str(one.get("keyid", "")), _bytes(one["sig"]))
                for one in body["signatures"]
            )
            payload_type = body["payloadType"]
            payload = _bytes(body["payload"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise EnvelopeDamaged(f"it is no envelope of DSSE: {error!r}") from error
        if not isinstance(payload_type, str) or not 0 < len(signatures) <= MOST_SIGNATURES:
            raise EnvelopeDamaged("it is no envelope of DSSE, or nobody signed it")
        return cls(payload_type, payload, signatures)


def authenticated(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: DSSE's pre-authentication encoding of a payload and its type."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _bytes(text: Any) -> bytes:
    """Base64 of either alphabet, which DSSE lets envelopes choose."""
    if not isinstance(text, str):
        raise TypeError("base64 is text")
    try:
        plain = text.replace("-", "+").replace("_", "/")
        return base64.b64decode(plain, validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from error
