"""Bundles: nobody else's, and not a byte changed."""

import json

import pytest

from serve_app.errors import ArtifactRejected, InvalidInput
from serve_app.export.runtime.bundle import header, opened, public_key
from serve_app.security.signing import key_pair, private_key, signature_of

WHEEL = b"PK" + bytes(range(256))
NAME = "churn_2-1.0.0-py3-none-any.whl"
PRIVATE, PUBLIC = key_pair()


def bundle(lines=None, private=PRIVATE, wheel=WHEEL):
    lines = header("churn", 2, NAME, WHEEL) if lines is None else lines
    signature = signature_of(lines, private_key(private))
    return lines + signature.hex().encode() + b"\n" + wheel


def test_what_was_signed_is_opened():
    one = opened(bundle(), public_key(PUBLIC))
    assert (one.reference, one.package, one.content) == ("churn@2", "churn_2", WHEEL)


def test_no_byte_may_change():
    whole, key = bundle(), public_key(PUBLIC)
    for at in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 1
        with pytest.raises(ArtifactRejected):
            opened(bytes(changed), key)
    for short in (b"", whole[:30], whole[:-1]):
        with pytest.raises(ArtifactRejected):
            opened(short, key)


def test_what_somebody_else_signed_is_refused():
    with pytest.raises(ArtifactRejected, match="not signed with the key that this device trusts"):
        opened(bundle(private=key_pair()[0]), public_key(PUBLIC))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"wheel": "../churn_2-1-py3-none-any.whl"}, "holds no wheel"),
        ({"wheel": 3}, "another release"),
        ({"version": "two"}, "another release"),
        ({"size_bytes": 1}, "258 bytes of a wheel of 1"),
    ],
)
def test_a_signed_header_that_makes_no_sense_is_refused(changes, words):
    magic, line, _ = header("churn", 2, NAME, WHEEL).split(b"\n")
    lines = magic + b"\n" + json.dumps({**json.loads(line), **changes}).encode() + b"\n"
    with pytest.raises(ArtifactRejected, match=words):
        opened(bundle(lines), public_key(PUBLIC))


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (PRIVATE, "this is the private key"),
        (b"", "no public key of Ed25519"),
        (
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "no public key of Ed25519",
        ),
        (b"-----BEGIN PUBLIC KEY-----\nA\n-----END PUBLIC KEY-----\n", "damaged"),
    ],
)
def test_what_is_no_public_key_is_refused(pem, words):
    with pytest.raises(InvalidInput, match=words):
        public_key(pem)


def test_what_is_no_private_key_is_refused():
    with pytest.raises(InvalidInput, match="no private key"):
        private_key(PUBLIC)
