"""The buckets of Statsig's SDKs: the first 64 bits of SHA-256.

A rule of a gate or config has 10,000 buckets under the seed `<config's salt>.<rule's salt>`; an
experiment's groups, and layers, have 1,000 under one salt.
Source: Statsig, `statsig/evaluator.py` (`__eval_pass_percentage`, `user_bucket`).
"""

from __future__ import annotations

import hashlib

from serve_app.routing.hashing.bucket_hash import BucketHash

_RULE_BUCKETS, _USER_BUCKETS = 10_000, 1_000


def sha256_64(text: str) -> int:
    """The first eight bytes of SHA-256 as a number."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def bucket(seed: str, unit_id: str) -> int:
    """One of the 10,000 buckets of a rule; `seed` is `<config's salt>.<rule's salt>`."""
    return sha256_64(f"{seed}.{unit_id}") % _RULE_BUCKETS


def user_bucket(salt: str, unit_id: str) -> int:
    """One of the 1,000 buckets of an experiment or a layer."""
    return sha256_64(f"{salt}.{unit_id}") % _USER_BUCKETS


STATSIG = BucketHash("statsig", _RULE_BUCKETS, bucket, covers=bucket)
STATSIG_EXPERIMENT = BucketHash(
    "statsig-experiment", _USER_BUCKETS, user_bucket, covers=user_bucket
)
