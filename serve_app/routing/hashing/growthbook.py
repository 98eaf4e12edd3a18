"""The buckets of GrowthBook's SDKs: FNV-1a over UTF-16 code units, as JavaScript counts text.

Sources: GrowthBook, `packages/sdk-js/src/util.ts` and its shared cases; Fowler, Noll, Vo and
Eastlake, "The FNV Non-Cryptographic Hash Algorithm" (RFC 9923).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from serve_app.routing.hashing.bucket_hash import BucketHash

_OFFSET_BASIS, _PRIME, _WORD = 0x811C9DC5, 0x01000193, 0xFFFFFFFF
_BUCKETS_V1, _BUCKETS_V2 = 1_000, 10_000


def fnv1a_32(text: str) -> int:
    """FNV-1a of 32 bits, where each UTF-16 code unit of the text is one step."""
    if text.isascii():
        units: Sequence[int] = text.encode("ascii")
    else:
        encoded = text.encode("utf-16-le", "surrogatepass")
        units = struct.unpack(f"<{len(encoded) // 2}H", encoded)
    value = _OFFSET_BASIS
    for unit in units:
        value = ((value ^ unit) * _PRIME) & _WORD
    return value


def bucket_v2(seed: str, key: str) -> int:
    """One of 10,000 buckets: the hash of the digits of a hash, which is unbiased."""
    return fnv1a_32(str(fnv1a_32(seed + key))) % _BUCKETS_V2


def bucket_v1(seed: str, key: str) -> int:
    """One of 1,000 buckets, which are correlated between experiments."""
    return fnv1a_32(key + seed) % _BUCKETS_V1


def hash_value(seed: str, value: str, version: int) -> float | None:
    """Where a value falls in [0, 1); None for a version that does not exist."""
    if version == 2:
        return bucket_v2(seed, value) / _BUCKETS_V2
    if version == 1:
        return bucket_v1(seed, value) / _BUCKETS_V1
    return None


def bucket_ranges(
    variations: int, coverage: float = 1.0, weights: Sequence[float] | None = None
) -> list[tuple[float, float]]:
    """The range [start, end) of each variation.

    The coverage is cut to [0, 1]; weights are equal where there are none, where their number is
    another than that of the variations, or where they sum to less than 0.99 or more than 1.01.
    """
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != variations or not _is_about_one(sum(weights)):
        weights = [1 / variations] * variations
    ranges, start = [], 0.0
    for weight in weights:
        ranges.append((start, start + coverage * weight))
        start += weight
    return ranges


def choose_variation(value: float, ranges: Sequence[tuple[float, float]]) -> int:
    """The first range that holds a value; -1 where none does."""
    return next((i for i, (start, end) in enumerate(ranges) if start <= value < end), -1)


def in_namespace(value: str, name: str, start: float, end: float) -> bool:
    """Whether a value is in the part [start, end) of a namespace, so in its experiments."""
    return start <= bucket_v1(f"__{name}", value) / _BUCKETS_V1 < end


def _owners(weights: Sequence[float], coverage: float, buckets: int) -> tuple[int, ...]:
    total = sum(weights)
    # What already sums to about 1 counts as it is written, as the SDKs do, gaps included.
    shares = weights if _is_about_one(total) else [weight / total for weight in weights]
    ranges = bucket_ranges(len(shares), coverage, shares)
    return tuple(choose_variation(bucket / buckets, ranges) for bucket in range(buckets))


def _is_about_one(total: float) -> bool:
    return 0.99 <= total <= 1.01


GROWTHBOOK_V2 = BucketHash("growthbook-v2", _BUCKETS_V2, bucket_v2, owners=_owners)
GROWTHBOOK_V1 = BucketHash(
    "growthbook-v1",
    _BUCKETS_V1,
    bucket_v1,
    owners=_owners,
    advice="its assignments are correlated between experiments; new ones use growthbook-v2",
)
