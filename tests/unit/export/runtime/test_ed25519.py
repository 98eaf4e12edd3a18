"""Signatures against RFC 8032's vectors and against the library `cryptography`."""

import os

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from serve_app.export.runtime.ed25519 import is_signed

# RFC 8032, section 7.1, TEST 1 to 3: public key, message, signature.
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
            "f9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
            "f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f76098"
            "4dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
]
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize(("key", "message", "signature"), VECTORS)
def test_published_vectors(key, message, signature):
    key, message, signature = map(bytes.fromhex, (key, message, signature))
    assert is_signed(message, signature, key)
    assert not is_signed(message + b"x", signature, key)


def test_what_the_library_signs_is_signed_and_no_bit_of_it_may_change():
    for size in range(20):
        private, message = Ed25519PrivateKey.generate(), os.urandom(size)
        key, signature = private.public_key().public_bytes_raw(), private.sign(message)
        assert is_signed(message, signature, key)
        changed = bytearray(signature)
        changed[size] ^= 1 << (size % 8)
        assert not is_signed(message, bytes(changed), key)
        assert not is_signed(
            message, signature, Ed25519PrivateKey.generate().public_key().public_bytes_raw()
        )


def test_a_signature_has_one_form():
    """RFC 8032, section 5.1.7: S is in 0..L-1."""
    private = Ed25519PrivateKey.generate()
    key, signature = private.public_key().public_bytes_raw(), private.sign(b"m")
    larger = int.from_bytes(signature[32:], "little") + ORDER
    assert not is_signed(b"m", signature[:32] + larger.to_bytes(32, "little"), key)


@pytest.mark.parametrize(
    "key",
    [
        bytes(32),  # of order 4
        (1).to_bytes(32, "little"),  # the neutral point
        (2**255 - 20).to_bytes(32, "little"),  # of order 2
        (2**255 - 18).to_bytes(32, "little"),  # the neutral point, written otherwise
        b"\xff" * 32,
        b"short",
    ],
)
def test_keys_that_sign_everything_are_refused(key):
    everything = (1).to_bytes(32, "little") + bytes(32)
    assert not is_signed(b"any", everything, key)
