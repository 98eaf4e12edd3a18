"""A signed update: a header that names a version and its wheel, a signature, and the wheel.

serve-app edge bundle 1
{"model": "churn", "sha256": "…", "size_bytes": 94401, "version": 2, "wheel": "….whl"}
<signature of the two lines above, 128 hexadecimal digits>
<the bytes of the wheel>
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass

from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.export.runtime.ed25519 import is_signed

MAGIC = b"serve-app edge bundle 1"
LONGEST_LINE = 10_000
_WHEEL = re.compile(r"([A-Za-z][A-Za-z0-9_]*)-[A-Za-z0-9.]+-py3-none-any\.whl")
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----")
_ED25519 = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a public key of Ed25519 (RFC 8410)."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A version's wheel, once its signature and its digest were verified."""

    model: str
    version: int
    package: str
    content: bytes

    @property
    def reference(self) -> str:
        """The version's name, `churn@2`."""
        return f"{self.model}@{self.version}"


def header(model: str, version: int, wheel: str, content: bytes) -> bytes:
    """The lines that are signed; the same bytes for the same wheel."""
    body = {
        "model": model,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        "version": version,
        "wheel": wheel,
    }
    return MAGIC + b"\n" + json.dumps(body, sort_keys=True).encode() + b"\n"


def opened(content: bytes, key: bytes) -> Bundle:
    """The wheel in a bundle that was signed with a key.

    Raises:
        ArtifactRejected: it is no bundle, somebody else signed it, or a byte of it has changed.
    """
    magic, _, rest = content.partition(b"\n")
    if magic != MAGIC:
        raise ArtifactRejected("it is no bundle of serve-app export bundle")
    line, _, rest = rest.partition(b"\n")
    written, _, wheel = rest.partition(b"\n")
    if max(len(line), len(written)) > LONGEST_LINE:
        raise ArtifactRejected("the bundle is damaged: its header does not end")
    try:
        signature = bytes.fromhex(written.decode("ascii"))
    except ValueError as error:
        raise ArtifactRejected("the bundle is damaged: its signature cannot be read") from error
    # Nothing of it is read before it is known whose it is.
    if not is_signed(magic + b"\n" + line + b"\n", signature, key):
        raise ArtifactRejected(
            "the bundle is not signed with the key that this device trusts, or was changed"
        )
    return _verified(line, wheel)


def _verified(line: bytes, wheel: bytes) -> Bundle:
    try:
        body = json.loads(line)
        name = _WHEEL.fullmatch(body["wheel"])
        bundle = Bundle(str(body["model"]), int(body["version"]), name[1] if name else "", wheel)
        digest, size = body["sha256"], body["size_bytes"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactRejected(f"the bundle is of another release: {error!r}") from error
    if not bundle.package:
        raise ArtifactRejected(f"the bundle holds no wheel: {body['wheel']!r}")
    if len(wheel) != size:
        raise ArtifactRejected(f"the bundle has {len(wheel)} bytes of a wheel of {size}")
    if hashlib.sha256(wheel).hexdigest() != digest:
        raise ArtifactRejected("the bundle has changed: its SHA-256 is not the signed one")
    return bundle


def public_key(pem: bytes) -> bytes:
    """The 32 bytes of a public key of Ed25519 in PEM.

    Raises:
        InvalidInput: it holds no such key.
    """
    if b"PRIVATE KEY" in pem:
        raise InvalidInput("this is the private key, which no device may have; give the public one")
    block = _PEM.search(pem)
    try:
        content = b"" if block is None else base64.b64decode(block[1])
    except ValueError as error:
        raise InvalidInput("the public key is damaged") from error
    if len(content) != 44 or not content.startswith(_ED25519):
        msg = "it holds no public key of Ed25519 in PEM; make one: serve-app export key KEY.pem"
        raise InvalidInput(msg)
    return content[len(_ED25519) :]
