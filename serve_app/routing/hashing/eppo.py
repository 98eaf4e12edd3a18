"""The shards of Eppo's SDKs: the first 32 bits of MD5, modulo 10,000.

Flags of today hash `<salt>-<subject>`, with a salt for the split and another for the traffic that
is in it. The former format, version 1 here, hashes `assignment-<subject>-<flag>` and
`exposure-<subject>-<flag>`.
Sources: Eppo, `eppo_client/sharders.py` and `eval.py`; `sdk-test-data/assignment-v2`.
"""

from __future__ import annotations

import hashlib

from serve_app.routing.hashing.bucket_hash import BucketHash

BUCKETS = 10_000


def shard(text: str, shards: int = BUCKETS) -> int:
    """One of some shards."""
    encoded = text.encode("utf-8", "surrogatepass")
    digest = hashlib.md5(encoded, usedforsecurity=False).digest()
    return int.from_bytes(digest[:4], "big") % shards


def bucket(salt: str, subject: str) -> int:
    """The shard of a subject under a salt."""
    return shard(f"{salt}-{subject}")


def bucket_v1(flag: str, subject: str) -> int:
    """The shard that says which variation of a flag a subject has, in the former format."""
    return shard(f"assignment-{subject}-{flag}")


def covering_bucket_v1(flag: str, subject: str) -> int:
    """The shard that says whether a subject is exposed to a flag, in the former format."""
    return shard(f"exposure-{subject}-{flag}")


EPPO = BucketHash("eppo", BUCKETS, bucket, covers=bucket)
EPPO_V1 = BucketHash("eppo-v1", BUCKETS, bucket_v1, covers=covering_bucket_v1)
