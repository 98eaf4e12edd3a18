"""Keys and signatures against RFC 8032, DSSE's specification, OpenSSL and in-toto."""

import base64
import hashlib
import json
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve_app.errors import InvalidInput
from serve_app.security.envelope import Envelope, EnvelopeDamaged, Signature, authenticated
from serve_app.security.signing import (
    is_signed,
    key_id,
    key_pair,
    private_key,
    public_key,
    public_of,
    signature_of,
)
from serve_app.security.statements import StatementDamaged, VersionStatement

PRIVATE, PUBLIC = key_pair()
KEY = private_key(PRIVATE)
RAW = public_key(PUBLIC)
STATEMENT = VersionStatement("churn", 3, "ab" * 32, "Ada", "2026-11-21T12:00:00+00:00", 2)


def test_a_signature_is_that_of_rfc_8032():
    # Section 7.1, test 2: one byte, 0x72.
    secret = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    expected = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert public_of(key) == public
    assert signature_of(b"\x72", key).hex() == expected
    assert is_signed(b"\x72", bytes.fromhex(expected), public)
    assert not is_signed(b"\x73", bytes.fromhex(expected), public)


def test_what_is_signed_is_the_encoding_that_dsse_gives_as_an_example():
    # protocol.md of DSSE v1.0: the PAE of its test vector.
    assert authenticated("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@given(st.text(max_size=9), st.binary(max_size=9), st.text(max_size=9), st.binary(max_size=9))
def test_no_two_payloads_are_signed_as_the_same_bytes(kind, payload, other_kind, other):
    try:
        left, right = authenticated(kind, payload), authenticated(other_kind, other)
    except UnicodeEncodeError:
        return
    assert (left == right) == ((kind, payload) == (other_kind, other))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_names_a_key_and_verifies_an_envelope_alike(tmp_path):
    (tmp_path / "key.pub.pem").write_bytes(PUBLIC)
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "key.pub.pem", "-outform", "DER"],
        cwd=tmp_path, capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert key_id(RAW) == hashlib.sha256(der).hexdigest()
    body = json.loads(Envelope.signed("text/plain", b"hello", KEY).encode())
    assert body["signatures"][0]["keyid"] == key_id(RAW)
    (tmp_path / "signed").write_bytes(b"DSSEv1 10 text/plain 5 hello")
    (tmp_path / "sig").write_bytes(base64.b64decode(body["signatures"][0]["sig"]))
    words = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key.pub.pem", "-rawin"]
    line = [*words, "-in", "signed", "-sigfile", "sig"]
    assert subprocess.run(line, cwd=tmp_path, capture_output=True, check=False).returncode == 0


def test_an_envelope_is_read_as_it_was_written_in_either_alphabet():
    envelope = Envelope.signed("text/plain", bytes(range(256)), KEY)
    content = envelope.encode()
    assert Envelope.decode(content) == envelope
    body = json.loads(content)
    body["payload"] = body["payload"].replace("+", "-").replace("/", "_")
    assert Envelope.decode(json.dumps(body).encode()) == envelope
    assert envelope.signers({key_id(RAW): RAW}) == (frozenset({key_id(RAW)}), frozenset())
    assert envelope.signers({}) == (frozenset(), frozenset())


@settings(max_examples=60)
@given(st.data())
def test_a_changed_bit_of_an_envelope_is_never_a_right_signature_of_something_else(data):
    envelope = Envelope.signed("text/plain", b"hello", KEY)
    content = bytearray(envelope.encode())
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    content[place // 8] ^= 1 << place % 8
    try:
        read = Envelope.decode(bytes(content))
    except EnvelopeDamaged:
        return
    right, _ = read.signers({key_id(RAW): RAW})
    assert not right or (read.payload_type, read.payload) == ("text/plain", b"hello")


def test_who_signs_may_leave_the_name_of_the_key_out():
    """DSSE's envelope.md: KEYID is optional."""
    content = b'{"payload": "", "payloadType": "t", "signatures": [{"sig": ""}]}'
    assert Envelope.decode(content).signatures == (Signature("", b""),)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{}", b"[" * 100_000, b'{"payload": 1}',
        b'{"payload": "a", "payloadType": "t", "signatures": []}',
        b'{"payload": "", "payloadType": "t", "signatures": []}',
        b'{"payload": "", "payloadType": 1, "signatures": [{"keyid": "a", "sig": ""}]}',
        b'{"payload": "\xff", "payloadType": "t", "signatures": []}', b" " * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(content):
    with pytest.raises(EnvelopeDamaged):
        Envelope.decode(content)


def test_a_statement_is_one_of_in_toto():
    # https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
    body = json.loads(STATEMENT.encode())
    assert body["_type"] == "https://in-toto.io/Statement/v1"
    assert body["subject"] == [{"name": "churn/3/manifest.json", "digest": {"sha256": "ab" * 32}}]
    assert set(body) == {"_type", "subject", "predicateType", "predicate"}
    assert VersionStatement.decode(STATEMENT.encode()) == STATEMENT


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.pop("predicate"),
        lambda body: body.update(extra=1),
        lambda body: body.update(predicateType="https://slsa.dev/provenance/v1"),
        lambda body: body["subject"].append({"name": "x", "digest": {"sha256": "cd" * 32}}),
        lambda body: body["subject"].clear(),
        lambda body: body["predicate"].update(model="other"),
    ],
)
def test_a_statement_that_says_something_else_is_not_taken_for_it(change):
    body = json.loads(STATEMENT.encode())
    change(body)
    payload = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(StatementDamaged):
        VersionStatement.decode(payload)


def test_halves_of_keys_are_not_mistaken_for_each_other():
    with pytest.raises(InvalidInput, match="the private key, which signs"):
        public_key(PRIVATE)
    with pytest.raises(InvalidInput, match="no private key"):
        private_key(PUBLIC)
    with pytest.raises(InvalidInput, match="no public key"):
        public_key(b"nothing")
