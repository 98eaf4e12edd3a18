"""Our own draws: 64 bits of BLAKE2b (RFC 7693), from a seed and a key."""

from __future__ import annotations

import hashlib

from serve_app.routing.hashing.bucket_hash import BucketHash

BUCKETS = 1_000_000


def blake2b_64(seed: str, key: str, person: bytes = b"bucket") -> int:
    """A number below 2^64; draws for another purpose, `person`, have nothing to do with it."""
    # The length keeps seed and key apart: "a" with "bc" is not "ab" with "c".
    text = f"{len(seed)}:{seed}{key}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, person=person).digest(), "big")


def bucket(seed: str, key: str) -> int:
    """One of a million buckets."""
    return blake2b_64(seed, key) * BUCKETS >> 64


def covering_bucket(seed: str, key: str) -> int:
    """One of a million buckets, independent of `bucket` under the same seed."""
    return blake2b_64(seed, key, b"coverage") * BUCKETS >> 64


BLAKE2B = BucketHash("blake2b", BUCKETS, bucket, covers=covering_bucket)
