"""OpenSSF's own library of signed models."""

from answering import answer_calls
from model_signing import hashing, signing, verifying


def _ignoring(signature):
    return hashing.Config().set_ignored_paths(paths=[signature])


def sign(folder, signature, key):
    """Sign a folder with a private key."""
    signer = signing.Config().use_elliptic_key_signer(private_key=key)
    signer.set_hashing_config(_ignoring(signature)).sign(folder, signature)


def verify(folder, signature, key):
    """Raise where a folder is not what was signed with a key."""
    verifier = verifying.Config().use_elliptic_key_verifier(public_key=key)
    verifier.set_hashing_config(_ignoring(signature)).verify(folder, signature)


answer_calls({"sign": sign, "verify": verify})
