"""Signatures of whole folders as OpenSSF Model Signing (OMS) has them: a bundle in `model.sig`.

The bundle is Sigstore's (v0.3, JSON), its envelope DSSE's, its statement in-toto's (v1) with the
predicate https://model_signing/signature/v1.0: each file's path and SHA-256, and one digest of all
digests. Keys are elliptic (P-256, P-384, P-521), since OMS knows no Ed25519.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from serve_app.errors import ArtifactRejected, ConfigError, InvalidInput, NotFound
from serve_app.security.envelope import Envelope, EnvelopeDamaged, Signature, authenticated
from serve_app.security.signing import private_of_any_kind, public_of_any_kind

SIGNATURE = "model.sig"
"""The file of a folder that holds its signature."""
PAYLOAD = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
LARGEST_BYTES = 16_777_216
"""So long a bundle may be: 100,000 files are signed in less."""
_CURVES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
_HOW_TO = "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out oms.pem"
_FIRST = 3


class _Signed(NamedTuple):
    """What was signed: SHA-256 by path, under which name, and which paths do not count."""

    name: str
    digests: Mapping[str, str]
    ignored: tuple[str, ...]


def private_key(pem: bytes) -> Any:
    """The private key that a PEM holds.

    Raises:
        InvalidInput: it holds none on a curve that OMS knows, or one that is locked.
        ConfigError: the package `cryptography` is not installed.
    """
    return _on_a_curve(private_of_any_kind(pem))


def public_key(pem: bytes) -> Any:
    """The public key that a PEM holds.

    Raises:
        InvalidInput: it holds none on a curve that OMS knows, or a private one.
        ConfigError: the package `cryptography` is not installed.
    """
    return _on_a_curve(public_of_any_kind(pem))


def bundle(name: str, digests: Mapping[str, str], key: Any) -> bytes:
    """The signed bundle of files called `name`, by a private key (`private_key`).

    `digests` are SHA-256, 64 hexadecimal digits, by path below the folder, with slashes.
    """
    _, hashes, ec = _cryptography()
    payload = json.dumps(_statement(name, digests)).encode()
    content = authenticated(PAYLOAD, payload)
    signature = key.sign(content, ec.ECDSA(_hash(hashes, key)))
    envelope = Envelope(PAYLOAD, payload, (Signature("", signature),))
    body = {
        "mediaType": BUNDLE,
        "verificationMaterial": {
            "publicKey": {"hint": _hint(key.public_key())},
            "tlogEntries": [],
        },
        "dsseEnvelope": envelope.to_json(),
    }
    return json.dumps(body, separators=(",", ":")).encode()


def check(folder: Path, signature: Path, public: Any) -> str:
    """Let pass a folder that holds what was signed with a key (`public_key`), and nothing else.

    Gives the name that it was signed by.

    Raises:
        NotFound: the folder or the signature cannot be read.
        ArtifactRejected: the signature is none, or of another key, or of other files.
    """
    signed = _signed(_read(signature), public)
    digests = digests_of(folder, [signature, *(folder / path for path in signed.ignored)])
    both = digests.keys() & signed.digests.keys()
    differing = [
        *(f"{path} was changed" for path in both if digests[path] != signed.digests[path]),
        *(f"{path} is missing" for path in signed.digests.keys() - both),
        *(f"{path} was not signed" for path in digests.keys() - both),
    ]
    if differing:
        more = len(differing) - _FIRST
        rest = f" and {more} more" if more > 0 else ""
        msg = f"{folder} is not what was signed: {'; '.join(sorted(differing)[:_FIRST])}{rest}"
        raise ArtifactRejected(msg)
    return signed.name


def digests_of(folder: Path, ignored: list[Path]) -> dict[str, str]:
    """The SHA-256 of each file of a folder by its path below it, but for some files and folders.

    Raises:
        NotFound: a file cannot be read.
        ArtifactRejected: one is a link: what it points at is not in the folder.
    """
    left_out = {path.absolute() for path in ignored}
    digests = {}
    try:
        for path in sorted(folder.rglob("*")):
            if left_out & {path.absolute(), *path.absolute().parents}:
                continue
            if path.is_symlink():
                raise ArtifactRejected(f"{path} is a link; a folder is signed with its own files")
            if not path.is_dir():
                with path.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                digests[path.relative_to(folder).as_posix()] = digest
    except OSError as error:
        msg = f"{error.filename or folder} cannot be read: {error.strerror or error}"
        raise NotFound(msg) from error
    return digests


def _statement(name: str, digests: Mapping[str, str]) -> dict[str, Any]:
    paths = sorted(digests)
    resources = [{"name": one, "digest": digests[one], "algorithm": "sha256"} for one in paths]
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": _of_all(digests[one] for one in paths)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "resources": resources,
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [SIGNATURE],
            },
        },
    }


def _of_all(digests: Iterable[str]) -> str:
    """The SHA-256 of all digests, one after the other as bytes."""
    return hashlib.sha256(b"".join(bytes.fromhex(one) for one in digests)).hexdigest()


def _signed(body: Any, public: Any) -> _Signed:
    """What a bundle of a key says.

    Raises:
        ArtifactRejected: it is no bundle of OMS, or of another key.
    """
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    _, hashes, ec = _cryptography()
    try:
        if body["mediaType"] != BUNDLE:
            raise ArtifactRejected(f"the signature is no bundle of OMS but {body['mediaType']!r}")
        hint = body["verificationMaterial"].get("publicKey", {}).get("hint")
        envelope = Envelope.from_json(body["dsseEnvelope"])
        if hint != _hint(public) or len(envelope.signatures) != 1:
            raise ArtifactRejected("it was signed with another key")
        content = authenticated(envelope.payload_type, envelope.payload)
        public.verify(envelope.signatures[0].value, content, ec.ECDSA(_hash(hashes, public)))
        if envelope.payload_type != PAYLOAD:
            raise ArtifactRejected(f"what was signed is no statement: {envelope.payload_type!r}")
        return _resources(json.loads(envelope.payload))
    except InvalidSignature:
        raise ArtifactRejected("the signature is of other bytes, or of another key") from None
    except (EnvelopeDamaged, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ArtifactRejected(f"the signature is no bundle of OMS: {error!r}") from error


def _resources(statement: Any) -> _Signed:
    """What a statement says; raises as `_signed`."""
    kinds = (statement["_type"], statement["predicateType"])
    (subject,) = statement["subject"]
    predicate = statement["predicate"]
    serialization = predicate["serialization"]
    how = (serialization["method"], serialization["hash_type"])
    if kinds != (STATEMENT, PREDICATE) or how != ("files", "sha256"):
        msg = f"the signature is of a kind that is not known here: {kinds[1]!r}, {how!r}"
        raise ArtifactRejected(msg)
    resources = predicate["resources"]
    if any(one["algorithm"] != "sha256" for one in resources):
        raise ArtifactRejected("the signature is of a kind that is not known here: no SHA-256")
    if _of_all(one["digest"] for one in resources) != subject["digest"]["sha256"]:
        raise ArtifactRejected("the signature contradicts itself: its digests do not add up")
    digests = {str(one["name"]): str(one["digest"]) for one in resources}
    ignored = tuple(str(path) for path in serialization.get("ignore_paths", ()))
    return _Signed(str(subject["name"]), digests, ignored)


def _read(signature: Path) -> Any:
    try:
        content = signature.read_bytes()
    except OSError as error:
        msg = f"{signature} cannot be read: {error.strerror or error}"
        raise NotFound(msg) from error
    if len(content) > LARGEST_BYTES:
        raise ArtifactRejected(f"{signature} has {len(content)} bytes, which no signature has")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtifactRejected(f"{signature} is no bundle of OMS: {error}") from error


def _hint(public: Any) -> str:
    """How a bundle names its key: the SHA-256 of its PEM, 64 hexadecimal digits."""
    serialization, _, _ = _cryptography()
    pem = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(pem).hexdigest()


def _hash(hashes: Any, key: Any) -> Any:
    return getattr(hashes, _CURVES[key.curve.name])()


def _on_a_curve(key: Any) -> Any:
    curve = getattr(getattr(key, "curve", None), "name", type(key).__name__)
    if curve not in _CURVES:
        msg = f"the key is one of {curve}, which OMS does not know; make one by {_HOW_TO}"
        raise InvalidInput(msg)
    return key


def _cryptography() -> tuple[Any, Any, Any]:
    try:
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    except ImportError as error:
        msg = "signatures need the package cryptography: pip install 'serve-app[signing]'"
        raise ConfigError(msg) from error
    return serialization, hashes, ec
