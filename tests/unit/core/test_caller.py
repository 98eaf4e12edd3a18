"""Who sends a request, and what stands for them."""

import hashlib

from serve_app.core.caller import credential_of, pseudonym


def test_the_credential_is_the_first_header_that_holds_one():
    headers = {"x-api-key": "k", "authorization": "Bearer t", "x-forwarded-for": "1.2.3.4"}
    assert credential_of(headers) == "Bearer t"
    assert credential_of({"x-api-key": "k", "authorization": ""}) == "k"
    assert credential_of({"x-forwarded-for": "1.2.3.4", "x-user": "me"}) is None


def test_a_pseudonym_is_a_keyed_hash_that_another_salt_changes():
    key = hashlib.blake2b(b"salt").digest()
    assert pseudonym("ann", "salt") == hashlib.blake2b(b"ann", key=key, digest_size=8).hexdigest()
    assert pseudonym("ann", "salt") != pseudonym("ann", "other")
    assert pseudonym("\udcff", "\udcff")
